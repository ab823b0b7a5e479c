// SPDX-License-Identifier: BSD-3-Clause
// From another shard: what move_out.cc has packed begins here where it ended there. All shards of a
// group have the same secrets, and one clock, so numbers and deadlines mean the same. Nothing is
// sent by it: what was due is marked, and timers are armed for when they would have fired.
#include "base/check.h"
#include "millrace/events.h"
#include "stack/impl.h"
#include "tcp/pack.h"

namespace millrace {

using stack::flow_value;
using stack::MoveRecord;

bool Shard::Impl::unpack(Parcel& parcel) {
  while (!parcel.empty()) {
    const size_t at = parcel.taken();
    if (!unpack_record(parcel)) {
      parcel.seek(at);
      return false;
    }
  }
  return true;
}

bool Shard::Impl::unpack_record(Parcel& parcel) {
  switch (parcel.take<MoveRecord>()) {
    case MoveRecord::kOptions: {
      // Where there is no place for further options, those of the first listener have to do.
      const Result<uint16_t> profile = profile_for(parcel.take<TcpOptions>());
      arriving_profile_ = profile ? *profile : uint16_t{0};
      return true;
    }
    case MoveRecord::kConnection:
      return unpack_connection(parcel);
    case MoveRecord::kHalfOpen:
      return unpack_half_open(parcel);
    case MoveRecord::kTimeWait:
      return unpack_time_wait(parcel);
    case MoveRecord::kUsedCookie:
      used_cookies_.merge(parcel.take<stack::UsedCookies::Slot>());
      return true;
    case MoveRecord::kUsedSyn:
      used_syns_.merge(parcel.take<stack::UsedCookies::Slot>());
      return true;
    case MoveRecord::kLast:
      cookies_until_ = std::max(cookies_until_, parcel.take<Instant>());
      return true;
  }
  MR_ASSERT(false);
  return false;
}

bool Shard::Impl::unpack_connection(Parcel& parcel) {
  const auto packed = parcel.take<stack::PackedConnection>();
  const size_t end = parcel.taken() + packed.bytes;
  const uint32_t neighbor = next_hop_of(packed);
  const uint32_t index = neighbor == kNil ? kNil : new_connection();
  if (index == kNil) return false;
  Connection& c = connections_[index];
  if (!tcp::unpack(c, ctx_, parcel)) {
    c.state = State::kClosed;
    connections_.free(index);
    return false;
  }
  if (statistics_) statistics(index) = parcel.take<stack::ConnectionStatistics>();
  c.profile = arriving_profile_;
  c.app = app_for_arrival(c.key, packed.accepted);
  c.neighbor = neighbor;
  ++neighbors_[neighbor].references;
  if (packed.armed) wheel_.arm(index, packed.timer_tick);
  begin_here(index);
  app_of(c).on_arrive(*facade_, ref(index), parcel);
  parcel.seek(end);
  return true;
}

// What is known of the next hop comes along, so that nobody has to be asked.
uint32_t Shard::Impl::next_hop_of(const stack::PackedConnection& packed) {
  const net::Station hop{packed.hop_address, packed.hop_vlan};
  const uint32_t index = neighbors_.acquire(hop, ctx_.tick);
  if (index == kNil || !packed.hop_usable || neighbors_[index].usable()) return index;
  if (hop.address.is_v4()) {
    neighbors_.learn(hop, packed.hop_mac, ctx_.tick, false);
  } else {
    neighbors_.learn_source(hop, packed.hop_mac, packed.hop_router, ctx_.tick);
  }
  on_neighbor_known(index);
  return index;
}

// The slot has all of the connection; the shard learns of it.
void Shard::Impl::begin_here(uint32_t index) {
  Connection& c = connections_[index];
  ctx_.note(c, EventKind::kMoved);
  const bool inserted = flows_.insert(flow_hash(c.key), flow_value(FlowKind::kConnection, index));
  MR_ASSERT(inserted);
  if (c.opened_fast()) {
    ++fast_open_pending_;
    if (stack::Listener* listener = listener_for(c.key)) ++listener->fast_open;
  }
  const bool was_dirty = c.has(tcp::kDirty);
  c.clear(tcp::kDirty);
  if (was_dirty) mark_dirty(index);
  if (c.has(tcp::kWantsWritable) && c.flight() == 0 && c.unsent() == 0) starve();
  counters_.add(Counter::kConnectionsMovedIn);
  if (!drain_deadline_) return;
  const ConnectionId id{index, c.generation};
  c.state == State::kSynSent || *drain_deadline_ == Instant::never() ? abort(id) : shutdown(id);
}

// A listener that was closed lets go of its port, but not of what it accepted.
uint16_t Shard::Impl::app_for_arrival(const FlowKey& key, bool accepted) {
  if (accepted) {
    if (const stack::Listener* open = listener_for(key)) return open->app;
    for (const stack::Listener& closed : listeners_) {
      if (closed.local.port == key.local_port) return closed.app;
    }
  }
  MR_ASSERT(arrivals_.has_value());
  return *arrivals_;
}

bool Shard::Impl::unpack_half_open(Parcel& parcel) {
  auto half = parcel.take<tcp::HalfOpen>();
  stack::Listener* listener = listener_for(half.key);
  if (listener == nullptr) return true;  // closed, and half-open ones go with it
  const uint32_t index = half_open_.allocate();
  if (index == kNil) return false;
  const uint32_t deadline = half.timer.deadline;
  half.timer = {};
  half_open_[index] = half;
  ++listener->half_open;
  const bool inserted = flows_.insert(flow_hash(half.key), flow_value(FlowKind::kHalfOpen, index));
  MR_ASSERT(inserted);
  half_open_wheel_.arm(index, deadline);
  return true;
}

bool Shard::Impl::unpack_time_wait(Parcel& parcel) {
  const auto packed = parcel.take<stack::PackedTimeWait>();
  if (time_wait_.full()) drop_oldest_time_wait();
  const uint32_t place =
      time_wait_.push_until(packed.key, packed.state, packed.timestamps, packed.deadline);
  const bool inserted =
      flows_.insert(flow_hash(packed.key), flow_value(FlowKind::kTimeWait, place));
  MR_ASSERT(inserted);
  return true;
}

}  // namespace millrace
