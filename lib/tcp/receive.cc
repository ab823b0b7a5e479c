// SPDX-License-Identifier: BSD-3-Clause
// Steps 6 to 8 of RFC 9293 section 3.10.7.4: the text of an acceptable segment, and its FIN. What
// is in order is handed to the stack; what is ahead of a gap is kept; and it is decided when to
// acknowledge (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2).
#include <algorithm>

#include "tcp/close.h"
#include "tcp/input.h"
#include "tcp/reassembly.h"

namespace millrace::tcp {
namespace {

bool receives_text(const Connection& c) {
  const State state = c.state;
  return state == State::kEstablished || state == State::kFinWait1 || state == State::kFinWait2 ||
         c.opened_fast();
}

}  // namespace

void receive_text(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx) {
  const bool fin = s.has(wire::kFin);
  if (c.has(kAckNow)) fx.dirty = true;
  if (s.payload_bytes == 0 && !fin) return;
  if (!receives_text(c)) return;

  if (c.has(kNoReader) && s.payload_bytes != 0) {
    // RFC 9293 section 3.6.1: the application is gone, so the peer must learn that its data is
    // lost.
    ctx.count(Counter::kTcpExtTCPAbortOnData);
    c.set(kAborting);
    fx.dirty = true;
    return;
  }
  if (s.seq == c.rcv_nxt) {
    if (c.inbox != kNil) note_overlap(c, ctx, s.seq + s.payload_bytes);
    fx.data = s.data();
    fx.fin = fin;
    return;
  }
  // Ahead of a gap: keep it, and tell the peer at once where the gap is.
  c.set(kAckNow);
  fx.dirty = true;
  if (s.payload_bytes != 0) {
    const bool kept = keep_out_of_order(c, ctx, s.seq, s.data());
    ctx.count(kept ? Counter::kTcpExtTCPOFOQueue : Counter::kTcpExtTCPOFODrop);
    if (!kept) ctx.note(c, EventKind::kOutOfOrderLost);
  }
  if (fin && !keep_fin(c, ctx, s.seq + s.payload_bytes)) {
    ctx.count(Counter::kTcpExtTCPOFODrop);
  }
}

void receive_fin(Connection& c, Context& ctx, Effects& fx) {
  c.rcv_nxt += 1;
  c.set(kAckNow);
  fx.dirty = true;
  // Nothing can follow the FIN: what was kept out of order is void.
  if (c.inbox != kNil) {
    Inbox& inbox = (*ctx.inboxes)[c.inbox];
    ctx.blocks->release_chain(inbox.gap_head);
    inbox.gap_head = inbox.gap_last = inbox.gap_hint = kNil;
    inbox.gap_bytes = inbox.gap_blocks = 0;
    inbox.recent_count = 0;
    inbox.fin_known = false;
    trim_inbox(c, ctx);
  }
  on_peer_fin(c, fx);
  ctx.note(c, EventKind::kState);
}

}  // namespace millrace::tcp
