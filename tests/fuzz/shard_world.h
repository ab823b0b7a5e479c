// SPDX-License-Identifier: BSD-3-Clause
// The small world of the shard's fuzz target: who is in it, how little room there is, what is said,
// and what a run of it leaves to be compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "fuzz/script.h"
#include "millrace/shard.h"
#include "support/naive_frame.h"

namespace millrace::fuzz {

inline constexpr uint32_t kOurIp = 0x0a000001;
inline constexpr uint32_t kPeerIp = 0x0a000002;  // and the next kPeers - 1
inline constexpr uint32_t kPeers = 2;
inline constexpr uint32_t kPorts = 3;  // of each peer: 1000, 1001, ...
inline constexpr MacAddress kOurMac{{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};
inline constexpr uint16_t kFirstPort = 80;
inline constexpr uint32_t kLocalPorts = 3;  // two listeners and the port that connect() uses
inline constexpr size_t kConnectionsMax = 6;

inline ShardConfig config(bool prediction) {
  ShardConfig c;
  c.prediction = prediction;
  c.interface.mac = kOurMac;
  c.interface.addresses = {{IpAddress::v4(kOurIp), 24}};
  c.interface.mtu = 1300;
  c.connections_max = kConnectionsMax;
  c.half_open_max = 4;
  c.time_wait_max = 4;
  c.listeners_max = 3;
  c.neighbors_max = 4;
  c.profiles_max = 6;
  c.small_blocks_max = 40;
  c.large_blocks_max = 10;
  c.control_frames_max = 8;
  c.timers_per_turn = 4;
  c.frames_per_connection_per_turn = 4;
  c.rst_per_second = 20;
  c.challenge_ack_per_second = 10;
  c.icmp_per_second = 10;
  c.msl = seconds(2);
  c.port_first = kFirstPort + 2;
  c.port_last = kFirstPort + 2;
  c.seed = 7;
  return c;
}

// What a stream holds at a place: what we send counts from its start, what peers send by sequence
// number, so that any cut, copy or overlap of segments agrees with any other.
inline std::byte ours_at(uint32_t offset) {
  return static_cast<std::byte>(offset * 37 + (offset >> 8));
}
inline std::byte theirs_at(uint32_t seq) {
  return static_cast<std::byte>(seq * 53 + (seq >> 8) + 1);
}

// Bytes for send_static(), which must outlive the shard: enough for any offset modulo 65536.
inline const std::vector<std::byte>& stream() {
  static const std::vector<std::byte> bytes = [] {
    std::vector<std::byte> all(1 << 17);
    for (uint32_t i = 0; i < all.size(); ++i) all[i] = ours_at(i);
    return all;
  }();
  return bytes;
}

enum class Event : uint8_t { kEstablished, kData, kWritable, kPeerClosed, kClosed };

// What a run did: the frames that it sent, the events of its application, what it counted. With a
// model, a run that does anything else than that one ends at once.
class Transcript {
 public:
  explicit Transcript(const Transcript* model) : model_(model) {}

  void note(test::Bytes line) {
    const size_t at = lines_.size();
    lines_.push_back(std::move(line));
    if (model_ != nullptr) require(at < model_->lines_.size() && model_->lines_[at] == lines_[at]);
  }

  void note(Event event, uint64_t cookie, uint64_t detail = 0) {
    test::Bytes line{static_cast<std::byte>(event)};
    for (const uint64_t value : {cookie, detail}) {
      for (int shift = 0; shift < 64; shift += 8) {
        line.push_back(static_cast<std::byte>(value >> shift & 0xff));
      }
    }
    note(std::move(line));
  }

  void end(const Counters& counters) {
    for (size_t i = 0; i < kCounterCount; ++i) {
      const auto counter = static_cast<Counter>(i);
      const bool of_prediction = counter == Counter::kTcpExtTCPHPHits;
      counts_.push_back(of_prediction ? 0 : counters.get(counter));
    }
    if (model_ == nullptr) return;
    require(lines_.size() == model_->lines_.size());
    for (size_t i = 0; i < kCounterCount; ++i) require(counts_[i] == model_->counts_[i]);
  }

 private:
  const Transcript* model_;
  std::vector<test::Bytes> lines_;
  std::vector<uint64_t> counts_;
};

}  // namespace millrace::fuzz
