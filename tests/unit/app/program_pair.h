// SPDX-License-Identifier: BSD-3-Clause
// A program on one shard, a server on another, and a wire that takes one step of virtual time each
// way. It makes the same calls as an engine's worker, in the same order.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/report.h"
#include "millrace/engine.h"

namespace millrace::load {

// A server whose answers a test makes up.
class MadeUpServer final : public Program, public App {
 public:
  using OnData = std::function<void(Shard&, ConnectionId, std::string_view)>;
  using OnOpen = std::function<void(Shard&, ConnectionId)>;

  explicit MadeUpServer(OnData on_data, OnOpen on_open = {})
      : on_data_(std::move(on_data)), on_open_(std::move(on_open)) {}

  Result<void> start(Shard& shard) override {
    const auto listener = shard.listen({{}, kPort}, *this);
    if (!listener) return listener.error();
    return {};
  }
  void on_established(Shard& shard, ConnectionRef c) override {
    if (on_open_) on_open_(shard, c.id);
  }
  size_t on_data(Shard& shard, ConnectionRef c, std::span<const std::byte> data) override {
    ++requests;
    if (on_data_) {
      on_data_(shard, c.id, {reinterpret_cast<const char*>(data.data()), data.size()});
    }
    return data.size();
  }
  void on_closed(Shard&, ConnectionRef, CloseReason) override {}

  static constexpr uint16_t kPort = 80;
  uint64_t requests = 0;  // segments with data, and a request is one segment

 private:
  OnData on_data_;
  OnOpen on_open_;
};

inline void say(Shard& shard, ConnectionId id, std::string_view text) {
  EXPECT_EQ(shard.send(id, std::as_bytes(std::span(text))), text.size());
}

class ProgramPair {
 public:
  static constexpr Duration kStep = microseconds(100);
  static constexpr Endpoint kTarget{IpAddress::v4(0x0a000001), MadeUpServer::kPort};

  ProgramPair(Program& client, Program& server, ShardConfig client_config = {},
              ShardConfig server_config = {})
      : client_(client), server_(server) {
    server_shard_ = std::move(Shard::create(shard_config(server_config, 1), now_).value());
    client_shard_ = std::move(Shard::create(shard_config(client_config, 2), now_).value());
    EXPECT_TRUE(server_.start(*server_shard_).ok());
    EXPECT_TRUE(client_.start(*client_shard_).ok());
  }

  Shard& client() { return *client_shard_; }
  Shard& server() { return *server_shard_; }
  Instant now() const { return now_; }
  // Frames to the server, or from it, are lost from now on.
  void cut(bool to_server, bool from_server) {
    lost_to_server_ = to_server;
    lost_from_server_ = from_server;
  }
  // The client's worker does nothing for that long, while time and the server go on.
  void stall(Duration duration) { stalled_until_ = now_ + duration; }

  void pass(Duration duration) {
    for (const Instant end = now_ + duration; now_ < end;) step();
  }
  // Until the client's worker would have ended; false when it does not within `limit`.
  bool run(Duration limit = seconds(60)) {
    for (const Instant end = now_ + limit; now_ < end && !ended_;) step();
    return ended_;
  }
  // As Engine::stop() does.
  void stop() {
    if (draining_) return;
    draining_ = true;
    client_.stopping(*client_shard_);
    client_shard_->drain(now_ + seconds(2));
  }

  // The IPv4 addresses that segments with data have come from.
  [[nodiscard]] const std::set<std::string>& sources_seen() const { return sources_seen_; }
  // What the stack's part of a report is made of; valid for as long as this pair lives.
  const cli::CounterTotals& counters() {
    for (size_t i = 0; i < kCounterCount; ++i) {
      counters_.values[i] = client_shard_->counters().get(static_cast<Counter>(i));
    }
    return counters_;
  }
  const EngineReport& report() const { return report_; }

 protected:
  [[nodiscard]] bool ended() const { return ended_; }

  void step() {
    now_ = now_ + kStep;
    const Frames to_server = std::exchange(to_server_, {});
    receive(*server_shard_, now_, to_server);
    server_shard_->advance(now_);
    server_.turn(*server_shard_);
    Frames from_server = transmit(*server_shard_, now_);
    if (now_ >= stalled_until_) {
      receive(*client_shard_, now_, std::exchange(to_client_, {}));
      client_shard_->advance(now_);
      client_.turn(*client_shard_);
      append(to_server_, note_sources(transmit(*client_shard_, now_)), lost_to_server_);
      if (!draining_ && client_.finished()) stop();
      ended_ = draining_ && client_shard_->drained();
    }
    append(to_client_, std::move(from_server), lost_from_server_);
  }

 private:
  using Frames = std::vector<std::vector<std::byte>>;

  static ShardConfig shard_config(ShardConfig config, uint8_t number) {
    config.interface.mac = {{2, 0, 0, 0, 0, number}};
    config.interface.addresses = {{IpAddress::v4(0x0a000000u + number), 24}};
    config.interface.routes = {
        {Prefix::parse("0.0.0.0/0").value(), IpAddress::v4(0x0a000003u - number)}};
    config.half_open_max = 4096;
    config.time_wait_max = 4096;
    config.small_blocks_max = 1u << 14;
    config.large_blocks_max = 1u << 12;
    config.seed = number;
    return config;
  }

  static void receive(Shard& shard, Instant now, const Frames& frames) {
    for (const std::vector<std::byte>& bytes : frames) {
      const RxFrame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
      shard.receive(now, {&frame, 1});
    }
  }
  static Frames transmit(Shard& shard, Instant now) {
    Frames out;
    std::array<TxFrame, 64> described;
    for (int burst = 0; burst < 16; ++burst) {
      const size_t n = shard.transmit(now, described);
      for (const TxFrame& frame : std::span(described).first(n)) {
        out.emplace_back(frame.total_bytes());
        write_frame(frame, out.back());
      }
    }
    return out;
  }
  Frames note_sources(Frames frames) {
    for (const std::vector<std::byte>& f : frames) {
      if (f.size() <= 74) continue;  // no data behind the longest headers
      const auto octet = [&](size_t i) { return std::to_integer<uint32_t>(f[26 + i]); };
      const uint32_t source = octet(0) << 24 | octet(1) << 16 | octet(2) << 8 | octet(3);
      sources_seen_.insert(IpAddress::v4(source).to_string());
    }
    return frames;
  }
  static void append(Frames& to, Frames&& frames, bool lost) {
    if (lost) return;
    for (auto& frame : frames) to.push_back(std::move(frame));
  }

  Program& client_;
  Program& server_;
  std::unique_ptr<Shard> server_shard_;
  std::unique_ptr<Shard> client_shard_;
  cli::CounterTotals counters_;
  EngineReport report_;
  std::set<std::string> sources_seen_;
  Frames to_server_;
  Frames to_client_;
  Instant now_{1'000'000'000};
  Instant stalled_until_;
  bool lost_to_server_ = false;
  bool lost_from_server_ = false;
  bool draining_ = false;
  bool ended_ = false;
};

}  // namespace millrace::load
