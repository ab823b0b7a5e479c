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

// Acts on every deadline that ctx.tick has reached.
void on_deadlines(Connection& c, Context& ctx, Effects& fx);

}  // namespace millrace::tcp
