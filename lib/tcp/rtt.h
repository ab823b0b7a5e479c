// SPDX-License-Identifier: BSD-3-Clause
// Round-trip time and retransmission timeout (RFC 6298). One sample per round trip, timed in
// microseconds; Karn's rule: what was retransmitted is never a sample.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

inline void take_rtt_sample(Connection& c, uint32_t rtt_us) {
  // 2^28 us is over four minutes: longer than anything this estimator is asked to believe.
  const uint32_t r = std::clamp<uint32_t>(rtt_us, 1, 1u << 28);
  if (c.srtt_us8 == 0) [[unlikely]] {  // RFC 6298 section 2.2
    c.srtt_us8 = r * 8;
    c.rttvar_us4 = r * 2;
    return;
  }
  // RFC 6298 section 2.3 with alpha 1/8 and beta 1/4, in fixed point.
  const int32_t error = static_cast<int32_t>(r) - static_cast<int32_t>(c.srtt_us8 >> 3);
  const uint32_t magnitude = static_cast<uint32_t>(error < 0 ? -error : error);
  c.rttvar_us4 += magnitude - (c.rttvar_us4 >> 2);
  c.srtt_us8 = std::max<uint32_t>(1, c.srtt_us8 + static_cast<uint32_t>(error));
}

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

// The timeout in ticks without back-off, within rto_min and rto_max.
inline uint32_t rto_base_ticks(const Connection& c, const TcpOptions& options) {
  if (c.srtt_us8 == 0) [[unlikely]] {
    const uint32_t initial = to_ticks(options.rto_initial);
    return c.rttvar_us4 == kSynWasLost ? std::max(initial, 3000u) : initial;
  }
  // SRTT + max(G, 4 * RTTVAR); G is the tick.
  const uint32_t us = (c.srtt_us8 >> 3) + std::max(1000u, c.rttvar_us4);
  const Duration timeout = microseconds(us);
  if (timeout <= options.rto_min) [[likely]]
    return to_ticks(options.rto_min);
  return timeout < options.rto_max ? (us + 999) / 1000 : to_ticks(options.rto_max);
}
inline uint32_t rto_base_ticks(const Connection& c, const Context& ctx) {
  return rto_base_ticks(c, ctx.options(c));
}
// With back-off.
uint32_t backed_off_ticks(const Connection& c, const Context& ctx);
inline uint32_t rto_ticks(const Connection& c, const Context& ctx) {
  return c.backoff == 0 ? rto_base_ticks(c, ctx) : backed_off_ticks(c, ctx);
}

}  // namespace millrace::tcp
