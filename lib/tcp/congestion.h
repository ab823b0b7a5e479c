// SPDX-License-Identifier: BSD-3-Clause
// Congestion control: slow start, congestion avoidance (RFC 5681) and NewReno's recovery
// (RFC 6582), with the initial window of RFC 6928. All windows in bytes.
#pragma once

#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

// RFC 6928: min(10 MSS, max(2 MSS, 14600)), with options.initial_window_segments for the 10; one
// segment when the SYN was lost (RFC 5681 section 3.1).
void start_congestion(Connection& c, const Context& ctx, bool syn_was_lost);

// `acked` new bytes while not in recovery; `flight` is what was outstanding before.
void on_ack_open(Connection& c, uint32_t acked, uint32_t flight);

// The third duplicate acknowledgement, and those after it.
void enter_fast_recovery(Connection& c, Context& ctx);
void on_duplicate_in_recovery(Connection& c);
// An acknowledgement of new data during recovery; `acked` bytes up to c.snd_una. Ends the phase
// when all of it is acknowledged. Returns true while there is something to resend.
bool on_ack_in_recovery(Connection& c, Context& ctx, uint32_t acked);

// A retransmission timeout: back to one segment, go back over everything in flight.
void on_timeout(Connection& c, Context& ctx);

void end_recovery(Connection& c, Context& ctx);

}  // namespace millrace::tcp
