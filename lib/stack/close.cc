// SPDX-License-Identifier: BSD-3-Clause
// Endings: the application's verbs, the one way in which a connection is given back, and TIME-WAIT
// (RFC 9293 sections 3.10.4, 3.10.5 and 3.6.1; RFC 1337; RFC 6191).
#include "tcp/close.h"
#include "base/check.h"
#include "stack/impl.h"
#include "tcp/flight.h"
#include "tcp/output.h"
#include "tcp/reassembly.h"
#include "tcp/send_queue.h"

namespace millrace {

using stack::flow_value;
using tcp::TimeWait;
using wire::SeqNum;

// --- Verbs ------------------------------------------------------------------------------------

void Shard::Impl::shutdown(ConnectionId id) {
  Connection* c = find(id);
  if (c == nullptr || c->has(tcp::kAborting)) return;
  if (tcp::close_sending(*c, ctx_)) mark_dirty(id.index);
}

void Shard::Impl::close(ConnectionId id) {
  Connection* c = find(id);
  if (c == nullptr || c->has(tcp::kAborting)) return;
  if (c->state == State::kSynSent) {  // RFC 9293 section 3.10.4: nothing was agreed on yet
    abort(id);
    return;
  }
  tcp::close_sending(*c, ctx_);
  tcp::stop_reading(*c, ctx_);
  mark_dirty(id.index);
  // From within on_data, what is left is known when that returns.
  if (delivering_ != id.index) abort_if_unread(id.index);
}

// RFC 9293 section 3.6.1: bytes that nobody will read make a close an abort.
void Shard::Impl::abort_if_unread(uint32_t index) {
  Connection& c = connections_[index];
  if (!c.has(tcp::kNoReader) || c.has(tcp::kAborting)) return;
  if (c.inbox == kNil || inboxes_[c.inbox].unread_bytes == 0) return;
  counters_.add(Counter::kTcpExtTCPAbortOnData);
  abort({index, c.generation});
}

void Shard::Impl::abort(ConnectionId id) {
  Connection* c = find(id);
  if (c == nullptr) return;
  c->set(tcp::kAborting);
  if (c->has(tcp::kDirty)) recheck_blocked_ = true;  // it may be waiting for a neighbour
  mark_dirty(id.index);
}

// --- Giving a connection back -----------------------------------------------------------------

void Shard::Impl::destroy(uint32_t index, CloseReason reason) {
  const Connection& c = connections_[index];
  const bool erased = flows_.erase(flow_hash(c.key), flow_value(FlowKind::kConnection, index));
  MR_ASSERT(erased);
  release(index, reason);
}

// The flow entry is gone, or somebody else's by now. Everything the connection holds goes back,
// and then the application hears of it: a connect() from within that call finds the slot free.
void Shard::Impl::release(uint32_t index, CloseReason reason) {
  Connection& c = connections_[index];
  if (reason != CloseReason::kNormal) note_bad_end(index, reason);
  give_back(index, reason == CloseReason::kPeerReset);
  if (c.state == State::kSynSent || c.state == State::kSynReceived) {
    counters_.add(Counter::kTcpAttemptFails);
  } else if (c.state == State::kEstablished || c.state == State::kCloseWait) {
    counters_.add(Counter::kTcpEstabResets);
  }
  App& app = app_of(c);
  const ConnectionRef closed = ref(index);
  forget(index);
  app.on_closed(*facade_, closed, reason);
}

// What a connection holds, beside its slot.
void Shard::Impl::give_back(uint32_t index, bool reset) {
  Connection& c = connections_[index];
  if (c.timer.linked()) wheel_.disarm(index);
  if (c.opened_fast()) end_fast_open(index, reset);
  tcp::clear_send_queue(c, ctx_);
  tcp::clear_inbox(c, ctx_);
  tcp::close_sender(c, ctx_);
  --neighbors_[c.neighbor].references;
}

// Its slot. A connection that is on a list of the flush is freed when it is taken off that.
void Shard::Impl::forget(uint32_t index) {
  Connection& c = connections_[index];
  c.state = State::kClosed;
  if (!c.has(tcp::kDirty)) connections_.free(index);
}

// Ends a connection that the flush has just taken off its list, but not within the flush: the
// application is not called while frames are being described.
void Shard::Impl::doom(uint32_t index, CloseReason reason) {
  Connection& c = connections_[index];
  c.set(tcp::kAborting);
  c.probes = static_cast<uint8_t>(reason);
  push(doomed_, index);
}

void Shard::Impl::reap() {
  while (doomed_.head != kNil) {
    const uint32_t index = pop(doomed_);
    Connection& c = connections_[index];
    c.clear(tcp::kDirty);
    if (c.state == State::kClosed) {
      connections_.free(index);
    } else {
      destroy(index, static_cast<CloseReason>(c.probes));
    }
  }
}

// --- TIME-WAIT --------------------------------------------------------------------------------

void Shard::Impl::enter_time_wait(uint32_t index) {
  Connection& c = connections_[index];
  tcp::close_sender(c, ctx_);
  if (c.has(tcp::kAckNow | tcp::kAckDelayed)) {
    c.set(tcp::kAckNow);
    c.clear(tcp::kProbeNow);
    const uint32_t control = control_.allocate();
    if (control == kNil) {
      drop(Counter::kDropControlQueueFull);  // the peer sends its FIN again and is answered then
    } else {
      wire::SegmentHeader header;
      TxFrame& frame = control_[control].frame;
      if (tcp::next_segment(c, ctx_, header, frame)) {
        send_control_frame(control, c.key, header);
      } else {
        control_.free(control, blocks_);
      }
    }
  }
  if (!ctx_.options(c).time_wait && c.has(tcp::kTimestamps)) {
    c.state = State::kTimeWait;
    destroy(index, CloseReason::kNormal);
    return;
  }
  if (time_wait_.full()) drop_oldest_time_wait();
  const uint32_t record = time_wait_.push(c.key, {c.snd_nxt, c.rcv_nxt, c.ts_recent},
                                          c.has(tcp::kTimestamps), ctx_.tick);
  const bool replaced = flows_.replace(flow_hash(c.key), flow_value(FlowKind::kConnection, index),
                                       flow_value(FlowKind::kTimeWait, record));
  MR_ASSERT(replaced);
  counters_.add(Counter::kTcpExtTCPTimeWait);
  c.state = State::kTimeWait;
  release(index, CloseReason::kNormal);
}

void Shard::Impl::on_time_wait(uint32_t index, const wire::ParsedFrame& p, uint64_t hash) {
  const TimeWait t = time_wait_[index];
  const wire::Segment& s = p.segment;
  if (s.has(wire::kRst)) {  // RFC 1337: nothing may cut TIME-WAIT short
    drop(Counter::kDropTcpUnacceptable);
    return;
  }
  const bool timestamps = time_wait_.timestamps(index) && s.has_timestamps;
  const auto ts_ahead = static_cast<int32_t>(s.ts_value - t.ts_recent);
  if (s.has(wire::kSyn) && !s.has(wire::kAck)) {
    // RFC 6191 section 2: a SYN that is provably newer begins the next incarnation.
    const bool newer = timestamps && ts_ahead != 0 ? ts_ahead > 0 : s.seq > t.rcv_nxt;
    stack::Listener* listener = listener_for(p.key);
    if (newer && listener != nullptr) {
      // Only a stored entry can begin above the old sequence numbers: where there is none left, no
      // cookie, and the record stays for when the SYN is repeated.
      if (!shedding_.admit()) return drop(Counter::kDropTcpOverload);
      if (!listener->accepting || no_room_for_syn(*listener)) {
        counters_.add(Counter::kTcpExtListenOverflows);
        return;
      }
      erase_time_wait(index, hash);
      counters_.add(Counter::kTcpExtTCPTimeWaitRecycled);
      remember_half_open(*listener, p, hash, t.snd_nxt);
      return;
    }
  }
  if (s.length() == 0) {
    // A bare acknowledgement is not answered, or two ends in TIME-WAIT would talk for ever.
    drop(Counter::kDropTcpUnacceptable);
    return;
  }
  const bool old = timestamps && ts_ahead < 0;
  counters_.add(Counter::kTcpExtTCPTimeWaitAck);
  wire::SegmentHeader h;
  h.seq = t.snd_nxt;
  h.ack = t.rcv_nxt;
  h.flags = wire::kAck;
  h.window = 0xffff;
  if (time_wait_.timestamps(index)) {
    h.has_timestamps = true;
    h.ts_value = ctx_.tick + timestamp_offset(hash);
    h.ts_echo = t.ts_recent;
  }
  send_control(p.key, h);
  if (s.has(wire::kFin) && s.seq + s.length() == t.rcv_nxt && !old) restart_time_wait(index, hash);
}

// The record stays in the queue, marked, until it comes to the front.
void Shard::Impl::erase_time_wait(uint32_t index, uint64_t hash) {
  const bool erased = flows_.erase(hash, flow_value(FlowKind::kTimeWait, index));
  MR_ASSERT(erased);
  time_wait_.erase(index);
}

// A late FIN begins 2 MSL anew: the record goes to the end of the queue.
void Shard::Impl::restart_time_wait(uint32_t index, uint64_t hash) {
  if (time_wait_.began_in(index, ctx_.tick)) return;
  const FlowKey key = time_wait_.key(index);
  const TimeWait record = time_wait_[index];
  const bool timestamps = time_wait_.timestamps(index);
  time_wait_.erase(index);
  if (time_wait_.full()) drop_oldest_time_wait();
  const uint32_t moved = time_wait_.push(key, record, timestamps, ctx_.tick);
  const bool replaced = flows_.replace(hash, flow_value(FlowKind::kTimeWait, index),
                                       flow_value(FlowKind::kTimeWait, moved));
  MR_ASSERT(replaced);
}

void Shard::Impl::drop_oldest_time_wait() {
  const uint32_t index = time_wait_.front();
  if (!time_wait_.erased(index)) {
    erase_time_wait(index, flow_hash(time_wait_.key(index)));
    counters_.add(Counter::kTcpExtTCPTimeWaitOverflow);
  }
  time_wait_.pop();
}

// A batch at a time, so that their buckets, of which hardly any is in a cache, come together.
void Shard::Impl::expire_time_wait(uint32_t budget) {
  constexpr uint32_t kBatch = 16;
  std::array<uint32_t, kBatch> indices;
  std::array<uint64_t, kBatch> hashes;
  uint32_t count;
  do {
    count = 0;
    for (; count < kBatch && budget != 0 && !time_wait_.empty(); --budget) {
      const uint32_t index = time_wait_.front();
      if (!time_wait_.erased(index)) {
        if (!tcp::tick_reached(ctx_.tick, time_wait_.front_deadline())) break;
        hashes[count] = flow_hash(time_wait_.key(index));
        flows_.prefetch(hashes[count]);
        indices[count++] = index;
      }
      time_wait_.pop();
    }
    for (uint32_t i = 0; i < count; ++i) erase_time_wait(indices[i], hashes[i]);
  } while (count == kBatch);
}

}  // namespace millrace
