// SPDX-License-Identifier: BSD-3-Clause
// Congestion control: how large cwnd may be. One interface, an algorithm per TcpOptions; recovery
// decides when something is lost, this decides what that and every acknowledgement does to the
// window. All windows in bytes.
//
//   NewReno  RFC 5681, 6582
//   CUBIC    RFC 9438, with HyStart++ (RFC 9406) to leave slow start
//
// Appropriate byte counting in both (RFC 3465 with no limit, as one acknowledgement may stand for a
// burst); a window that was not filled does not grow (RFC 7661's reason).
#pragma once

#include <algorithm>
#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

// RFC 6928: min(10 MSS, max(2 MSS, 14600)), with options.initial_window_segments for the 10; one
// segment when the SYN was lost (RFC 5681 section 3.1).
void start_congestion(Connection& c, const Context& ctx, bool syn_was_lost);
inline uint32_t initial_window(const Connection& c, const TcpOptions& options) {
  const uint32_t mss = c.snd_mss;
  const uint32_t segments = options.initial_window_segments;
  return std::min(segments * mss, std::max(2 * mss, segments * 1460));
}
inline uint32_t initial_window(const Connection& c, const Context& ctx) {
  return initial_window(c, ctx.options(c));
}
// Nothing is in flight. If so it was for a timeout's length, what the window measured is gone
// (RFC 5681 section 4.1).
void restart_if_idle(Connection& c, const Context& ctx);
inline void restart_after_idle(Connection& c, const Context& ctx) {
  if (c.cwnd > initial_window(c, ctx)) restart_if_idle(c, ctx);
}

// `acked` new bytes while nothing is being recovered (or in slow start after a timeout); `flight`
// is what was outstanding before; `rtt_us` a round trip that was just measured, or 0.
void congestion_on_ack(Connection& c, Context& ctx, uint32_t acked, uint32_t flight,
                       uint32_t rtt_us);
// Something was lost, or marked by ECN: sets ssthresh by what was in `flight` before the
// acknowledgement that says so. Requires: the connection has a Sender.
void congestion_on_loss(Connection& c, Context& ctx, uint32_t flight);
// The loss was none: cwnd and ssthresh have been restored.
void congestion_on_undo(Connection& c, Context& ctx);

// --- CUBIC, in cubic.cc -------------------------------------------------------------------------

void cubic_on_ack(Connection& c, Sender& r, const Context& ctx, uint32_t acked);
// Little was in flight, so the time since the last acknowledgement does not count.
void cubic_pause(Sender& r, const Context& ctx);
uint32_t cubic_on_loss(const Connection& c, Sender& r, uint32_t flight);
void cubic_on_undo(Sender& r);

// --- HyStart++, in hystart.cc: bytes by which slow start grows for `acked` ones; ends slow start
// by setting ssthresh.
uint32_t hystart_on_ack(Connection& c, Sender& r, uint32_t acked, uint32_t rtt_us);

}  // namespace millrace::tcp
