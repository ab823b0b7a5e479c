// SPDX-License-Identifier: BSD-3-Clause
// Deadlines of a connection, and what happens when one passes. A connection keeps its deadlines by
// itself; the wheel is told only the earliest, and may wake a connection too early: then nothing
// is due and it is armed again (RFC 6298 section 5.4ff, RFC 9293 sections 3.8.3, 3.8.4, 3.8.6).
#pragma once

#include <cstdint>
#include <optional>

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"

namespace millrace::tcp {

// The earliest deadline that is armed, as a tick.
std::optional<uint32_t> earliest_deadline(const Connection& c, const Context& ctx);

// Whether the wheel would wake the connection after `deadline`, or never. It may only be told late
// of a deadline that was put off, never of one moved forward.
inline bool wheel_is_late_for(const Connection& c, uint32_t deadline) {
  return !c.timer.linked() || static_cast<int32_t>(deadline - c.timer.deadline) < 0;
}

// Whether the wheel will wake the connection in time as it is. Requires: it is not paced. May say
// no when the answer is yes.
inline bool timer_is_early_enough(const Connection& c) {
  return c.timer.linked() &&
         (!c.has(kRetransmitArmed) || !wheel_is_late_for(c, c.retransmit_deadline)) &&
         (!c.has(kAckDelayed) || !wheel_is_late_for(c, c.ack_deadline)) && !c.has(kIdleArmed);
}

// Acts on every deadline that ctx.tick has reached.
void on_deadlines(Connection& c, Context& ctx, Effects& fx);

}  // namespace millrace::tcp
