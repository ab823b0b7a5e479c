// SPDX-License-Identifier: BSD-3-Clause
// The short way out: text that is new, or an acknowledgement, of a connection with nothing else to
// say. What is sent is what next_segment() would have sent; it decides whatever is decided less
// simply than here.
#pragma once

#include <algorithm>
#include <cstdint>

#include "millrace/frame.h"
#include "tcp/congestion.h"
#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/flight.h"
#include "tcp/output.h"
#include "tcp/rtt.h"
#include "tcp/send_queue.h"
#include "tcp/window.h"
#include "wire/segment.h"

namespace millrace::tcp {

// With one of these, what leaves has something to say of it, or something must be asked first.
inline constexpr uint32_t kNotPlain = kPersist | kProbeNow | kSynDue | kAborting | kTailProbeNow |
                                      kEcn | kAccEcn | kEct | kEceDue | kCwrDue | kAceHandshake |
                                      kUserTimeoutDue | kPaced;

inline bool sends_plainly(const Connection& c) {
  return is_open(c.state) && !c.has(kNotPlain) && (c.inbox & c.sender) == kNil;
}

// Whether there may be anything to send at all.
inline bool has_plain_output(const Connection& c) { return c.has(kAckNow) || c.has_unsent(); }

// The text, FIN or nothing of one segment: all of `h` but what say_plain_ack() says. Requires:
// sends_plainly(); out is whole but for Ethernet and IP. False, and nothing is sent, when there is
// nothing to send or next_segment() must decide.
[[gnu::always_inline]] inline bool next_plain(Connection& c, Context& ctx, wire::PlainHeader& h,
                                              TxFrame& out) {
  const uint32_t unsent = c.unsent();
  const bool fin_queued = c.fin_unsent();
  h.flags = wire::kAck;
  h.seq = c.snd_nxt;
  out.payload_spans = 0;
  out.payload_bytes = 0;
  if (unsent == 0 && !fin_queued) return c.has(kAckNow) && c.flight() <= c.snd_wnd;
  const uint32_t flight = c.flight();
  const uint32_t bytes = std::min<uint32_t>(unsent, c.snd_mss);
  const bool last = bytes == unsent;
  const bool fin = last && fin_queued;
  const uint32_t end = flight + bytes + fin;
  const TcpOptions& options = ctx.options(c);
  if (end > c.snd_wnd || options.cork) return false;
  if (bytes != c.snd_mss && flight != 0 && !fin_queued && !options.nodelay) return false;
  if (bytes != 0) {
    if (flight == 0 && c.cwnd > initial_window(c, options)) restart_if_idle(c, ctx);
    if (flight + bytes > c.cwnd || gather_new(c, ctx, bytes, out) != bytes) return false;
    if (last) h.flags |= wire::kPsh;
  }
  if (fin) {
    h.flags |= wire::kFin;
    c.set(kFinSent);
  }
  note_new_text(c, ctx);
  c.snd_nxt += bytes + fin;
  time_segment(c, ctx, c.snd_nxt);
  if (end >= 2u * c.snd_mss) {
    arm_retransmit(c, ctx);
  } else if (!c.has(kRetransmitArmed)) {
    c.set(kRetransmitArmed);
    c.retransmit_deadline =
        ctx.tick + (c.backoff == 0 ? rto_base_ticks(c, options) : rto_ticks(c, ctx));
  }
  return true;
}

// What all segments that leave together say of the other direction.
[[gnu::always_inline]] inline void say_plain_ack(Connection& c, Context& ctx,
                                                 wire::PlainHeader& h) {
  h.ack = c.rcv_nxt;
  h.window = announce_window(c, ctx);
  h.has_timestamps = c.has(kTimestamps);
  h.ts_value = ctx.tick + c.ts_offset;
  h.ts_echo = c.ts_recent;
  c.last_ack_sent = c.rcv_nxt;
  c.clear(kAckNow | kAckDelayed);
}

}  // namespace millrace::tcp
