// SPDX-License-Identifier: BSD-3-Clause
// What a connection sends, decided once per turn (RFC 9293 section 3.10.2 and 3.8). In: the
// connection as the turn has left it. Out: one segment at a time, until there is nothing left that
// its windows allow: retransmissions first, then new data, FIN, a probe, or a bare acknowledgement.
#pragma once

#include "millrace/frame.h"
#include "tcp/connection.h"
#include "tcp/context.h"
#include "wire/segment.h"

namespace millrace::tcp {

// Describes the next segment: `header` whole, the payload in out.payload. False when there is none;
// then the timers that silence needs (persist, delayed ACK) are set.
bool next_segment(Connection& c, Context& ctx, wire::SegmentHeader& header, TxFrame& out);

// The new text that next_segment() would send behind `h`, with the same header: joins it in one
// description, FIN and PSH in `h`, and counts as sent like segments of its own. Returns how many
// segments that are, at most `segments_max`. Requires: `h` and `out` are the last that was sent,
// Context::tso_bytes_max is not 0.
size_t join_segments(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out,
                     size_t segments_max);

// Something was sent that wants an acknowledgement: sees to it that a timer runs.
void arm_retransmit(Connection& c, const Context& ctx);

// The RST that ends a connection of ours (ABORT, RFC 9293 section 3.10.5).
wire::SegmentHeader reset_segment(const Connection& c, const Context& ctx);

// The RST that answers a segment which belongs nowhere (RFC 9293 section 3.10.7.1).
wire::SegmentHeader reset_for(const wire::Segment& s);

// Whether next_segment() could have anything to say for sure; cheap, may say yes too often.
bool may_have_output(const Connection& c);

}  // namespace millrace::tcp
