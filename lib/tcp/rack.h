// SPDX-License-Identifier: BSD-3-Clause
// RACK-TLP (RFC 8985): loss by time instead of by counting. A segment is lost when one that was
// sent later has arrived and a little time for reordering has passed; a tail that nobody
// acknowledges is probed before the retransmission timer would go back over everything.
// Only with SACK; without it three duplicate acknowledgements decide (recovery.cc).
#pragma once

#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/flight.h"

namespace millrace::tcp {

// RFC 8985 section 6.2, steps 1 to 3: the part of `run` up to `end` was delivered. `exact`: what
// ends there was sent when the run says.
void rack_on_delivered(Sender& r, const Context& ctx, const Run& run, SeqNum end, bool exact,
                       Delivery& d);

// Step 4: the window for reordering grows with each round trip that brings a D-SACK, and is back at
// its smallest after 16 recoveries without.
void rack_on_duplicate(const Connection& c, Sender& r);
void rack_on_recovery_end(Sender& r);
uint32_t reordering_window_us(const Connection& c, const Sender& r);

// Step 5: marks what is lost by now. Returns how long, in microseconds, until more may be; 0: there
// is nothing to wait for. `news`: whether something was marked.
uint32_t rack_detect_loss(Connection& c, Sender& r, Context& ctx, bool& news);

// Whether `run` left so late that it is too early to miss it (section 6.3); never without SACK.
bool rack_may_arrive(const Connection& c, const Sender& r, const Context& ctx, const Run& run);

// When to probe, in ticks from now; 0: no probe, the retransmission timer stands (section 7.2).
uint32_t tail_probe_ticks(const Connection& c, const Context& ctx);
inline uint32_t probe_ticks(const Connection& c, const Context& ctx) {
  // The answer to less than two full segments may be delayed, by 200 ms in RFC 8985: then the
  // retransmission timer is as good.
  return c.flight() < 2u * c.snd_mss ? 0 : tail_probe_ticks(c, ctx);
}

// Section 7.4: what an acknowledgement says of an unanswered probe. `duplicate_ack`: it
// acknowledges nothing new and has no SACK option. True when the probe repaired a loss, so that the
// congestion window must answer for it.
bool probe_repaired_loss(Sender& r, SeqNum ack, bool duplicate_ack, const Delivery& d);
// Whether `d` reports a probe as the duplicate: that says nothing of reordering.
inline bool is_duplicate_probe(const Sender& r, const Delivery& d) {
  return d.duplicate && r.has(kProbeOut) && r.has(kProbeResent) && d.duplicate_end == r.tlp_end;
}

}  // namespace millrace::tcp
