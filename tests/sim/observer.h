// SPDX-License-Identifier: BSD-3-Clause
// Stands beside the wire and watches one connection: every segment that an end sends must make
// sense given what it has sent before and what has reached it. Knows the protocol, the
// application's bytes, and nothing about the stack.
//
// Must hold (side X, its peer Y):
//   payload bytes are the application's, at their place in the stream; FIN stands at its end
//   no payload past the right edge that Y's segments told X, but for one-byte probes
//   ack never goes back, never passes what reached X from Y
//   ack + window never goes back (RFC 9293 section 3.8.6, MUST NOT shrink) until Y's FIN is acked
//   payload and options fit into Y's MSS (RFC 6691); options only as negotiated (RFC 7323, 2018)
//   each pure ACK has a cause: a segment that arrived, or bytes that the application read
//   timestamps never go back, and echo only what arrived
//   only new text is open to marks, where that was agreed on; nobody marks what he sends himself
//   every mark on text is echoed until CWR (RFC 3168), or counted (RFC 9768), and none that was not
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "millrace/tcp_info.h"
#include "packet.h"

namespace millrace::sim {

// What an application has handed to its stack so far.
struct SendState {
  std::span<const std::byte> stream;  // all that it is ever going to send
  uint64_t accepted_bytes = 0;        // of which the stack has taken so many
  bool finished = false;              // shutdown() or close() was called
};

class Observer {
 public:
  Observer(const SendState& client, const SendState& server) : senders_{&client, &server} {}

  // `side` (0: client, 1: server) put `packet` on the wire. Returns what is wrong with that.
  std::optional<std::string> sent(size_t side, const Packet& packet);
  // `packet`, undamaged, is about to be handed to `side`.
  void delivered(size_t side, const Packet& packet);
  // `side` has been given a reason to send an ACK that no segment of its peer's is.
  void may_acknowledge(size_t side) { ++sides_[side].ack_causes; }
  // The tuple is being used again, or may be by a late SYN: old segments may mix with new ones, so
  // from now on watch only what does not depend on sequence numbers.
  void relax() { relaxed_ = true; }
  [[nodiscard]] bool relaxed() const { return relaxed_; }

  [[nodiscard]] uint32_t iss(size_t side) const { return sides_[side].iss; }
  [[nodiscard]] bool fin_sent(size_t side) const { return sides_[side].fin_sent; }

 private:
  // Everything of X is relative to X's ISS, so SYN is 0 and the stream starts at 1.
  struct Side {
    bool syn_sent = false;
    bool disturbed = false;
    bool syn_arrived = false;  // at the peer
    bool fin_sent = false;
    uint32_t iss = 0;
    uint16_t mss = 536;  // RFC 9293 section 3.7.1, MUST-15
    bool offers_timestamps = false;
    bool offers_sack = false;
    std::optional<uint8_t> window_shift;
    int64_t sent_end = 0;     // the highest sequence number used, plus one
    int64_t early_begin = 1;  // data of the SYN that no other segment has carried
    int64_t early_end = 0;
    int64_t fin_at = 0;
    int64_t arrived_end = 0;          // of what reached the peer
    int64_t ack_arrived = 0;          // the highest ack from the peer that reached us
    int64_t edge_arrived = 0;         // the highest ack + window that reached us
    std::optional<int64_t> ack_sent;  // relative to the peer's ISS
    std::optional<int64_t> edge_sent;
    uint64_t ack_causes = 0;
    uint64_t pure_acks = 0;
    std::optional<uint32_t> ts_sent;
    std::optional<uint32_t> ts_arrived;  // at the peer
    std::optional<uint8_t> ace_said;     // by the first SYN or SYN-ACK
    bool ace_not_said = false;           // by a later one
    std::optional<EcnMode> ecn;          // what was agreed on, as far as this end knows
    bool ecn_unclear = false;
    bool opened_actively = false;
    bool echo_due = false;
    uint32_t marks_certain = 0;   // arrived on text that must have been taken
    uint32_t marks_possible = 0;  // arrived
    bool fin_arrived = false;     // the peer's
  };

  std::optional<std::string> check_syn(size_t side, const Packet& packet);
  std::optional<std::string> check_reset(const Side& me, const Side& peer, const Packet& packet);
  std::optional<std::string> check_payload(size_t side, const Packet& packet);
  std::optional<std::string> check_ack(Side& me, const Side& peer, const Packet& packet);
  std::optional<std::string> check_options(Side& me, const Side& peer, const Packet& packet);
  std::optional<std::string> check_ecn(const Side& me, const Side& peer, const Packet& packet);
  void agree_on_ecn(Side& me, const Packet& packet);
  static void note_ecn_said(Side& me, const Side& peer, const Packet& packet);
  [[nodiscard]] int64_t window_unit(const Side& me, const Side& peer) const;
  [[nodiscard]] int64_t window_of(const Side& me, const Side& peer, const Packet& packet) const;

  std::array<const SendState*, 2> senders_;
  std::array<Side, 2> sides_;
  bool relaxed_ = false;
};

}  // namespace millrace::sim
