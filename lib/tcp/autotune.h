// SPDX-License-Identifier: BSD-3-Clause
// How large a window a connection offers: a moderate one at first, and a larger one when the
// application has taken much of it in one round trip, up to the receive buffer (dynamic
// right-sizing). So a fast long path is filled, and a reader that is slow, or a peer that is, is
// promised little memory.
//
//      taken in the round before | taken in this round |  will come  |  may come then
//      --------------------------+---------------------+-------------+-----------------> time
//                                                      ^ here it is measured
//
// What is offered here is in use two round trips later. So the window is to hold twice what was
// taken, and some segments more; four times where the rate has risen as in slow start, which
// doubles it in each round trip.
//
// The receiver's round trip is what the peer's timestamps say; without them, the time between an
// edge's announcement and bytes from behind it: never less than a round trip, and just that when
// the peer waits for the window.
//
// In: segments whose text was delivered. Out: Connection::rcv_window. Nothing is looked at but when
// rcv_nxt crosses a multiple of a sixteenth of the window or less, and nothing at all any more once
// the buffer is offered whole.
//
// Must hold: it never becomes less; where half of the blocks are in use, it does not grow.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/eighths.h"
#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

// What a SYN can offer.
inline constexpr uint32_t kModerateWindow = kScarceShare;

// Bytes that may be unread, ahead of a gap, or promised.
inline uint32_t receive_limit(const Connection& c, const Context& ctx) {
  const uint32_t limit = c.rcv_window == kWholeBuffer ? ctx.options(c).receive_buffer_bytes
                                                      : base::unpack_eighths(c.rcv_window);
  return std::min(limit, ctx.share_max);
}

// The window at first. Requires: the window shifts are agreed on.
void begin_receive_limit(Connection& c, const TcpOptions& options);
// The options have changed: what is offered by now stays, where the new ones allow for it.
void change_receive_limit(Connection& c, const TcpOptions& before, const TcpOptions& now);

// Text has moved rcv_nxt from `before`, and the application was offered it. `ts_echo` came with it,
// where timestamps were agreed on.
void measure_received(Connection& c, Context& ctx, uint32_t ts_echo);
inline void note_received(Connection& c, Context& ctx, SeqNum before, uint32_t ts_echo) {
  if (c.rcv_window == kWholeBuffer) return;
  const uint32_t step_log2 = base::log2_of_eighths(c.rcv_window) - 4;
  if ((before.raw() ^ c.rcv_nxt.raw()) >> step_log2 == 0) return;
  measure_received(c, ctx, ts_echo);
}

// What was measured so far; all 0 when nothing was.
Autotune receive_rate(const Connection& c, const Context& ctx);

}  // namespace millrace::tcp
