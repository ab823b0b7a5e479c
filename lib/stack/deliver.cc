// SPDX-License-Identifier: BSD-3-Clause
// What a segment meant: Effects into application events, and marks for the flush. The only place,
// with destroy(), where the application is called.
#include "base/check.h"
#include "stack/impl.h"
#include "tcp/autotune.h"
#include "tcp/input.h"
#include "tcp/reassembly.h"
#include "tcp/send_queue.h"
#include "tcp/window.h"

namespace millrace {

void Shard::Impl::apply(uint32_t index, const tcp::Effects& fx, const wire::ParsedFrame* cause) {
  Connection& c = connections_[index];
  if (fx.reset && cause != nullptr) send_reset(*cause);
  if (fx.closed) {
    if (*fx.closed == CloseReason::kNormal) {
      end_after_reading(index, tcp::Inbox::kEndClosed);
    } else {
      destroy(index, *fx.closed);
    }
    return;
  }
  if (fx.established) {
    if (c.has(tcp::kFastOpen)) {  // the application knows
      end_fast_open(index, false);
    } else {
      begin_path(c);
      app_of(c).on_established(*facade_, ref(index));
    }
  }
  const bool in_order = !fx.data.empty() || fx.fin;
  if (in_order && !c.has(tcp::kAborting)) {
    const wire::SeqNum before = c.rcv_nxt;
    deliver_in_order(index, fx);
    if (cause != nullptr) tcp::note_received(c, ctx_, before, cause->segment.ts_echo);
  }
  if (c.state == State::kClosed) return;
  if (fx.time_wait) {
    end_after_reading(index, tcp::Inbox::kEndTimeWait);
    return;
  }
  if (fx.acked && c.has(tcp::kWantsWritable)) {
    offer_room(index);
    if (c.state == State::kClosed) return;  // it read the last bytes that it waited for
  }
  if (fx.dirty || c.has(tcp::kAckNow | tcp::kAckDelayed)) mark_dirty(index);
}

// Requires: the application wants to know when it may send.
void Shard::Impl::offer_room(uint32_t index) {
  Connection& c = connections_[index];
  if (c.has(tcp::kAborting) || tcp::send_space(c, ctx_) < tcp::send_limit(c, ctx_) / 3) return;
  c.clear(tcp::kWantsWritable);
  app_of(c).on_writable(*facade_, ref(index));
}

bool Shard::Impl::deliver(uint32_t index, std::span<const std::byte> data) {
  const bool paused = connections_[index].has(tcp::kPaused);
  return deliver_rest(index, data, paused ? 0 : offer(index, data));
}

// Of `data` the application took the first `taken`.
bool Shard::Impl::deliver_rest(uint32_t index, std::span<const std::byte> data, size_t taken) {
  Connection& c = connections_[index];
  if (taken < data.size() && !c.has(tcp::kAborting | tcp::kNoReader)) {
    taken += tcp::keep_unread(c, ctx_, data.subspan(taken));
  }
  tcp::received(c, ctx_, static_cast<uint32_t>(taken));
  if (statistics_) [[unlikely]]
    statistics(index).bytes_received += taken;
  if (taken == data.size()) return true;
  if (c.has(tcp::kNoReader) && !c.has(tcp::kAborting)) {
    // Closed from within on_data with bytes left: the peer must learn that they are lost.
    counters_.add(Counter::kTcpExtTCPAbortOnData);
    c.set(tcp::kAborting);
    mark_dirty(index);
    return false;
  }
  counters_.add(Counter::kDropTcpNoMemory);
  ctx_.note(c, EventKind::kReceiveOverflow);
  c.set(tcp::kAckNow);
  return false;
}

void Shard::Impl::deliver_in_order(uint32_t index, const tcp::Effects& fx) {
  Connection& c = connections_[index];
  // The segment may fill a gap: then the acknowledgement must not wait (RFC 5681 section 4.2).
  const bool had_gap = c.inbox != kNil && tcp::has_gap(c, ctx_);
  // Learned from segments, and not from what one brings along by filling a gap.
  note_rcv_mss(c, fx.data.size());
  bool all = fx.data.empty() || deliver(index, fx.data);
  if (had_gap) {
    c.set(tcp::kAckNow);
    while (all && !c.has(tcp::kAborting)) {
      const std::span<const std::byte> next = tcp::front_in_order(c, ctx_);
      if (next.empty()) break;
      all = deliver(index, next);
    }
  }
  if (!all || c.has(tcp::kAborting)) return;
  if (fx.fin || (had_gap && tcp::fin_in_order(c, ctx_))) on_peer_fin(index);
}

void Shard::Impl::on_peer_fin(uint32_t index) {
  Connection& c = connections_[index];
  tcp::Effects fx;
  tcp::receive_fin(c, ctx_, fx);
  mark_dirty(index);
  if (c.inbox != kNil && inboxes_[c.inbox].unread_bytes != 0) {
    // Unread bytes come first; resume() says it when they are gone.
    inboxes_[c.inbox].announce_fin = true;
  } else if (!c.has(tcp::kNoReader)) {
    app_of(c).on_peer_closed(*facade_, ref(index));
  }
  if (fx.time_wait) end_after_reading(index, tcp::Inbox::kEndTimeWait);
}

// The protocol is done with the connection. If the application has bytes left to read, the
// connection stays for that, in TIME-WAIT's name; else it ends now.
void Shard::Impl::end_after_reading(uint32_t index, uint8_t end) {
  Connection& c = connections_[index];
  if (c.inbox != kNil && inboxes_[c.inbox].unread_bytes != 0 &&
      !c.has(tcp::kNoReader | tcp::kAborting)) {
    c.state = State::kTimeWait;
    c.clear(tcp::kRetransmitArmed | tcp::kPersist | tcp::kIdleArmed);
    inboxes_[c.inbox].end = end;
    return;
  }
  if (end == tcp::Inbox::kEndTimeWait) {
    enter_time_wait(index);
  } else {
    destroy(index, CloseReason::kNormal);
  }
}

void Shard::Impl::resume(ConnectionId id) {
  Connection* found = find(id);
  // From within on_data the application is being offered bytes anyway.
  if (found == nullptr || delivering_ == id.index || found->has(tcp::kAborting)) return;
  Connection& c = *found;
  c.clear(tcp::kPaused);
  while (!c.has(tcp::kPaused | tcp::kAborting)) {
    const std::span<const std::byte> data = tcp::front_unread(c, ctx_);
    if (data.empty()) break;
    const size_t taken = offer(id.index, data);
    const bool announce = inboxes_[c.inbox].announce_fin;
    const uint8_t end = inboxes_[c.inbox].end;
    tcp::pop_unread(c, ctx_, taken);
    abort_if_unread(id.index);
    if (c.has(tcp::kAborting)) return;
    if (c.inbox != kNil && inboxes_[c.inbox].unread_bytes != 0) continue;
    if (announce && !c.has(tcp::kAborting)) {
      if (c.inbox != kNil) inboxes_[c.inbox].announce_fin = false;
      app_of(c).on_peer_closed(*facade_, ref(id.index));
    }
    if (end != tcp::Inbox::kEndNone) {
      end_after_reading(id.index, end);
      return;
    }
  }
  if (tcp::window_update_due(c, ctx_)) c.set(tcp::kAckNow);
  mark_dirty(id.index);
}

}  // namespace millrace
