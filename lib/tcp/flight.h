// SPDX-License-Identifier: BSD-3-Clause
// What is in flight, as runs: sent when, acknowledged selectively, lost, sent again.
//
//      snd_una                                                snd_nxt
//        | resent 7 ms | sacked | lost | sacked | 9 ms | 12 ms  |
//        +-------------+--------+------+--------+------+--------+
//
//     pipe = all of it, but for what is sacked or lost (RFC 6675 section 2)
//
// A connection without a Sender has one run, which is not written down: everything in flight was
// sent at rtt_began_us. Only a second flush while the first is unacknowledged, with SACK, or a sign
// of loss makes the runs explicit. A single request or response never pays for them.
//
// Bounds: flight_runs_max for a shard; for a connection kRunsMax, and one more for each segment in
// flight where SACK reports holes. From kRunsExact on what was sent within 1/128 of a round trip is
// one run, so that a window of any size leaves room for its holes. Past the bounds new segments
// join the last run, and a piece of a run that cannot be split off keeps its state: what is known
// gets coarser, never wrong. A peer that acknowledges every second byte costs a walk over as many
// runs as an honest one may.
#pragma once

#include <algorithm>
#include <cstdint>

#include "millrace/frame.h"
#include "tcp/connection.h"
#include "tcp/context.h"
#include "wire/segment.h"

namespace millrace::tcp {

inline constexpr uint32_t kRunsMax = 512;
inline constexpr uint32_t kRunsOfHolesMax = 60'000;
inline constexpr uint32_t kRunsExact = 64;
inline constexpr uint32_t kRunsToResend = 64;  // beyond those: what is lost can always be cut up

// What one acknowledgement brought.
struct Delivery {
  uint32_t bytes = 0;          // delivered, in order or not, for the first time
  uint32_t sacked = 0;         // of these, out of order
  uint32_t rtt_us = 0;         // of the segment sent last among them; 0: none that can be measured
  bool original_lost = false;  // something that was held for lost and never sent again arrived
  bool original = false;       // something that was never sent again arrived
  bool duplicate = false;      // D-SACK (RFC 2883)
  uint32_t duplicate_bytes = 0;
  SeqNum duplicate_end;
  SeqNum fack;  // as it was before: what one acknowledgement reports has no order
};

// The side object, made if need be, with its runs.
Sender& open_sender(Connection& c, Context& ctx);
// Gives it back. What was lost or sacked is forgotten.
void close_sender(Connection& c, Context& ctx);
// Gives it back if it knows nothing that a new one would not.
void trim_sender(Connection& c, Context& ctx);

// Bytes that are under way (RFC 6675's pipe).
inline uint32_t pipe(const Connection& c, const Context& ctx) {
  const uint32_t flight = c.flight();
  if (c.sender == kNil) [[likely]]
    return flight;
  const Sender& r = (*ctx.senders)[c.sender];
  return flight - std::min(flight, r.sacked_bytes + r.lost_bytes);
}

// New text (or FIN) is about to be sent at snd_nxt. Call before snd_nxt and rtt_began_us move.
void note_more_text(Connection& c, Context& ctx);
inline void note_new_text(Connection& c, Context& ctx) {
  if (c.flight() == 0 || (c.sender == kNil && !c.has(kSack))) return;
  note_more_text(c, ctx);
}

// Everything before `una` is acknowledged. Requires: snd_una is still what it was.
void deliver_up_to(Connection& c, Sender& r, Context& ctx, SeqNum una, Delivery& d);
// SACK blocks of `s` (RFC 2018, D-SACK by RFC 2883). Blocks that make no sense are counted
// and skipped. Requires: snd_una is still what it was.
void deliver_sacked(Connection& c, Sender& r, Context& ctx, const wire::Segment& s, Delivery& d);

// Holds all that is not sacked for lost (after a timeout), but for what was sent so late that it
// may still arrive (RFC 8985 section 6.3). When the first byte is sacked the peer has taken back
// what it said (RFC 2018 section 8), and nothing is.
void lose_all(Connection& c, Sender& r, Context& ctx);
// Holds up to `bytes` from snd_una for lost, and the FIN behind them. Returns whether any of that
// is news.
bool lose_front(Connection& c, Sender& r, Context& ctx, uint32_t bytes);
void lose_run(Connection& c, Sender& r, Context& ctx, uint32_t run);
// Holds what lies in [from, to) for lost where a segment may have had more than `bytes_max` bytes.
void lose_larger(Connection& c, Sender& r, Context& ctx, SeqNum from, SeqNum to,
                 uint32_t bytes_max);
// Nothing is lost after all.
void find_all(Sender& r, Context& ctx);

// The next piece that is lost: where it begins and how long it is, at most `bytes_max` and the FIN.
// 0 when nothing is lost.
uint32_t next_lost(const Connection& c, Sender& r, const Context& ctx, uint32_t bytes_max,
                   SeqNum& begin);
// The first `bytes` of it are sent again and count as under way. Requires: next_lost() just named
// it.
void note_resent(Connection& c, Sender& r, Context& ctx, uint32_t bytes);
// The last `bytes` in flight are sent again (a loss probe).
void note_resent_tail(Connection& c, Sender& r, Context& ctx, uint32_t bytes);

inline Phase phase_of(const Connection& c, const Context& ctx) {
  return c.sender == kNil ? Phase::kOpen : (*ctx.senders)[c.sender].phase;
}

// Where a run ends.
SeqNum run_end(const Connection& c, const Context& ctx, const Run& run);

}  // namespace millrace::tcp
