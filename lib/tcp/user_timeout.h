// SPDX-License-Identifier: BSD-3-Clause
// How long sent data may stay unacknowledged (RFC 9293 section 3.8.3), and the option by which each
// end tells the other (RFC 5482). Ours counts when the application set one; else the peer's, within
// kUserTimeoutMin and kUserTimeoutMax. A peer's value is kept in one byte, so it is rounded up by
// as much as an eighth.
//
// The option rides on our SYN or SYN-ACK and, as a listener may store nothing of that, on the next
// segment with room for it. It is not repeated when that is lost. From a SYN that a listener
// answers it is not taken, only from what follows.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/eighths.h"
#include "millrace/frame.h"
#include "tcp/connection.h"
#include "tcp/context.h"
#include "wire/segment.h"

namespace millrace::tcp {

// RFC 5482 section 3.1: the limits to what a peer may ask for.
inline constexpr uint32_t kUserTimeoutMinSeconds = 100;
inline constexpr uint32_t kUserTimeoutMaxSeconds = 24 * 3600;

// In ticks; 0: none, the number of retransmissions decides.
inline uint32_t user_timeout_ticks(const Connection& c, const Context& ctx) {
  const Duration own = ctx.options(c).user_timeout;
  if (own.ns != 0) return to_ticks(own);
  return c.peer_user_timeout == 0 ? 0 : 1000 * base::unpack_eighths(c.peer_user_timeout);
}

// The option that `options` ask for; 0: none. In seconds, or from 2^15 on in minutes (RFC 5482
// section 3.1).
inline uint16_t announced_user_timeout(const TcpOptions& options) {
  if (!options.user_timeout_option || options.user_timeout.ns == 0) return 0;
  constexpr uint64_t kMinutes = 0x8000;
  const uint64_t seconds =
      static_cast<uint64_t>(options.user_timeout.ns + 999'999'999) / 1'000'000'000;
  if (seconds < kMinutes) return static_cast<uint16_t>(seconds);
  return static_cast<uint16_t>(kMinutes | std::min<uint64_t>((seconds + 59) / 60, kMinutes - 1));
}

// The peer's option has arrived.
inline void take_user_timeout(Connection& c, const wire::Segment& s, const Context& ctx) {
  if (s.user_timeout == 0 || !ctx.options(c).user_timeout_option) return;
  const uint32_t value = s.user_timeout & 0x7fff;
  const uint32_t seconds = (s.user_timeout & 0x8000) != 0 ? value * 60 : value;
  c.peer_user_timeout =
      base::pack_eighths(std::clamp(seconds, kUserTimeoutMinSeconds, kUserTimeoutMaxSeconds));
}

// Puts the option on a segment that is about to leave; false when that has no room.
inline bool announce_user_timeout(const Connection& c, const Context& ctx, wire::SegmentHeader& h,
                                  const TxFrame& out) {
  const bool syn = (h.flags & wire::kSyn) != 0;
  if (!syn && (h.sack_count != 0 || out.payload_bytes + 4u > c.snd_mss)) return false;
  h.user_timeout = announced_user_timeout(ctx.options(c));
  return true;
}

}  // namespace millrace::tcp
