// SPDX-License-Identifier: BSD-3-Clause
// How fast a connection may send, whatever its window says. Congestion control would name the rate
// (an algorithm such as BBR lives by it); those we have do not, so it is what the application
// allows.
//
// Each segment puts off the next by the time that its bytes take at the rate. Timers have a
// resolution of a millisecond, so up to kPacingSlackUs that passed unused are made up for: segments
// leave a millisecond's worth at a time, and the rate is kept on the average.
// Acknowledgements without text are never held.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/flight.h"

namespace millrace::tcp {

inline constexpr uint32_t kPacingSlackUs = 2000;
// A segment cannot put off the next by more: what looks later is from before the clock came round.
inline constexpr int32_t kPacingLongestUs = 64'000'000;

// Payload bytes per second, what is sent again included; 0: no limit.
inline uint64_t pacing_rate(const Connection& c, const Context& ctx) {
  return ctx.options(c).pacing_rate_max;
}

// How long, in microseconds, the next segment has to wait. Requires: kPaced is set.
inline uint32_t pacing_wait_us(const Connection& c, const Context& ctx) {
  if (c.sender == kNil) return 0;
  const auto wait = static_cast<int32_t>((*ctx.senders)[c.sender].next_send_us - ctx.now_us);
  return wait > 0 && wait <= kPacingLongestUs ? static_cast<uint32_t>(wait) : 0;
}

// `bytes` of text leave. Requires: kPaced is set.
inline void note_paced(Connection& c, Context& ctx, uint32_t bytes) {
  const uint64_t rate = pacing_rate(c, ctx);
  if (rate == 0) return;
  Sender& r = open_sender(c, ctx);
  const auto behind = static_cast<int32_t>(ctx.now_us - r.next_send_us);
  const bool lately = pacing_wait_us(c, ctx) != 0 ||
                      (behind >= 0 && behind <= static_cast<int32_t>(kPacingSlackUs));
  const uint32_t from = lately ? r.next_send_us : ctx.now_us;
  r.next_send_us = from + static_cast<uint32_t>(uint64_t{bytes} * 1'000'000 / rate);
}

}  // namespace millrace::tcp
