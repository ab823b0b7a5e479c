// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/output.h"

#include <algorithm>

#include "tcp/congestion.h"
#include "tcp/ecn.h"
#include "tcp/flight.h"
#include "tcp/handshake.h"
#include "tcp/mtu.h"
#include "tcp/pacing.h"
#include "tcp/rack.h"
#include "tcp/reassembly.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/send_queue.h"
#include "tcp/user_timeout.h"
#include "tcp/window.h"

namespace millrace::tcp {
namespace {

bool sends_text(const Connection& c) {
  const State state = c.state;
  return state == State::kEstablished || state == State::kCloseWait || state == State::kFinWait1 ||
         state == State::kClosing || state == State::kLastAck || c.opened_fast();
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
  if (c.inbox != kNil && c.has(kSack)) report_gaps(c, ctx, h);
  if (c.has(kAccEcn | kEceDue)) [[unlikely]]
    ecn_give_feedback(c, ctx, h);
  c.last_ack_sent = c.rcv_nxt;
  c.clear(kAckNow | kAckDelayed);
}

// What fits one segment beside the SACK blocks that fill() will add.
uint32_t segment_bytes(const Connection& c, const Context& ctx) {
  if (c.inbox == kNil || !c.has(kSack)) [[likely]]
    return c.snd_mss;
  return c.snd_mss - std::min<uint32_t>(gap_report_bytes(c, ctx), c.snd_mss - 1u);
}

void arm_persist(Connection& c, const Context& ctx) {
  if (c.has(kRetransmitArmed)) return;
  c.set(kRetransmitArmed | kPersist);
  c.retransmit_deadline = ctx.tick + rto_ticks(c, ctx);
}

void syn(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  const TcpOptions& options = ctx.options(c);
  const bool answering = c.state == State::kSynReceived;
  const bool fast = c.opened_fast();
  c.clear(kSynDue);
  out.payload_spans = 0;
  out.payload_bytes = 0;
  h = {};
  h.seq = fast ? c.snd_una - 1 : c.snd_una;
  h.flags = wire::kSyn;
  h.window = static_cast<uint16_t>(std::min(options.receive_buffer_bytes, 0xffffu));
  h.mss = announced_mss(options, ctx, c.key.peer);
  const uint8_t shift = window_shift_for(options.receive_buffer_bytes);
  if (answering) {
    h.flags |= wire::kAck;
    h.ack = c.rcv_nxt;
    if (fast) {
      h.window = announce_window_on_syn(c, ctx);
      c.last_ack_sent = c.rcv_nxt;
      give_fast_open_cookie(c.key, ctx, h);
    }
    if (c.window_shifts != 0) h.window_shift = shift;  // two shifts by 0 need not be said
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
  if (c.has(kUserTimeoutDue)) announce_user_timeout(c, ctx, h, out);
  const bool first = fast ? !c.has(kRetransmitArmed) && c.backoff == 0 : c.snd_nxt == c.snd_una;
  if (first) {
    const bool offer = !answering && c.has(kFastOpen);
    const uint32_t early = offer ? offer_fast_open(c, ctx, h, out) : 0;
    if (!fast) c.snd_nxt = c.snd_una + 1 + early;
    time_segment(c, ctx, c.snd_nxt);
  } else {
    if (!answering && c.has(kFastOpen)) give_up_fast_open(c, ctx);
    ++c.total_retrans;
    ctx.count(Counter::kTcpRetransSegs);
    ctx.count(Counter::kTcpExtTCPSynRetrans);
  }
  if (!fast) h.flags |= answering ? ecn_syn_ack_flags(c, ctx) : ecn_syn_flags(c, ctx);
  arm_retransmit(c, ctx);
}

// F-RTO, step 2: new text goes before what is lost.
bool goes_forward(const Sender& r) { return r.has(kForward) && r.prr_delivered != 0; }

// Whether something lost waits for room: new text has to wait behind it.
bool resending(const Connection& c, const Context& ctx) {
  if (c.sender == kNil) return false;
  const Sender& r = (*ctx.senders)[c.sender];
  return r.lost_bytes != 0 && !goes_forward(r);
}

// Sends [begin, begin + length) again: bytes, and the FIN when it is the last of them. Returns how
// much of that fits the frame's pieces.
uint32_t send_again(Connection& c, Context& ctx, SeqNum begin, uint32_t length,
                    wire::SegmentHeader& h, TxFrame& out) {
  const bool fin = c.has(kFinSent) && begin + length == c.snd_end + 1;
  const uint32_t wanted = length - (fin ? 1 : 0);
  const uint32_t bytes = gather(c, ctx, begin, wanted, out);
  const bool last = begin + bytes == c.snd_end;
  if (c.has(kPaced)) note_paced(c, ctx, bytes);
  fill(c, ctx, begin,
       static_cast<wire::Flags>((fin && bytes == wanted ? wire::kFin : 0) |
                                (last && bytes != 0 ? wire::kPsh : 0)),
       h);
  c.clear(kRttTiming);  // Karn
  ++c.total_retrans;
  ctx.count(Counter::kTcpRetransSegs);
  Sender& r = (*ctx.senders)[c.sender];
  const uint32_t sent = bytes + (fin && bytes == wanted ? 1 : 0);
  forget_probe_if_resent(r, begin, sent);
  if (r.phase == Phase::kOpen) return sent;
  r.undo_bytes += bytes;
  r.resent_begin = min(r.resent_begin, begin);
  r.resent_end = max(r.resent_end, begin + sent);
  r.prr_out += sent;
  if (!r.has(kResentStamp)) {
    r.set(kResentStamp);
    r.resent_ts = h.ts_value;
  }
  return sent;
}

// The next segment that recovery wants sent again.
bool retransmission(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  if (c.sender == kNil) return false;
  Sender& r = (*ctx.senders)[c.sender];
  if (r.lost_bytes == 0 || goes_forward(r)) return false;
  const uint32_t mss = segment_bytes(c, ctx);
  // PRR counts in bytes: what it lets out may be less than the segment that repairs a hole.
  const uint32_t room = congestion_room(c, ctx);
  const bool enough = r.phase == Phase::kFast ? room != 0 : room >= std::min(mss, r.lost_bytes);
  if (!enough && pipe(c, ctx) != 0) return false;
  SeqNum begin;
  const uint32_t length = next_lost(c, r, ctx, mss, begin);
  if (length == 0) return false;
  note_resent(c, r, ctx, send_again(c, ctx, begin, length, h, out));
  arm_retransmit(c, ctx);
  return true;
}

// Whether the application holds back what does not fill a segment.
bool corked(const Connection& c, const Context& ctx) {
  return ctx.options(c).cork && c.unsent() < segment_bytes(c, ctx) && !c.has(kFinQueued);
}

// How many of the unsent bytes go into one segment now; 0 to wait for a better moment (Nagle,
// RFC 9293 section 3.7.4; silly-window avoidance, section 3.8.6.2.1).
uint32_t sendable(Connection& c, const Context& ctx) {
  const uint32_t unsent = c.unsent();
  const uint32_t flight = c.flight();
  if (unsent == 0 || flight >= c.snd_wnd) return 0;
  if (flight == 0) restart_after_idle(c, ctx);
  const uint32_t room = congestion_room(c, ctx);
  const uint32_t mss = segment_bytes(c, ctx);
  const uint32_t bytes = std::min({unsent, c.snd_wnd - flight, room, mss});
  if (bytes == 0 || bytes == mss) return bytes;
  if (corked(c, ctx)) return 0;
  if (bytes == unsent && (flight == 0 || c.has(kFinQueued) || ctx.options(c).nodelay)) return bytes;
  const uint32_t half_window_max = (uint32_t{1} << c.snd_wnd_max_log2) / 4;
  const bool window_decides = c.snd_wnd - flight <= room;
  if (bytes < unsent && window_decides && bytes >= std::max(half_window_max, 1u)) return bytes;
  return 0;
}

// What a segment of new text with `bytes` says by its place in the stream: PSH, FIN.
wire::Flags flags_of_text(const Connection& c, uint32_t bytes) {
  if (c.snd_nxt + bytes != c.snd_end) return 0;
  const bool fin =
      c.fin_unsent() && !c.opened_fast() && (c.flight() + bytes < c.snd_wnd || bytes == 0);
  return static_cast<wire::Flags>((bytes != 0 ? wire::kPsh : 0) | (fin ? wire::kFin : 0));
}

// Such a segment leaves.
void note_text_sent(Connection& c, Context& ctx, uint32_t bytes, wire::Flags flags) {
  const bool fin = (flags & wire::kFin) != 0;
  if (c.has(kPaced)) note_paced(c, ctx, bytes);
  note_new_text(c, ctx);
  c.snd_nxt += bytes + (fin ? 1 : 0);
  note_sent_in_recovery(c, ctx, bytes);
  if (fin) c.set(kFinSent);
  time_segment(c, ctx, c.snd_nxt);
  arm_retransmit(c, ctx);
}

void new_text(Connection& c, Context& ctx, uint32_t wanted, wire::SegmentHeader& h, TxFrame& out) {
  const uint32_t bytes = gather(c, ctx, c.snd_nxt, wanted, out);
  const wire::Flags flags = flags_of_text(c, bytes);
  fill(c, ctx, c.snd_nxt, flags, h);
  if (c.has(kEct | kCwrDue)) ecn_mark_new_text(c, h, bytes);
  note_text_sent(c, ctx, bytes, flags);
}

// New text in a segment that the path may not take, to learn whether it does (mtu.h).
bool path_probe(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  const uint32_t bytes = path_probe_bytes(c, ctx);
  if (bytes == 0 || gather(c, ctx, c.snd_nxt, bytes, out) != bytes) return false;
  begin_path_probe(c, ctx, bytes);
  new_text(c, ctx, bytes, h, out);
  return true;
}

// A tail loss probe (RFC 8985 section 7.3): new text if there is any that the peer takes, else the
// last segment again.
bool tail_probe(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  c.clear(kTailProbeNow);
  if (c.flight() == 0) return false;
  if (repairs(phase_of(c, ctx))) {
    arm_loss_timer(c, ctx);
    return false;
  }
  ctx.count(Counter::kTcpExtTCPLossProbes);
  ctx.note(c, EventKind::kLossProbe);
  Sender& r = open_sender(c, ctx);
  r.set(kProbeOut);
  const uint32_t mss = segment_bytes(c, ctx);
  const uint32_t room = c.snd_wnd > c.flight() ? c.snd_wnd - c.flight() : 0;
  const uint32_t fresh = std::min({c.unsent(), room, mss});
  if (fresh != 0) {
    r.clear(kProbeResent);
    new_text(c, ctx, fresh, h, out);
  } else {
    r.set(kProbeResent);
    const uint32_t length = std::min(c.flight(), mss);
    note_resent_tail(c, r, ctx, length);
    send_again(c, ctx, c.snd_nxt - length, length, h, out);
  }
  r.tlp_end = c.snd_nxt;
  arm_loss_timer(c, ctx);
  return true;
}

// Whether `h`, of a segment that ends at snd_nxt, says nothing that text behind it would not say.
// CWR is said once; and devices take ACE, of which they know nothing, for such flags.
bool holds_for_more(const Connection& c, const wire::SegmentHeader& h) {
  return (h.flags & (wire::kSyn | wire::kFin | wire::kCwr)) == 0 && !c.has(kAccEcn | kCwrDue) &&
         (h.ecn == wire::kEct0) == c.has(kEct) && h.sack_count == 0 && h.user_timeout == 0;
}

bool fin_due(const Connection& c) { return c.fin_unsent() && c.unsent() == 0 && !c.opened_fast(); }

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
    ctx.note(c, EventKind::kKeepaliveProbe, c.probes);
    return;
  }
  ctx.count(Counter::kTcpExtTCPWinProbe);
  ctx.note(c, EventKind::kWindowProbe, c.probes);
  if (c.flight() != 0) {
    // The byte of the last probe is still unanswered: the same again.
    const uint32_t bytes = gather(c, ctx, c.snd_una, c.has(kFinSent) ? 0 : 1, out);
    fill(c, ctx, c.snd_una, c.has(kFinSent) && bytes == 0 ? wire::kFin : wire::Flags{0}, h);
    c.clear(kRttTiming);
  } else {
    const uint32_t open = std::min(c.snd_wnd, c.cwnd);
    const uint32_t bytes = std::max(1u, std::min({open, c.unsent(), uint32_t{c.snd_mss}}));
    new_text(c, ctx, c.unsent() == 0 ? 0 : bytes, h, out);
    ecn_unmark_probe(c, h);
  }
  // Still probing: the answer to this must not count as a lost segment's.
  if (c.snd_wnd == 0) {
    c.set(kPersist | kRetransmitArmed);
    c.retransmit_deadline = ctx.tick + rto_ticks(c, ctx);
  }
}

void pure_ack(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  out.payload_spans = 0;
  out.payload_bytes = 0;
  // A probe of a closed window may have taken snd_nxt past the peer's right edge, where even an
  // empty segment would be dropped, and its window update with it.
  fill(c, ctx, min(c.snd_nxt, c.snd_una + c.snd_wnd), 0, h);
}

// What handshakes and announcements need.
bool rare_segment(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  if (c.has(kSynDue)) {
    syn(c, ctx, h, out);
    return true;
  }
  if (c.has(kAceHandshake)) {
    const bool of_text = c.rcv_nxt != c.last_ack_sent;
    pure_ack(c, ctx, h, out);
    ecn_acknowledge_syn_ack(c, ctx, h, of_text);
    return true;
  }
  c.clear(kUserTimeoutDue);
  const bool sent = next_segment(c, ctx, h, out);
  if (!sent || !announce_user_timeout(c, ctx, h, out)) c.set(kUserTimeoutDue);
  return sent;
}

}  // namespace

