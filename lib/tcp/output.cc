// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/output.h"

#include <algorithm>

#include "tcp/handshake.h"
#include "tcp/rtt.h"
#include "tcp/send_queue.h"
#include "tcp/window.h"

namespace millrace::tcp {
namespace {

bool sends_text(State state) {
  return state == State::kEstablished || state == State::kCloseWait || state == State::kFinWait1 ||
         state == State::kClosing || state == State::kLastAck;
}

// What every segment after the SYN carries. All debts of acknowledgement are paid by it.
void fill(Connection& c, Context& ctx, SeqNum seq, wire::Flags flags, wire::SegmentHeader& h) {
  h = {};
  h.seq = seq;
  h.ack = c.rcv_nxt;
  h.flags = static_cast<wire::Flags>(flags | wire::kAck);
  h.window = announce_window(c, ctx);
  if (c.has(kTimestamps)) {
    h.has_timestamps = true;
    h.ts_value = ctx.tick + c.ts_offset;
    h.ts_echo = c.ts_recent;
  }
  c.last_ack_sent = c.rcv_nxt;
  c.clear(kAckNow | kAckDelayed);
}

void arm_retransmit(Connection& c, const Context& ctx) {
  if (c.has(kRetransmitArmed) && !c.has(kPersist)) return;
  c.clear(kPersist);
  c.set(kRetransmitArmed);
  c.retransmit_deadline = ctx.tick + rto_ticks(c, ctx);
  if (c.backoff == 0 || c.recovery == kNil) return;
  // The user timeout may be over before the next retransmission is due.
  const uint32_t user_timeout = to_ticks(ctx.options(c).user_timeout);
  if (user_timeout == 0) return;
  const uint32_t end = (*ctx.recoveries)[c.recovery].began_tick + user_timeout;
  if (static_cast<int32_t>(end - c.retransmit_deadline) < 0) c.retransmit_deadline = end;
}

void arm_persist(Connection& c, const Context& ctx) {
  if (c.has(kRetransmitArmed)) return;
  c.set(kRetransmitArmed | kPersist);
  c.retransmit_deadline = ctx.tick + rto_ticks(c, ctx);
}

void syn(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  const TcpOptions& options = ctx.options(c);
  const bool answering = c.state == State::kSynReceived;
  c.clear(kSynDue);
  h = {};
  h.seq = c.snd_una;
  h.flags = wire::kSyn;
  h.window = static_cast<uint16_t>(std::min(options.receive_buffer_bytes, 0xffffu));
  h.mss = announced_mss(options, ctx);
  const uint8_t shift = window_shift_for(options.receive_buffer_bytes);
  if (answering) {
    h.flags |= wire::kAck;
    h.ack = c.rcv_nxt;
    if (c.rcv_wscale() == shift && options.window_scale) h.window_shift = shift;
    c.clear(kAckNow | kAckDelayed);
  } else if (options.window_scale) {
    h.window_shift = shift;
  }
  h.sack_permitted = c.has(kSack);
  if (c.has(kTimestamps)) {
    h.has_timestamps = true;
    h.ts_value = ctx.tick + c.ts_offset;
    h.ts_echo = answering ? c.ts_recent : 0;
  }
  if (c.snd_nxt == c.snd_una) {
    c.snd_nxt = c.snd_una + 1;
    time_segment(c, ctx, c.snd_nxt);
  } else {
    ++c.total_retrans;
    ctx.count(Counter::kTcpRetransSegs);
    ctx.count(Counter::kTcpExtTCPSynRetrans);
  }
  arm_retransmit(c, ctx);
  out.payload_spans = 0;
  out.payload_bytes = 0;
}

// The next segment that recovery wants sent again.
bool retransmission(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  if (c.recovery == kNil) return false;
  Recovery& r = (*ctx.recoveries)[c.recovery];
  if (r.rtx_next < c.snd_una) r.rtx_next = c.snd_una;
  if (r.rtx_next >= r.rtx_end) return false;
  const uint32_t pipe = r.rtx_next - c.snd_una;
  if (r.phase == RecoveryPhase::kTimeout && pipe != 0 && pipe + c.snd_mss > c.cwnd) return false;

  const SeqNum data_end = min(r.rtx_end, c.snd_end);
  const int32_t left = SeqNum::distance(r.rtx_next, data_end);
  const uint32_t wanted = std::min<uint32_t>(left > 0 ? static_cast<uint32_t>(left) : 0, c.snd_mss);
  const uint32_t bytes = gather(c, ctx, r.rtx_next, wanted, out);
  const bool fin = c.has(kFinSent) && r.rtx_next + bytes == c.snd_end;
  const bool last = r.rtx_next + bytes == c.snd_end;
  fill(c, ctx, r.rtx_next,
       static_cast<wire::Flags>((fin ? wire::kFin : 0) | (last && bytes != 0 ? wire::kPsh : 0)), h);
  r.rtx_next += bytes + (fin ? 1 : 0);
  c.clear(kRttTiming);  // Karn
  ++c.total_retrans;
  ctx.count(Counter::kTcpRetransSegs);
  arm_retransmit(c, ctx);
  return true;
}

// How many of the unsent bytes go into one segment now; 0 to wait for a better moment (Nagle,
// RFC 9293 section 3.7.4; silly-window avoidance, section 3.8.6.2.1).
uint32_t sendable(const Connection& c, const Context& ctx) {
  const uint32_t unsent = c.unsent();
  const uint32_t flight = c.flight();
  const uint32_t window = std::min(c.cwnd, c.snd_wnd);
  if (unsent == 0 || flight >= window) return 0;
  const uint32_t bytes = std::min({unsent, window - flight, uint32_t{c.snd_mss}});
  if (bytes == c.snd_mss) return bytes;
  if (bytes == unsent && (flight == 0 || c.has(kFinQueued) || ctx.options(c).nodelay)) return bytes;
  const uint32_t half_window_max = (uint32_t{1} << c.snd_wnd_max_log2) / 4;
  if (bytes < unsent && c.snd_wnd <= c.cwnd && bytes >= std::max(half_window_max, 1u)) return bytes;
  return 0;
}

void new_text(Connection& c, Context& ctx, uint32_t wanted, wire::SegmentHeader& h, TxFrame& out) {
  const SeqNum seq = c.snd_nxt;
  const uint32_t bytes = gather(c, ctx, seq, wanted, out);
  const bool last = seq + bytes == c.snd_end;
  const bool fin = last && c.has(kFinQueued) && !c.has(kFinSent) &&
                   (c.flight() + bytes < c.snd_wnd || bytes == 0);
  const wire::Flags push = last && bytes != 0 ? wire::kPsh : 0;
  fill(c, ctx, seq, static_cast<wire::Flags>(push | (fin ? wire::kFin : 0)), h);
  c.snd_nxt = seq + bytes + (fin ? 1 : 0);
  if (fin) c.set(kFinSent);
  time_segment(c, ctx, c.snd_nxt);
  arm_retransmit(c, ctx);
}

bool fin_due(const Connection& c) {
  return c.has(kFinQueued) && !c.has(kFinSent) && c.unsent() == 0;
}

// One probe: of a closed window (RFC 9293 section 3.8.6.1) or of a silent peer (section 3.8.4).
void probe(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  c.clear(kProbeNow);
  out.payload_spans = 0;
  out.payload_bytes = 0;
  const bool window_probe = c.unsent() != 0 || c.flight() != 0 || fin_due(c);
  if (!window_probe) {
    // Keep-alive: a sequence number just before the window makes the peer answer.
    fill(c, ctx, c.snd_nxt - 1, 0, h);
    ctx.count(Counter::kTcpExtTCPKeepAlive);
    return;
  }
  ctx.count(Counter::kTcpExtTCPWinProbe);
  if (c.flight() != 0) {
    // The byte of the last probe is still unanswered: the same again.
    const uint32_t bytes = gather(c, ctx, c.snd_una, c.has(kFinSent) ? 0 : 1, out);
    fill(c, ctx, c.snd_una, c.has(kFinSent) && bytes == 0 ? wire::kFin : wire::Flags{0}, h);
    c.clear(kRttTiming);
  } else {
    const uint32_t open = std::min(c.snd_wnd, c.cwnd);
    const uint32_t bytes = std::max(1u, std::min({open, c.unsent(), uint32_t{c.snd_mss}}));
    new_text(c, ctx, c.unsent() == 0 ? 0 : bytes, h, out);
  }
  // Still probing: the answer to this must not count as a lost segment's.
  if (c.snd_wnd == 0) {
    c.set(kPersist | kRetransmitArmed);
    c.retransmit_deadline = ctx.tick + rto_ticks(c, ctx);
  }
}

}  // namespace

bool next_segment(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  if (c.has(kSynDue)) {
    syn(c, ctx, h, out);
    return true;
  }
  if (c.state == State::kSynSent) return false;
  if (sends_text(c.state)) {
    if (retransmission(c, ctx, h, out)) return true;
    const bool resending = c.recovery != kNil && (*ctx.recoveries)[c.recovery].rtx_next <
                                                     (*ctx.recoveries)[c.recovery].rtx_end;
    if (!resending && !c.has(kPersist)) {
      const uint32_t bytes = sendable(c, ctx);
      if (bytes != 0 || (fin_due(c) && c.flight() < c.snd_wnd)) {
        c.clear(kProbeNow);
        new_text(c, ctx, bytes, h, out);
        return true;
      }
    }
    if (c.has(kProbeNow)) {
      probe(c, ctx, h, out);
      return true;
    }
    if (c.flight() == 0 && (c.unsent() != 0 || fin_due(c))) arm_persist(c, ctx);
  } else if (c.has(kProbeNow)) {
    probe(c, ctx, h, out);
    return true;
  }
  if (!c.has(kAckNow)) return false;
  out.payload_spans = 0;
  out.payload_bytes = 0;
  // A probe of a closed window may have taken snd_nxt past the peer's right edge, where even an
  // empty segment would be dropped, and its window update with it.
  fill(c, ctx, min(c.snd_nxt, c.snd_una + c.snd_wnd), 0, h);
  return true;
}

wire::SegmentHeader reset_segment(const Connection& c, const Context& ctx) {
  wire::SegmentHeader h;
  h.seq = c.snd_nxt;
  h.flags = wire::kRst;
  if (c.state != State::kSynSent) {
    h.flags |= wire::kAck;
    h.ack = c.rcv_nxt;
    if (c.has(kTimestamps)) {
      h.has_timestamps = true;
      h.ts_value = ctx.tick + c.ts_offset;
      h.ts_echo = c.ts_recent;
    }
  }
  return h;
}

wire::SegmentHeader reset_for(const wire::Segment& s) {
  wire::SegmentHeader h;
  if (s.has(wire::kAck)) {
    h.seq = s.ack;
    h.flags = wire::kRst;
  } else {
    h.ack = s.seq + s.length();
    h.flags = wire::kRst | wire::kAck;
  }
  return h;
}

bool may_have_output(const Connection& c) {
  return c.has(kAckNow | kSynDue | kProbeNow | kAborting) || c.unsent() != 0 ||
         (c.has(kFinQueued) && !c.has(kFinSent)) || c.recovery != kNil;
}

}  // namespace millrace::tcp
