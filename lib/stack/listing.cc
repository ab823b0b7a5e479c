// SPDX-License-Identifier: BSD-3-Clause
// A walk over all that a shard knows of, a slice at a time (millrace/listing.h). In the order of a
// life, half-open entries before connections before TIME-WAIT, so that what moves on during the
// walk is still ahead of it.
#include <algorithm>

#include "stack/impl.h"
#include "tcp/ecn.h"
#include "tcp/reassembly.h"

namespace millrace {
namespace {

// What a slice does with each entry that it looks at.
class Slice {
 public:
  Slice(const ListRequest& request, std::array<uint64_t, kStateCount>& counts,
        std::span<Listed> out)
      : request_(request), counts_(counts), out_(out) {}

  // Requires: fewer than kSlice entries were offered before. `make` is called for those wanted.
  template <class Make>
  void offer(State state, const FlowKey& key, Make&& make) {
    if (!request_.filter.matches(state, key)) return;
    ++counts_[static_cast<size_t>(state)];
    if (!request_.counts_only) out_[written_++] = make();
  }
  [[nodiscard]] size_t written() const { return written_; }

 private:
  const ListRequest& request_;
  std::array<uint64_t, kStateCount>& counts_;
  std::span<Listed> out_;
  size_t written_ = 0;
};

}  // namespace

Duration Shard::Impl::left_until(uint32_t deadline) const {
  return milliseconds(std::max(static_cast<int32_t>(deadline - ctx_.tick), 0));
}

Listed Shard::Impl::listed_listener(const stack::Listener& listener) const {
  Listed entry;
  entry.info.state = State::kListen;
  entry.info.key.local = listener.local.address;
  entry.info.key.local_port = listener.local.port;
  entry.receive_queue = listener.half_open;
  entry.send_queue = profiles_[listener.profile].backlog;
  return entry;
}

Listed Shard::Impl::listed_half_open(const tcp::HalfOpen& half) const {
  Listed entry;
  TcpInfo& info = entry.info;
  info.state = State::kSynReceived;
  info.key = half.key;
  info.snd_una = half.iss.raw();
  info.snd_nxt = half.iss.raw() + 1;
  info.rcv_nxt = half.irs.raw() + 1;
  info.snd_mss = half.mss;
  info.window_scaling = half.window_shift() != tcp::HalfOpen::kNoShift;
  info.snd_wscale = info.window_scaling ? half.window_shift() : 0;
  info.timestamps = half.timestamps();
  info.sack = half.sack();
  info.retransmits = half.retries;
  entry.timer = TimerKind::kRetransmit;
  entry.timer_left = left_until(half.timer.deadline);
  entry.timer_retries = half.retries;
  return entry;
}

Listed Shard::Impl::listed_connection(uint32_t index) const {
  const Connection& c = connections_[index];
  Listed entry;
  entry.info = info_of(index);
  entry.receive_queue = entry.info.unread_bytes;
  entry.send_queue = entry.info.unacked_bytes + entry.info.unsent_bytes;
  if (c.has(tcp::kRetransmitArmed)) {
    entry.timer = c.has(tcp::kPersist) ? TimerKind::kPersist : TimerKind::kRetransmit;
    entry.timer_left = left_until(c.retransmit_deadline);
    entry.timer_retries = c.has(tcp::kPersist) ? c.probes : c.backoff;
  } else if (c.has(tcp::kIdleArmed)) {
    entry.timer = c.state == State::kFinWait2 ? TimerKind::kTimeWait : TimerKind::kKeepalive;
    entry.timer_left = left_until(c.idle_deadline);
    entry.timer_retries = c.probes;
  }
  const TcpOptions& options = ctx_.options(c);
  entry.receive_buffer_bytes = options.receive_buffer_bytes;
  entry.send_buffer_bytes = options.send_buffer_bytes;
  entry.side_bytes = (c.sender != kNil ? static_cast<uint32_t>(sizeof(tcp::Sender)) : 0) +
                     (c.inbox != kNil ? static_cast<uint32_t>(sizeof(tcp::Inbox)) : 0);
  return entry;
}

Listed Shard::Impl::listed_time_wait(const FlowKey& key, const tcp::TimeWait& state,
                                     bool timestamps, uint32_t deadline) const {
  Listed entry;
  entry.info.state = State::kTimeWait;
  entry.info.key = key;
  entry.info.snd_una = state.snd_nxt.raw();
  entry.info.snd_nxt = state.snd_nxt.raw();
  entry.info.rcv_nxt = state.rcv_nxt.raw();
  entry.info.timestamps = timestamps;
  entry.timer = TimerKind::kTimeWait;
  entry.timer_left = left_until(deadline);
  return entry;
}

// They are likely to be in no cache. `whole`: all of them that an entry needs.
void Shard::Impl::prefetch_connections(uint64_t begin, uint64_t end, bool whole) const {
  for (uint64_t i = begin; i < end; ++i) {
    const Connection& c = connections_[static_cast<uint32_t>(i)];
    __builtin_prefetch(&c);
    __builtin_prefetch(&c.key);
    if (!whole) continue;
    __builtin_prefetch(&c.ssthresh);
    __builtin_prefetch(&ctx_.autotune(c));
  }
}

size_t Shard::list(const ListRequest& request, ListCursor& cursor, std::span<Listed> out) const {
  using Stage = ListCursor::Stage;
  const Impl& s = *impl_;
  MR_DCHECK(!cursor.done());
  MR_DCHECK(request.counts_only || out.size() >= ListCursor::kSlice);
  Slice slice(request, cursor.counts_, out);
  // Each visits what a slice may look at, of one stage; whoever comes to the end begins the next.
  const auto some_of = [&](uint64_t size, Stage next_stage, auto&& visit) {
    const uint64_t begin = cursor.next_;
    const uint64_t end = std::min<uint64_t>(size, begin + ListCursor::kSlice);
    if (cursor.stage_ == Stage::kConnections) {
      s.prefetch_connections(begin, end, !request.counts_only);
    }
    for (uint64_t i = begin; i < end; ++i) visit(static_cast<uint32_t>(i));
    cursor.next_ = end;
    if (end < size) return;
    cursor.stage_ = next_stage;
    cursor.next_ = 0;
  };
  const auto some_time_waits = [&](const auto& queue, Stage next_stage) {
    auto walk = queue.begin_walk();
    if (cursor.end_ != 0) {
      walk = {cursor.next_, cursor.end_, cursor.deadline_, cursor.deadline_begin_};
    }
    for (size_t visits = 0; visits < ListCursor::kSlice && !queue.ended(walk); ++visits) {
      const auto [index, deadline] = queue.step(walk);
      if (queue.erased(index)) continue;
      const auto& record = queue[index];
      const FlowKey key = record.key();
      slice.offer(State::kTimeWait, key, [&, index = index, deadline = deadline] {
        return s.listed_time_wait(key, record.state, queue.timestamps(index), deadline);
      });
    }
    cursor.next_ = walk.next;
    cursor.end_ = walk.end;
    cursor.deadline_ = walk.deadline;
    cursor.deadline_begin_ = walk.deadline_begin;
    if (!queue.ended(walk)) return;
    cursor.stage_ = next_stage;
    cursor.end_ = 0;
  };

  switch (cursor.stage_) {
    case Stage::kListeners:
      some_of(s.listeners_.size(), Stage::kHalfOpen, [&](uint32_t i) {
        const stack::Listener& listener = s.listeners_[i];
        if (!listener.open) return;
        slice.offer(State::kListen, {listener.local.address, {}, listener.local.port, 0},
                    [&] { return s.listed_listener(listener); });
      });
      break;
    case Stage::kHalfOpen:
      some_of(s.half_open_.high_water(), Stage::kConnections, [&](uint32_t i) {
        if (!s.half_open_wheel_.armed(i)) return;
        const tcp::HalfOpen& half = s.half_open_[i];
        slice.offer(State::kSynReceived, half.key, [&] { return s.listed_half_open(half); });
      });
      break;
    case Stage::kConnections:
      some_of(s.connections_.high_water(), Stage::kTimeWaitV4, [&](uint32_t i) {
        const tcp::Connection& c = s.connections_[i];
        if (c.state == State::kClosed) return;
        slice.offer(c.state, c.key, [&] { return s.listed_connection(i); });
      });
      break;
    case Stage::kTimeWaitV4:
      some_time_waits(s.time_wait_.v4(), Stage::kTimeWaitV6);
      break;
    case Stage::kTimeWaitV6:
      some_time_waits(s.time_wait_.v6(), Stage::kDone);
      break;
    case Stage::kDone:
      break;
  }
  return slice.written();
}

}  // namespace millrace
