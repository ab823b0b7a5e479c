// SPDX-License-Identifier: BSD-3-Clause
// What a connection did since it began. In: what the stack sees pass. Out: the part of TcpInfo that
// is a sum. It lies beside the connection table, by the same index, and only where
// ShardConfig::statistics asks for it, so that a connection does not pay for being counted.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/memory.h"
#include "tcp/connection.h"

namespace millrace::stack {

struct alignas(64) ConnectionStatistics {
  uint64_t bytes_acked = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_retrans = 0;
  uint64_t delivery_rate = 0;  // bytes per second of the last whole round trip
  uint32_t segs_in = 0;
  uint32_t segs_out = 0;
  uint32_t ce_received = 0;
  uint32_t ce_delivered = 0;
  // The round trip that is being measured: from the acknowledgement that moved snd_una to
  // round_una until one of round_end.
  wire::SeqNum round_una;
  wire::SeqNum round_end;
  uint32_t round_began_us = 0;
  bool in_round = false;

  // An acknowledgement has moved snd_una from `una_before`, with `bytes` of text.
  void on_acked(const tcp::Connection& c, uint32_t now_us, uint32_t bytes);
};
static_assert(sizeof(ConnectionStatistics) == 64);

// Bytes of text between `una_before` and snd_una: SYN and FIN take sequence numbers and are none.
inline uint32_t text_acked(const tcp::Connection& c, wire::SeqNum una_before, bool syn_in_flight) {
  const uint32_t moved = c.snd_una - una_before;
  if (moved == 0) return 0;
  const bool fin = c.has(tcp::kFinSent) && c.snd_una == c.snd_nxt;
  return moved - (syn_in_flight ? 1 : 0) - (fin ? 1 : 0);
}

inline void ConnectionStatistics::on_acked(const tcp::Connection& c, uint32_t now_us,
                                           uint32_t bytes) {
  bytes_acked += bytes;
  if (in_round && c.snd_una < round_end) return;
  if (in_round && now_us != round_began_us) {
    const uint64_t delivered = c.snd_una - round_una;
    delivery_rate = delivered * 1'000'000 / (now_us - round_began_us);
  }
  // With nothing in flight the next round trip would measure how long the application waits.
  in_round = c.flight() != 0;
  round_una = c.snd_una;
  round_end = c.snd_nxt;
  round_began_us = now_us;
}

}  // namespace millrace::stack
