// SPDX-License-Identifier: BSD-3-Clause
// Header prediction: the next segment in order of an undisturbed connection, taken without the
// steps of RFC 9293 section 3.10.7.4, each of which would find nothing to do. What is done is what
// acceptable.cc, acknowledge.cc and receive.cc would have done.
#pragma once

#include <cstdint>

#include "tcp/acknowledge.h"
#include "tcp/congestion.h"
#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/recovery.h"
#include "tcp/send_queue.h"
#include "tcp/timeout.h"
#include "wire/segment.h"

namespace millrace::tcp {

// With one of these a segment means more than what take_predicted() does.
inline constexpr uint32_t kUnpredictable =
    kPersist | kAborting | kWantsWritable | kIdleArmed | kEcn | kAccEcn | kSynDue | kPaused;

// Whether `s` is such a segment, if it is of this connection at all. Each line is one way to be
// undisturbed.
[[gnu::always_inline]] inline bool predicted(const Connection& c, const wire::Plain& s) {
  const bool text = s.payload_bytes != 0 || s.has(wire::kFin);
  return is_open(c.state) && !c.has(kUnpredictable) && (!text || !peer_has_closed(c.state)) &&
         (s.payload_bytes == 0 || !c.has(kNoReader)) && (c.inbox & c.sender) == kNil &&
         s.seq == c.rcv_nxt && s.has_timestamps == c.has(kTimestamps) &&
         (!s.has_timestamps || static_cast<int32_t>(s.ts_value - c.ts_recent) >= 0) &&
         s.ack - c.snd_una <= c.flight() &&
         s.payload_bytes + (s.has(wire::kFin) ? 1 : 0) <= c.rcv_adv - c.rcv_nxt && c.snd_wnd != 0 &&
         // Without SACK an empty repetition counts towards fast retransmit.
         (c.has(kSack) || s.ack != c.snd_una || text);
}

// The same of a segment that says what the one said that was just taken: what is left to ask is
// whether it is the next in order, whether there is room, and what the application may have done.
[[gnu::always_inline]] inline bool predicted_next(const Connection& c, const wire::Plain& s) {
  return is_open(c.state) && !c.has(kUnpredictable | kNoReader) && !peer_has_closed(c.state) &&
         (c.inbox & c.sender) == kNil && s.seq == c.rcv_nxt && s.payload_bytes != 0 &&
         s.payload_bytes <= c.rcv_adv - c.rcv_nxt;
}

// What became of a segment.
struct Taken {
  bool acked = false;      // something new was acknowledged
  bool dirty = false;      // the flush has something to do
  bool fin_acked = false;  // on_fin_acknowledged() is due
};

// Everything up to `ack` is acknowledged.
[[gnu::always_inline]] inline void take_predicted_ack(Connection& c, wire::SeqNum ack, Context& ctx,
                                                      Taken& taken) {
  const uint32_t flight = c.flight();
  const uint32_t acked = ack - c.snd_una;
  taken.acked = true;
  taken.fin_acked = c.has(kFinSent) && ack == c.snd_nxt;
  note_progress(c, ctx, ack);
  c.duplicate_acks = 0;
  c.snd_una = ack;
  if (flight >= c.cwnd / 2) congestion_on_ack(c, ctx, acked, flight, 0);
  release_acknowledged(c, ctx, ack);
  taken.dirty |= c.has_unsent() || taken.fin_acked;
  if (ack == c.snd_nxt) [[likely]]
    return;
  arm_loss_timer(c, ctx);
  taken.dirty |= wheel_is_late_for(c, c.retransmit_deadline);
}

// Takes what `s` says but for its text and FIN, which are left to be delivered.
// Requires: predicted().
[[gnu::always_inline]] inline Taken take_predicted(Connection& c, const wire::Plain& s,
                                                   Context& ctx) {
  if (s.has_timestamps && c.last_ack_sent == c.rcv_nxt) {  // RFC 7323 section 4.3
    c.ts_recent = s.ts_value;
    c.ts_recent_tick = ctx.tick;
  }
  Taken taken;
  const bool news = s.ack != c.snd_una;
  if (news || c.snd_wl1 <= s.seq) {
    const uint32_t before = c.snd_wnd;
    set_window(c, s.seq, s.window);
    taken.dirty = c.snd_wnd > before && c.has_unsent();
  }
  if (news) {
    take_predicted_ack(c, s.ack, ctx, taken);
  } else if (s.payload_bytes == 0) {
    ctx.count(Counter::kTcpExtTCPPureAcks);
  }
  return taken;
}

}  // namespace millrace::tcp
