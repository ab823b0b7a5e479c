// SPDX-License-Identifier: BSD-3-Clause
// Loss recovery: what acknowledgements, duplicates and timeouts mean for what is in flight, and how
// much of it may be sent again when.
//
//     open --lost by RACK, or three duplicates--> fast --recover acknowledged--> open
//       \--retransmission timeout-------------> timeout --recover acknowledged--> open
//     open --marked by ECN----------------> reduced --lost--> fast
//     fast, timeout --it was no loss (Eifel, D-SACK, F-RTO)--> open, with the windows of before
//
// With SACK: RFC 6675's pipe, RACK-TLP (RFC 8985), PRR (RFC 9937). Without: NewReno (RFC 6582) on
// the same runs, with a duplicate acknowledgement counted as a segment that has left (so PRR and
// limited transmit, RFC 3042, need no code of their own).
// Undo by RFC 3522 (timestamps), RFC 3708 (D-SACK), RFC 5682 (F-RTO).
#pragma once

#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"
#include "tcp/flight.h"
#include "wire/segment.h"

namespace millrace::tcp {

// An acknowledgement that a connection with a Sender, or with SACK blocks on `s`, must look into.
// Moves snd_una. `duplicate`: it is one by RFC 5681 section 2. Returns bytes newly acknowledged.
void recover_on_ack(Connection& c, const wire::Segment& s, Context& ctx, bool duplicate);

// The retransmission timer: all that is not sacked is lost.
void recover_on_timeout(Connection& c, Context& ctx);
// RACK's timer for reordering.
void recover_on_reordering_timer(Connection& c, Context& ctx);

// ECN says that the path is congested: less is sent, nothing is sent again (RFC 3168 section
// 6.1.2). At most once for each window of data.
void reduce_once(Connection& c, Context& ctx);

// Bytes of `wanted` that may be sent now, by the congestion window alone.
inline uint32_t congestion_room(const Connection& c, const Context& ctx) {
  const uint32_t under_way = pipe(c, ctx);
  return c.cwnd > under_way ? c.cwnd - under_way : 0;
}
// `bytes` were sent; PRR counts them.
inline void note_sent_in_recovery(Connection& c, Context& ctx, uint32_t bytes) {
  if (c.sender == kNil) [[likely]]
    return;
  Sender& r = (*ctx.senders)[c.sender];
  if (r.phase != Phase::kOpen) r.prr_out += bytes;
}

// (Re)arms the retransmission deadline from now: a loss probe, RACK's timer or the timeout.
void arm_loss_timer(Connection& c, const Context& ctx);

}  // namespace millrace::tcp
