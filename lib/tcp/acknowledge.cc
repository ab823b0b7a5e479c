// SPDX-License-Identifier: BSD-3-Clause
// Step 5 of RFC 9293 section 3.10.7.4: what the ACK field says. New data acknowledged, the window
// moved, or the duplicate that counts towards fast retransmit (RFC 5681 section 3.2).
#include "tcp/acknowledge.h"

#include "tcp/close.h"
#include "tcp/congestion.h"
#include "tcp/ecn.h"
#include "tcp/flight.h"
#include "tcp/handshake.h"
#include "tcp/input.h"
#include "tcp/recovery.h"
#include "tcp/send_queue.h"
#include "tcp/timeout.h"

namespace millrace::tcp {
namespace {

// A zero-window probe's byte that the peer did not take is unsent again, so that it goes out at
// once, and first, when the window opens.
void leave_persist(Connection& c, Context& ctx) {
  c.clear(kPersist | kRetransmitArmed);
  c.probes = 0;
  c.backoff = 0;
  if (c.flight() == 1 && !c.has(kFinSent)) {
    c.snd_nxt = c.snd_una;
    c.send_cursor = c.send_head;
    c.clear(kRttTiming);
    trim_sender(c, ctx);
  }
}

void update_window(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx) {
  // RFC 9293: only a segment newer than the one that set the window may set it. One that
  // acknowledges new data is newer whatever its sequence number: a retransmission that carries the
  // news of a closed window must be believed, or the old window would be counted from the new ACK.
  if (s.ack > c.snd_una || c.snd_wl1 <= s.seq) {
    const uint32_t before = c.snd_wnd;
    set_window(c, s.seq, s.window);
    if (c.snd_wnd <= before) return;  // a probe's answer that repeats the window changes nothing
    fx.dirty = fx.dirty || c.has_unsent();
    if (c.has(kPersist) && s.ack == c.snd_una) leave_persist(c, ctx);
  }
}

void on_new_ack(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx) {
  const uint32_t flight = c.flight();
  const uint32_t acked = s.ack - c.snd_una;
  const bool fin_acked = c.has(kFinSent) && s.ack == c.snd_nxt;

  const bool measured = note_progress(c, ctx, s.ack);
  if (measured && c.sender != kNil) (*ctx.senders)[c.sender].measured_us = ctx.now_us;
  if (c.sender == kNil && (s.sack_count == 0 || !c.has(kSack))) {
    c.snd_una = s.ack;
    c.duplicate_acks = 0;
    congestion_on_ack(c, ctx, acked, flight, 0);
  } else {
    recover_on_ack(c, s, ctx, false);
    fx.dirty = true;
  }
  release_acknowledged(c, ctx, s.ack);

  // RFC 6298 section 5.2 and 5.3.
  if (c.snd_una != c.snd_nxt) {
    arm_loss_timer(c, ctx);
    fx.dirty = fx.dirty || wheel_is_late_for(c, c.retransmit_deadline);
  }
  fx.acked = true;
  fx.dirty = fx.dirty || c.has_unsent();
  if (fin_acked) {
    on_fin_acknowledged(c, ctx, fx);
    fx.dirty = true;  // FIN-WAIT-2 may have begun its timeout
  }
}

void on_same_ack(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx,
                 uint32_t window_before) {
  const bool repeats = s.payload_bytes == 0 && !s.has(wire::kFin) && c.snd_wnd == window_before;
  const bool duplicate = repeats && c.flight() != 0 && !c.has(kPersist);
  if (c.has(kSack)) {
    // A D-SACK may come when nothing is in flight any more, and so may the repetition by which a
    // peer without it says that a loss probe came twice.
    const bool known = c.sender != kNil;
    const bool probed = known && repeats && (*ctx.senders)[c.sender].has(kProbeOut);
    const bool news = s.sack_count != 0 ? c.flight() != 0 || known : probed;
    if (!news || c.has(kPersist)) return;
  } else if (!duplicate) {
    return;
  }
  const bool waited_for_reordering = c.has(kReorderTimer);
  const bool was_open = phase_of(c, ctx) == Phase::kOpen;
  recover_on_ack(c, s, ctx, duplicate);
  fx.dirty = true;
  if (c.flight() == 0) return;
  const bool entered = was_open && phase_of(c, ctx) != Phase::kOpen;
  if (entered || c.has(kLossProbe) || waited_for_reordering) arm_loss_timer(c, ctx);
}

// A mark is worth one reduction for a window of data (RFC 3168 section 6.1.2); a reduction for
// something else covers it, and stands then, whatever that proves to have been.
void on_marked(Connection& c, const wire::Segment& s, Context& ctx) {
  if (c.sender != kNil) {
    Sender& r = (*ctx.senders)[c.sender];
    r.clear(kCanUndo);
    const bool same_window = r.has(kHasRecover) && s.ack <= r.recover;
    if (r.phase != Phase::kOpen || same_window) return;
  }
  if (c.has(kCwrDue)) return;  // classic: the peer repeats a mark until it has seen CWR
  ctx.count(Counter::kTcpExtTCPECNReductions);
  reduce_once(c, ctx);
}

}  // namespace

bool acknowledge(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx) {
  if (!s.has(wire::kAck)) {
    ctx.count(Counter::kDropTcpNoAck);
    return false;
  }
  const bool first = c.state == State::kSynReceived;
  if (first) {
    const bool fast = c.opened_fast();
    const bool news = fast ? s.ack >= c.snd_una : s.ack > c.snd_una;
    if (!news || s.ack > c.snd_nxt) {
      ctx.count(Counter::kDropTcpBadAck);
      fx.reset = true;
      return false;
    }
    c.clear(kSynDue);  // the peer's acknowledgement came before our SYN-ACK left
    c.state = c.has(kFinQueued) ? State::kFinWait1 : State::kEstablished;
    ctx.note(c, EventKind::kState);
    set_window(c, s.seq, s.window);
    fx.established = true;
    if (fast) {
      complete_fast_open(c, s, ctx);
      fx.dirty = true;
    } else {
      c.snd_nxt = s.ack;  // what else our SYN carried was never sent
      start_congestion(c, ctx, c.total_retrans != 0);
      ecn_on_first_ack(c, s, ctx);
    }
    touch_keepalive(c, ctx);
  }
  if (s.ack > c.snd_nxt) {
    ctx.count(Counter::kDropTcpBadAck);
    challenge(c, ctx, fx);
    return false;
  }
  if (s.ack < c.snd_una) {
    // RFC 5961 section 5.2: older than any window we were ever given is an attack or very late.
    const uint32_t window_max = uint32_t{1} << c.snd_wnd_max_log2;
    if (c.snd_una - s.ack > window_max) {
      ctx.count(Counter::kDropTcpBadAck);
      challenge(c, ctx, fx);
      return false;
    }
    return true;  // an old duplicate says nothing; its text may still be new
  }
  if (c.has(kEcn | kAccEcn) && !first && ecn_congestion(c, s, ctx)) on_marked(c, s, ctx);
  const uint32_t window_before = c.snd_wnd;
  update_window(c, s, ctx, fx);
  if (s.ack > c.snd_una) {
    on_new_ack(c, s, ctx, fx);
    return !fx.closed && !fx.time_wait;
  }
  if (s.payload_bytes == 0) ctx.count(Counter::kTcpExtTCPPureAcks);
  // An answered probe: the peer lives, however long its window stays closed.
  if (c.has(kPersist) || c.snd_wnd == 0) c.probes = 0;
  on_same_ack(c, s, ctx, fx, window_before);
  return true;
}

}  // namespace millrace::tcp
