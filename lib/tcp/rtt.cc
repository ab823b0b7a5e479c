// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/rtt.h"

#include <algorithm>

namespace millrace::tcp {

void take_rtt_sample(Connection& c, uint32_t rtt_us) {
  // 2^28 us is over four minutes: longer than anything this estimator is asked to believe.
  const uint32_t r = std::clamp<uint32_t>(rtt_us, 1, 1u << 28);
  if (c.srtt_us8 == 0) {  // RFC 6298 section 2.2
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

uint32_t rto_base_ticks(const Connection& c, const Context& ctx) {
  const TcpOptions& options = ctx.options(c);
  if (c.srtt_us8 == 0) {
    const uint32_t initial = to_ticks(options.rto_initial);
    return c.rttvar_us4 == kSynWasLost ? std::max(initial, 3000u) : initial;
  }
  // SRTT + max(G, 4 * RTTVAR); G is the tick.
  const uint32_t us = (c.srtt_us8 >> 3) + std::max(1000u, c.rttvar_us4);
  return std::clamp((us + 999) / 1000, to_ticks(options.rto_min), to_ticks(options.rto_max));
}

uint32_t rto_ticks(const Connection& c, const Context& ctx) {
  const uint64_t backed_off = uint64_t{rto_base_ticks(c, ctx)} << std::min<uint8_t>(c.backoff, 20);
  return static_cast<uint32_t>(std::min<uint64_t>(backed_off, to_ticks(ctx.options(c).rto_max)));
}

}  // namespace millrace::tcp
