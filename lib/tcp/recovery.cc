// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/recovery.h"

#include <algorithm>

#include "tcp/congestion.h"
#include "tcp/flight.h"
#include "tcp/mtu.h"
#include "tcp/rack.h"
#include "tcp/rtt.h"

namespace millrace::tcp {
namespace {

constexpr uint8_t kDuplicateAckThreshold = 3;

// `delivered` by the acknowledgement that begins it.
void begin_phase(Connection& c, Sender& r, Phase phase, uint32_t delivered) {
  r.phase = phase;
  r.recover = c.snd_nxt;
  r.flags = static_cast<uint8_t>((r.flags | kCanUndo | kHasRecover) & ~(kResentStamp | kProbeOut));
  r.undo_bytes = 0;
  r.resent_begin = c.snd_nxt;
  r.resent_end = c.snd_una;
  r.prr_delivered = 0;
  r.prr_out = 0;
  // RFC 9937 section 6.1: what was sacked before will not be delivered any more.
  const uint32_t flight = c.flight();
  r.recover_fs = flight - std::min(flight, r.sacked_bytes) + delivered;
  r.recover_fs = std::max(r.recover_fs, uint32_t{c.snd_mss});
}

// `flight` before that acknowledgement.
void enter_fast_recovery(Connection& c, Sender& r, Context& ctx, uint32_t flight,
                         uint32_t delivered) {
  congestion_on_loss(c, ctx, flight);
  begin_phase(c, r, Phase::kFast, delivered);
  ctx.count(Counter::kTcpExtTCPFastRetrans);
  ctx.note(c, EventKind::kFastRecovery);
}

// The same, with nothing to send again.
void reduce(Connection& c, Sender& r, Context& ctx, uint32_t flight, uint32_t delivered) {
  if (r.phase != Phase::kOpen) return;
  congestion_on_loss(c, ctx, flight);
  begin_phase(c, r, Phase::kReduced, delivered);
  r.clear(kCanUndo);
}

// A loss in a window that was reduced already: it is repaired, the window stays (RFC 3168 section
// 6.1.2).
void repair_in_reduction(const Connection& c, Sender& r, Context& ctx) {
  r.phase = Phase::kFast;
  r.recover = c.snd_nxt;
  ctx.count(Counter::kTcpExtTCPFastRetrans);
  ctx.note(c, EventKind::kFastRecovery);
}

// Without SACK less may be in flight than the window says: RFC 6582 section 3.2, step 3, option 1,
// which sends no burst.
void end_phase(Connection& c, Sender& r) {
  if (r.phase == Phase::kReduced) {
    c.cwnd = c.ssthresh;
  } else if (r.phase == Phase::kFast) {
    const uint32_t mss = c.snd_mss;
    c.cwnd = c.has(kSack) ? c.ssthresh : std::min(c.ssthresh, std::max(c.flight(), mss) + mss);
  }
  r.phase = Phase::kOpen;
  r.undo_end = c.snd_nxt;
  r.clear(kForward);
  rack_on_recovery_end(r);
}

void undo(Connection& c, Sender& r, Context& ctx) {
  find_all(r, ctx);
  congestion_on_undo(c, ctx);
  r.phase = Phase::kOpen;
  r.clear(kCanUndo | kForward);
  c.backoff = 0;
  ctx.count(Counter::kTcpExtTCPFullUndo);
  ctx.note(c, EventKind::kUndo);
}

// Whether the reduction that may still be undone was for nothing.
bool was_spurious(const Connection& c, Sender& r, const wire::Segment& s, bool advanced,
                  const Delivery& d) {
  if (!r.has(kCanUndo)) return false;
  // RFC 3522: the acknowledgement echoes a segment from before the first that was sent again.
  if (advanced && c.has(kTimestamps) && s.has_timestamps && r.has(kResentStamp) &&
      static_cast<int32_t>(s.ts_echo - r.resent_ts) < 0) {
    return true;
  }
  // RFC 3708: all that was sent again has come twice. What lies elsewhere the network has doubled.
  const bool ours = d.duplicate && d.duplicate_end <= r.resent_end &&
                    d.duplicate_end - d.duplicate_bytes >= r.resent_begin;
  if (ours && r.undo_bytes != 0) {
    r.undo_bytes -= std::min(r.undo_bytes, d.duplicate_bytes);
    if (r.undo_bytes == 0) return true;
  }
  // RFC 5682 section 3.1, step 3b: what was never sent again has arrived.
  return r.phase == Phase::kTimeout && r.has(kForward) && d.original_lost;
}

// RFC 5682 section 3.1, step 2: the first acknowledgement after the timeout brings out new text
// instead of what is lost, and the next one tells whether anything was. Unless there is no full
// segment of it: less than that might wait for a better moment, and what is lost with it.
void step_forward(const Connection& c, Sender& r, uint32_t acked, const Delivery& d) {
  const bool second = r.prr_delivered != 0;
  const bool can_go_on = c.unsent() >= c.snd_mss && c.flight() + c.snd_mss <= c.snd_wnd;
  if (acked == 0 ? d.bytes != 0 : second || !can_go_on) r.clear(kForward);
  r.prr_delivered += acked;
}

// Three duplicates, RFC 6582 section 3.2 step 2; or RACK.
bool detect_loss(Connection& c, Sender& r, Context& ctx) {
  bool news = false;
  if (c.has(kSack)) {
    const bool disorder = r.sacked_bytes != 0 || r.phase != Phase::kOpen;
    const uint32_t wait = disorder ? rack_detect_loss(c, r, ctx, news) : 0;
    c.clear(kReorderTimer);
    if (c.flight() == 0) return news;
    if (wait != 0) {
      c.set(kReorderTimer | kRetransmitArmed);
      c.clear(kLossProbe);
      c.retransmit_deadline = ctx.tick + (wait + 999) / 1000 + 1;
    }
    return news;
  }
  if (repairs(r.phase)) return false;
  if (c.duplicate_acks < kDuplicateAckThreshold) return false;
  const bool open = r.phase == Phase::kOpen;
  if (open && r.has(kHasRecover) && c.snd_una <= r.recover) return false;
  return lose_front(c, r, ctx, c.snd_mss);
}

// RFC 9937: as many bytes leave as ssthresh says for those that arrive, and no burst.
void proportional_rate(Connection& c, Sender& r, const Context& ctx, uint32_t delivered,
                       bool safe) {
  r.prr_delivered += delivered;
  const uint32_t under_way = pipe(c, ctx);
  int64_t count;
  if (under_way > c.ssthresh) {
    const uint64_t due = (uint64_t{r.prr_delivered} * c.ssthresh + r.recover_fs - 1) / r.recover_fs;
    count = static_cast<int64_t>(due) - r.prr_out;
  } else {
    count = std::max<int64_t>(int64_t{r.prr_delivered} - r.prr_out, delivered);
    if (safe) count += c.snd_mss;
    count = std::min<int64_t>(count, c.ssthresh - under_way);
  }
  // The first retransmission waits for nothing.
  if (r.prr_out == 0 && r.lost_bytes != 0) count = std::max<int64_t>(count, c.snd_mss);
  c.cwnd = under_way + static_cast<uint32_t>(std::max<int64_t>(count, 0));
  c.cwnd = std::max(c.cwnd, uint32_t{c.snd_mss});
}

// Without SACK: each duplicate stands for a segment that has left the network, and the
// acknowledgement that ends a hole takes all but one of them along.
void count_duplicates(Connection& c, Sender& r, bool duplicate, uint32_t acked, Delivery& d) {
  if (acked != 0) {
    const uint32_t hole = std::min(acked, uint32_t{c.snd_mss});
    const uint32_t counted = std::min(r.sacked_bytes, acked - hole);
    r.sacked_bytes -= counted;
    if (r.phase == Phase::kOpen) r.sacked_bytes = 0;
    d.bytes = acked - counted;
  } else if (duplicate && r.phase != Phase::kTimeout) {
    r.sacked_bytes += c.snd_mss;
    d.bytes = c.snd_mss;
  }
  const uint32_t hole = std::max(r.lost_bytes, uint32_t{c.snd_mss});
  const uint32_t flight = c.flight();
  r.sacked_bytes = std::min(r.sacked_bytes, flight - std::min(flight, hole));
}

}  // namespace

void recover_on_ack(Connection& c, const wire::Segment& s, Context& ctx, bool duplicate) {
  const uint32_t flight = c.flight();
  const uint32_t acked = s.ack > c.snd_una ? s.ack - c.snd_una : 0;
  Sender& r = open_sender(c, ctx);
  Delivery d;
  d.fack = r.fack;
  if (c.has(kSack) && s.sack_count != 0) deliver_sacked(c, r, ctx, s, d);
  if (acked != 0) deliver_up_to(c, r, ctx, s.ack, d);
  c.snd_una = max(c.snd_una, s.ack);
  note_path_progress(c, r, ctx);
  if (!c.has(kSack)) count_duplicates(c, r, duplicate, acked, d);
  if (acked != 0) {
    c.duplicate_acks = 0;
    if (c.snd_una > r.recover) r.clear(kHasRecover);
  } else if ((d.sacked != 0 || (duplicate && !c.has(kSack))) && c.duplicate_acks < UINT8_MAX) {
    ++c.duplicate_acks;
  }

  // While segments are sent again none is timed; what else arrives tells the round trip as well,
  // and without it the timer would stand on what it was before the queue was full.
  if (d.rtt_us != 0 && !c.has(kRttTiming) && ctx.now_us - r.measured_us >= c.srtt_us8 >> 3) {
    take_rtt_sample(c, d.rtt_us);
    r.measured_us = ctx.now_us;
  }
  if (d.duplicate && !is_duplicate_probe(r, d)) rack_on_duplicate(c, r);
  if (r.phase == Phase::kOpen && c.snd_una > r.undo_end) r.clear(kCanUndo);
  if (was_spurious(c, r, s, acked != 0, d)) undo(c, r, ctx);
  if (probe_repaired_loss(r, s.ack, acked == 0 && s.sack_count == 0, d)) {
    reduce(c, r, ctx, flight, d.bytes);
  }

  const bool was_open = r.phase == Phase::kOpen;
  if (!was_open && c.snd_una >= r.recover) end_phase(c, r);
  bool lost = detect_loss(c, r, ctx);
  if (lost && r.phase == Phase::kOpen && only_path_probe_lost(c, r, ctx)) lost = false;
  switch (r.phase) {
    case Phase::kOpen:
      if (lost) {
        enter_fast_recovery(c, r, ctx, flight, d.bytes);
      } else if (acked != 0 && was_open) {
        congestion_on_ack(c, ctx, acked, flight, d.rtt_us);
      }
      break;
    case Phase::kReduced:
      if (lost) repair_in_reduction(c, r, ctx);
      break;
    case Phase::kFast:
      // RFC 6582 section 3.2 step 3: a partial acknowledgement shows the next hole.
      if (!c.has(kSack) && acked != 0) lost = lose_front(c, r, ctx, c.snd_mss);
      break;
    case Phase::kTimeout:
      if (r.has(kForward)) step_forward(c, r, acked, d);
      if (acked != 0) congestion_on_ack(c, ctx, acked, c.cwnd, d.rtt_us);
      break;
  }
  if (r.phase == Phase::kFast || r.phase == Phase::kReduced) {
    proportional_rate(c, r, ctx, d.bytes, acked != 0 && !lost);
  }
  trim_sender(c, ctx);
}

void recover_on_timeout(Connection& c, Context& ctx) {
  Sender& r = open_sender(c, ctx);
  // The first timeout halves; later ones of the same data leave ssthresh (RFC 5681 section 3.1).
  const bool first = c.backoff <= 1;
  if (first) {
    congestion_on_loss(c, ctx, c.flight());
    r.began_tick = ctx.tick - rto_base_ticks(c, ctx);
  }
  const bool forward = first && r.phase == Phase::kOpen && c.has(kSack);
  begin_phase(c, r, Phase::kTimeout, 0);
  r.clear(kProbeOut | kForward);
  if (forward) r.set(kForward);
  lose_all(c, r, ctx);
  r.w_max = 0;  // RFC 9438 section 4.8: CUBIC begins anew where slow start ends
  c.cwnd = pipe(c, ctx) + c.snd_mss;
}

void recover_on_reordering_timer(Connection& c, Context& ctx) {
  if (c.sender == kNil) return;
  Sender& r = (*ctx.senders)[c.sender];
  if (detect_loss(c, r, ctx) && !only_path_probe_lost(c, r, ctx)) {
    if (r.phase == Phase::kOpen) enter_fast_recovery(c, r, ctx, c.flight(), 0);
    if (r.phase == Phase::kReduced) repair_in_reduction(c, r, ctx);
  }
  if (r.phase == Phase::kFast) proportional_rate(c, r, ctx, 0, false);
}

void reduce_once(Connection& c, Context& ctx) {
  reduce(c, open_sender(c, ctx), ctx, c.flight(), 0);
}

void arm_loss_timer(Connection& c, const Context& ctx) {
  if (c.has(kReorderTimer)) return;
  c.clear(kLossProbe);
  c.set(kRetransmitArmed);
  const uint32_t timeout = rto_ticks(c, ctx);
  const uint32_t probe = probe_ticks(c, ctx);
  if (probe != 0 && probe < timeout) {
    c.set(kLossProbe);
    c.retransmit_deadline = ctx.tick + probe;
    return;
  }
  c.retransmit_deadline = ctx.tick + timeout;
}

}  // namespace millrace::tcp