void arm_retransmit(Connection& c, const Context& ctx) {
  if (c.has(kRetransmitArmed) && !c.has(kPersist)) {
    if (c.opened_fast()) return;  // only the SYN-ACK is sent again before the handshake is through
    // A second segment in flight makes the tail worth a probe.
    if (c.has(kLossProbe | kReorderTimer) || c.flight() < 2u * c.snd_mss) return;
    const uint32_t probe = probe_ticks(c, ctx);
    if (probe == 0 || tick_reached(ctx.tick + probe, c.retransmit_deadline)) return;
    c.set(kLossProbe);
    c.retransmit_deadline = ctx.tick + probe;
    return;
  }
  c.clear(kPersist);
  arm_loss_timer(c, ctx);
  if (c.backoff == 0 || c.sender == kNil) return;
  // The user timeout may be over before the next retransmission is due.
  const uint32_t user_timeout = user_timeout_ticks(c, ctx);
  if (user_timeout == 0) return;
  const uint32_t end = (*ctx.senders)[c.sender].began_tick + user_timeout;
  if (static_cast<int32_t>(end - c.retransmit_deadline) < 0) c.retransmit_deadline = end;
}

bool next_segment(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  if (c.has(kSynDue | kAceHandshake | kUserTimeoutDue)) [[unlikely]]
    return rare_segment(c, ctx, h, out);
  if (c.state == State::kSynSent) return false;
  const bool held = c.has(kPaced) && pacing_wait_us(c, ctx) != 0;
  if (sends_text(c) && !held) {
    if (retransmission(c, ctx, h, out)) return true;
    if (c.has(kTailProbeNow) && tail_probe(c, ctx, h, out)) return true;
    if (!resending(c, ctx) && !c.has(kPersist)) {
      const uint32_t bytes = sendable(c, ctx);
      if (bytes != 0 || (fin_due(c) && c.flight() < c.snd_wnd)) {
        c.clear(kProbeNow);
        if (bytes == c.snd_mss && path_probe(c, ctx, h, out)) return true;
        new_text(c, ctx, bytes, h, out);
        return true;
      }
    }
    if (c.has(kProbeNow)) {
      probe(c, ctx, h, out);
      return true;
    }
    if (c.flight() == 0 && (c.unsent() != 0 || fin_due(c)) && !corked(c, ctx)) {
      arm_persist(c, ctx);
    }
  } else if (c.has(kProbeNow) && !held) {
    probe(c, ctx, h, out);
    return true;
  }
  if (!c.has(kAckNow)) return false;
  pure_ack(c, ctx, h, out);
  return true;
}

size_t join_segments(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out,
                     size_t segments_max) {
  const uint32_t mss = c.snd_mss;
  if (out.payload_bytes != mss || h.seq + mss != c.snd_nxt || !holds_for_more(c, h)) return 0;
  size_t joined = 0;
  while (joined < segments_max && out.payload_bytes + mss <= ctx.tso_bytes_max) {
    // Whatever next_segment() would do before or instead of sending text.
    if (c.has(kTailProbeNow | kPersist | kUserTimeoutDue) || resending(c, ctx)) break;
    if (c.has(kPaced) && pacing_wait_us(c, ctx) != 0) break;
    const uint32_t bytes = sendable(c, ctx);
    if (bytes == 0 || (bytes == mss && path_probe_bytes(c, ctx) != 0)) break;
    if (!gather_more(c, ctx, bytes, out)) break;
    const wire::Flags flags = flags_of_text(c, bytes);
    note_text_sent(c, ctx, bytes, flags);
    h.flags |= flags;
    ++joined;
    if (bytes != mss || flags != 0) break;
  }
  return joined;
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
  return c.has(kAckNow | kSynDue | kProbeNow | kAborting) || c.has_unsent() || c.sender != kNil;
}

}  // namespace millrace::tcp
