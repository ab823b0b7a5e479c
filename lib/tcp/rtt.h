// SPDX-License-Identifier: BSD-3-Clause
// Round-trip time and retransmission timeout (RFC 6298). One sample per round trip, timed in
// microseconds; Karn's rule: what was retransmitted is never a sample.
#pragma once

#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

void take_rtt_sample(Connection& c, uint32_t rtt_us);

// In place of a variance while nothing is measured: the SYN was sent more than once, so the first
// data waits for three seconds at least (RFC 6298 section 5.7).
inline constexpr uint32_t kSynWasLost = 1;

// Begins to time the segment that ends at `end`, unless one is being timed.
inline void time_segment(Connection& c, const Context& ctx, SeqNum end) {
  if (c.has(kRttTiming)) return;
  c.set(kRttTiming);
  c.rtt_seq = end;
  c.rtt_began_us = ctx.now_us;
}

// The timeout in ticks, with back-off, within rto_min and rto_max.
uint32_t rto_ticks(const Connection& c, const Context& ctx);
// The same without back-off.
uint32_t rto_base_ticks(const Connection& c, const Context& ctx);

}  // namespace millrace::tcp
