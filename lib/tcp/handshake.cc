// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/handshake.h"

#include <algorithm>
#include <bit>

#include "tcp/autotune.h"
#include "tcp/congestion.h"
#include "tcp/ecn.h"
#include "tcp/input.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/send_queue.h"
#include "tcp/user_timeout.h"
#include "tcp/window.h"

namespace millrace::tcp {
namespace {

// The payload of a full-sized segment: the smaller of what the peer takes and what we can send,
// without the options that every segment carries (RFC 6691).
uint16_t effective_mss(const IpAddress& peer, uint16_t peer_mss, bool timestamps,
                       const TcpOptions& options, const Context& ctx) {
  uint16_t mss = std::min(peer_mss, announced_mss(options, ctx, peer));
  if (timestamps) mss = static_cast<uint16_t>(mss - std::min<uint16_t>(mss, kTimestampOptionBytes));
  return std::max<uint16_t>(mss, 32);  // a peer that announces next to nothing gets small segments
}

// What counts as a full-sized segment until a larger one has come.
constexpr uint16_t kFirstRcvMss = 536;

uint16_t peer_mss(const IpAddress& peer, const wire::Segment& s) {
  return s.mss == 0 ? default_mss(peer) : s.mss;
}

uint8_t peer_shift(const wire::Segment& s) {
  return std::min(s.window_shift, wire::kWindowShiftMax);
}

void note_window(Connection& c, const wire::Segment& s, uint8_t shift) {
  c.snd_wnd = uint32_t{s.window} << shift;
  c.snd_wl1 = s.seq;
  c.snd_wnd_max_log2 = static_cast<uint8_t>(std::bit_width(c.snd_wnd));
}

// The peer's SYN, on a connection of our own opening.
void accept_syn(Connection& c, const wire::Segment& s, Context& ctx) {
  const TcpOptions& options = ctx.options(c);
  c.rcv_nxt = s.seq + 1;
  c.last_ack_sent = c.rcv_nxt;
  const bool scale = options.window_scale && s.window_shift != wire::kNoWindowShift;
  c.set_window_shifts(scale ? peer_shift(s) : 0,
                      scale ? window_shift_for(options.receive_buffer_bytes) : 0);
  begin_receive_limit(c, options);
  const bool timestamps = options.timestamps && s.has_timestamps;
  if (timestamps) {
    c.set(kTimestamps);
    c.ts_recent = s.ts_value;
    c.ts_recent_tick = ctx.tick;
  } else {
    c.clear(kTimestamps);
  }
  if (options.sack && s.sack_permitted) {
    c.set(kSack);
  } else {
    c.clear(kSack);
  }
  c.quick_acks = options.quick_acks;
  take_user_timeout(c, s, ctx);
  c.snd_mss = effective_mss(c.key.peer, peer_mss(c.key.peer, s), timestamps, options, ctx);
  c.rcv_mss = kFirstRcvMss;
  c.rcv_adv = c.rcv_nxt + std::min(options.receive_buffer_bytes, 0xffffu);
  note_window(c, s, 0);  // the window of a SYN is never scaled (RFC 7323 section 2.2)
}

// What the SYN-ACK says to Fast Open (RFC 7413 section 4.1.3). Requires: the SYN was sent once.
void learn_fast_open(Connection& c, const wire::Segment& s, Context& ctx) {
  const bool brought_data = c.snd_nxt - c.snd_una > 1;
  c.clear(kFastOpen);
  if (s.fast_open_length > 2) {
    ctx.fast_open->remember(c.key.peer, s.fast_open_cookie(), peer_mss(c.key.peer, s), ctx.tick);
  } else if (!brought_data) {
    ctx.fast_open->refuse(c.key.peer, ctx.tick);
  }
  if (!brought_data) return;
  ctx.count(s.ack - c.snd_una > 1 ? Counter::kTcpExtTCPFastOpenActive
                                  : Counter::kTcpExtTCPFastOpenActiveFail);
}

}  // namespace

uint16_t announced_mss(const TcpOptions& options, const Context& ctx, const IpAddress& peer) {
  const uint16_t local = ctx.local_mss_of(peer);
  return options.mss_max == 0 ? local : std::min(options.mss_max, local);
}

void note_options(Connection& c, const TcpOptions& options) {
  if (announced_user_timeout(options) != 0) c.set(kUserTimeoutDue);
  if (options.pacing_rate_max != 0) {
    c.set(kPaced);
  } else {
    c.clear(kPaced);
  }
}

void open_active(Connection& c, const Context& ctx, SeqNum iss, uint32_t ts_offset) {
  const TcpOptions& options = ctx.options(c);
  c.state = State::kSynSent;
  ctx.note(c, EventKind::kOpened);
  c.snd_una = c.snd_nxt = iss;
  c.snd_end = iss + 1;  // bytes queued before the handshake follow the SYN
  c.ts_offset = ts_offset;
  c.snd_mss = default_mss(c.key.peer);
  c.rcv_mss = kFirstRcvMss;
  c.set(kSynDue);
  if (options.timestamps) c.set(kTimestamps);
  if (options.sack) c.set(kSack);
  note_options(c, options);
  ecn_open_active(c, options);
  if (options.fast_open) c.set(kFastOpen);
}

uint32_t offer_fast_open(Connection& c, Context& ctx, wire::SegmentHeader& h, TxFrame& out) {
  const FastOpen::Peer* peer = ctx.fast_open->find(c.key.peer, ctx.tick);
  if (peer == nullptr) {
    h.fast_open_length = 2;
    return 0;
  }
  const uint32_t queued = c.unsent() - 1;  // the SYN is not sent yet
  if (peer->cookie_bytes == 0 || queued == 0) {
    c.clear(kFastOpen);
    return 0;
  }
  h.fast_open_length = static_cast<uint8_t>(2 + peer->cookie_bytes);
  h.fast_open_cookie = peer->cookie.data();
  const uint32_t mss = std::min(peer->mss, announced_mss(ctx.options(c), ctx, c.key.peer));
  // Beside the longest cookie there is room for no more than MSS, SACK, timestamps and scale; the
  // user timeout can wait for the next segment.
  constexpr uint32_t kOptionsMaxBytes = 40;
  if (peer->cookie_bytes > 14) h.user_timeout = 0;
  const uint32_t room = mss - std::min(mss, kOptionsMaxBytes);
  return gather(c, ctx, c.snd_una + 1, std::min(queued, room), out);
}

void give_up_fast_open(Connection& c, Context& ctx) {
  c.clear(kFastOpen);
  ctx.fast_open->refuse(c.key.peer, ctx.tick);
  ctx.count(Counter::kTcpExtTCPFastOpenActiveFail);
}

void on_segment_syn_sent(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx) {
  // First, the ACK bit.
  const bool ack_ok = s.has(wire::kAck) && s.ack > c.snd_una && s.ack <= c.snd_nxt;
  if (s.has(wire::kAck) && !ack_ok) {
    ctx.count(Counter::kDropTcpBadAck);
    fx.reset = !s.has(wire::kRst);
    return;
  }
  // Second, RST: believed only with an acceptable ACK (RFC 5961 section 3.2 keeps this).
  if (s.has(wire::kRst)) {
    if (ack_ok) fx.closed = CloseReason::kRefused;
    return;
  }
  // Fourth, SYN.
  if (!s.has(wire::kSyn)) {
    ctx.count(Counter::kDropTcpUnacceptable);
    return;
  }
  accept_syn(c, s, ctx);
  if (!ack_ok) {
    // Simultaneous open (RFC 9293 section 3.5, figure 7): SYN-ACK with the same ISS.
    c.state = State::kSynReceived;
    ctx.note(c, EventKind::kState);
    ecn_on_simultaneous_syn(c, s, ctx);
    c.clear(kFastOpen);
    c.set(kSynDue);
    fx.dirty = true;
    return;
  }
  const bool syn_was_lost = c.total_retrans != 0;
  if (c.has(kRttTiming)) take_rtt_sample(c, ctx.now_us - c.rtt_began_us);
  c.clear(kRttTiming | kSynDue | kRetransmitArmed);
  c.backoff = 0;
  if (c.has(kFastOpen)) learn_fast_open(c, s, ctx);
  // Data of the SYN that is not acknowledged was never sent.
  c.snd_una = c.snd_nxt = s.ack;
  release_acknowledged(c, ctx, s.ack);
  c.state = c.has(kFinQueued) ? State::kFinWait1 : State::kEstablished;
  ctx.note(c, EventKind::kState);
  start_congestion(c, ctx, syn_was_lost);
  ecn_on_syn_ack(c, s, ctx);
  c.set(kAckNow);
  touch_keepalive(c, ctx);
  fx.established = true;
  fx.acked = true;  // a send() before the handshake may be waiting for room
  fx.dirty = true;
  if (s.payload_bytes != 0 || s.has(wire::kFin)) receive_text_of_syn(c, s, ctx, fx);
}

// Text or FIN begins right behind the SYN.
void receive_text_of_syn(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx) {
  wire::Segment rest = s;
  rest.seq += 1;
  rest.flags &= static_cast<wire::Flags>(~wire::kSyn);
  const uint32_t window = c.rcv_adv - c.rcv_nxt;
  if (rest.payload_bytes > window) {  // what lies behind it will be sent again
    rest.payload_bytes = static_cast<uint16_t>(window);
    rest.flags &= static_cast<wire::Flags>(~wire::kFin);
  }
  receive_text(c, rest, ctx, fx);
}

HalfOpen remember_syn(const FlowKey& key, const wire::Segment& s, const TcpOptions& options,
                      SeqNum iss) {
  HalfOpen half;
  half.key = key;
  half.irs = s.seq;
  half.iss = iss;
  half.mss = peer_mss(half.key.peer, s);
  const bool scale = options.window_scale && s.window_shift != wire::kNoWindowShift;
  half.shift_and_flags = scale ? peer_shift(s) : HalfOpen::kNoShift;
  if (options.timestamps && s.has_timestamps) {
    half.shift_and_flags |= HalfOpen::kTimestampsBit;
    half.ts_recent = s.ts_value;
  }
  if (options.sack && s.sack_permitted) half.shift_and_flags |= HalfOpen::kSackBit;
  ecn_remember_syn(half, s, options);
  if (options.fast_open && s.fast_open_length != 0) half.fast_open = 1;
  return half;
}

wire::SegmentHeader syn_ack(const HalfOpen& half, const TcpOptions& options, const Context& ctx,
                            uint32_t ts_offset) {
  wire::SegmentHeader h;
  h.seq = half.iss;
  h.ack = half.irs + 1;
  h.flags = wire::kSyn | wire::kAck | ecn_syn_ack_flags(half);
  h.window = static_cast<uint16_t>(std::min(options.receive_buffer_bytes, 0xffffu));
  h.mss = announced_mss(options, ctx, half.key.peer);
  if (half.window_shift() != HalfOpen::kNoShift) {
    h.window_shift = window_shift_for(options.receive_buffer_bytes);
  }
  h.sack_permitted = half.sack();
  h.user_timeout = announced_user_timeout(options);
  h.dscp = options.dscp;
  if (half.timestamps()) {
    h.has_timestamps = true;
    h.ts_value = ctx.tick + ts_offset;
    h.ts_echo = half.ts_recent;
  }
  if (half.fast_open != 0) give_fast_open_cookie(half.key, ctx, h);
  return h;
}

void give_fast_open_cookie(const FlowKey& key, const Context& ctx, wire::SegmentHeader& h) {
  const std::span<const std::byte> cookie = ctx.fast_open->cookie_for(key);
  h.fast_open_length = static_cast<uint8_t>(2 + cookie.size());
  h.fast_open_cookie = cookie.data();
}

void open_passive(Connection& c, const HalfOpen& half, const wire::Segment& s, const Context& ctx,
                  uint32_t ts_offset) {
  const TcpOptions& options = ctx.options(c);
  c.state = State::kEstablished;
  ctx.note(c, EventKind::kAccepted);
  c.key = half.key;
  c.rcv_nxt = half.irs + 1;
  c.rcv_adv = c.rcv_nxt + std::min(options.receive_buffer_bytes, 0x10000u);
  c.last_ack_sent = c.rcv_nxt;
  c.snd_una = c.snd_nxt = c.snd_end = half.iss + 1;
  // With scaling 65535 is 65536: a challenge ACK may have rounded it up.
  const bool scale = half.window_shift() != HalfOpen::kNoShift;
  c.set_window_shifts(scale ? half.window_shift() : 0,
                      scale ? window_shift_for(options.receive_buffer_bytes) : 0);
  begin_receive_limit(c, options);
  c.ts_offset = ts_offset;
  if (half.timestamps()) {
    c.set(kTimestamps);
    c.ts_recent = half.ts_recent;
    c.ts_recent_tick = ctx.tick;
  }
  c.quick_acks = options.quick_acks;
  if (half.sack()) c.set(kSack);
  note_options(c, options);
  c.snd_mss = effective_mss(half.key.peer, half.mss, half.timestamps(), options, ctx);
  c.rcv_mss = kFirstRcvMss;
  c.total_retrans = half.retries;
  note_window(c, s, scale ? half.window_shift() : 0);
  start_congestion(c, ctx, half.retries != 0);
  ecn_open_passive(c, half, s, ctx);
  touch_keepalive(c, ctx);
}

void open_fast(Connection& c, const HalfOpen& half, const wire::Segment& s, const Context& ctx,
               uint32_t ts_offset) {
  HalfOpen without_ecn = half;
  without_ecn.set_ecn(HalfOpen::kEcnNone);
  open_passive(c, without_ecn, s, ctx, ts_offset);
  c.state = State::kSynReceived;
  c.set(kFastOpen | kSynDue);
  c.clear(kIdleArmed);
  c.rcv_adv = c.rcv_nxt + std::min(ctx.options(c).receive_buffer_bytes, 0xffffu);
  note_window(c, s, 0);
}

void complete_fast_open(Connection& c, const wire::Segment& s, Context& ctx) {
  if (c.has(kRttTiming) && s.ack >= c.rtt_seq) {
    take_rtt_sample(c, ctx.now_us - c.rtt_began_us);
    c.clear(kRttTiming);
  }
  if (c.total_retrans != 0) start_congestion(c, ctx, true);
  c.backoff = 0;
  c.clear(kRetransmitArmed);
  if (c.flight() != 0) arm_loss_timer(c, ctx);
}

}  // namespace millrace::tcp
