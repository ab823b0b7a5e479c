// SPDX-License-Identifier: BSD-3-Clause
// A segment arrives for a connection: RFC 9293 section 3.10.7.3 (SYN-SENT) and 3.10.7.4 (all
// others), in the RFC's own order. In: the connection, the segment, the time. Out: the connection
// changed and Effects. Nothing is sent from here: input marks, the flush sends.
//
//   acceptable.cc   steps 1 to 4: sequence numbers, RST, security (none), SYN
//   acknowledge.cc  step 5: ACK
//   receive.cc      steps 6 to 8: urgent data (taken in line, RFC 6093), text, FIN
//   handshake.cc    SYN-SENT, and how connections begin
#pragma once

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"
#include "tcp/reassembly.h"
#include "wire/segment.h"

namespace millrace::tcp {

// Requires: c.state is not CLOSED, LISTEN or TIME-WAIT (those have no connection).
void on_segment(Connection& c, const wire::Segment& segment, Context& ctx, Effects& fx);

// --- The steps --------------------------------------------------------------------------------

// Steps 1 to 4. False when the segment goes no further. May trim `s` to the window.
bool acceptable(Connection& c, wire::Segment& s, Context& ctx, Effects& fx);
// Step 5. False when the segment goes no further.
bool acknowledge(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx);
// Steps 6 to 8: what is in order is left in fx for the stack to deliver.
void receive_text(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx);

// --- What the stack calls back after it has offered fx.data -------------------------------------

// `bytes` at rcv_nxt were taken by the application or stored as unread.
inline void received(Connection& c, Context& ctx, uint32_t bytes);
// The peer's FIN stands at rcv_nxt: consumes it (step 8).
void receive_fin(Connection& c, Context& ctx, Effects& fx);

// An acknowledgement that says where we stand, within the rates of challenge.h (RFC 5961
// section 7).
void challenge(Connection& c, Context& ctx, Effects& fx);

// Arms or re-arms the keep-alive timer after a sign of life.
void touch_keepalive(Connection& c, const Context& ctx);

// When to acknowledge text that is in order (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2): every
// second full-sized segment at least, and at once while a gap is open or just closed.
inline void received(Connection& c, Context& ctx, uint32_t bytes) {
  if (bytes == 0) return;
  c.rcv_nxt += bytes;
  if (c.inbox != kNil && has_gap(c, ctx)) [[unlikely]] {
    c.set(kAckNow);
    return;
  }
  const TcpOptions& options = ctx.options(c);
  if (c.quick_acks != 0) {
    --c.quick_acks;
    c.set(kAckNow);
  } else if (!options.delayed_ack || c.rcv_nxt - c.last_ack_sent >= 2u * c.rcv_mss) {
    c.set(kAckNow);
  } else if (!c.has(kAckDelayed)) {
    c.set(kAckDelayed);
    c.ack_deadline = ctx.tick + to_ticks(options.delayed_ack_timeout);
  }
}

}  // namespace millrace::tcp
