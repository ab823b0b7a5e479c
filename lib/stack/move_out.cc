// SPDX-License-Identifier: BSD-3-Clause
// To another shard: everything that the hash puts into entries of the redirection table that are
// others' from now on. In: the entries. Out: parcels, some records at a time, while the rest goes
// on here. In the order in which one becomes the other: connections, half-open, TIME-WAIT; so
// nothing is missed, as frames of these entries come no more. Then what is remembered of cookies.
#include <algorithm>

#include "base/check.h"
#include "stack/impl.h"
#include "tcp/pack.h"

namespace millrace {
namespace {

using stack::flow_value;
using stack::MoveRecord;
using Stage = stack::Leaving::Stage;

// Of a walk, for each record that it may pack.
constexpr uint32_t kLooksPerRecord = 16;

}  // namespace

void Shard::Impl::set_table(std::span<const uint16_t> table) {
  if (!rss_) return;
  rss_->set_table(table);
  config_.sharding.rss_table.assign(table.begin(), table.end());
  port_share_ = std::make_unique<flow::PortShare>(*rss_, config_.sharding.index, config_.port_first,
                                                  config_.port_last);
}

bool Shard::Impl::may_move() const {
  return std::all_of(apps_.begin(), apps_.end(), [](const App* app) { return app->may_move(); });
}

bool Shard::Impl::accepts_fast_open() const {
  return std::any_of(profiles_.begin(), profiles_.end(),
                     [](const TcpOptions& options) { return options.fast_open; });
}

void Shard::Impl::begin_leaving(const Entries& entries) {
  MR_ASSERT(leaving_.stage == Stage::kDone && may_move());
  leaving_ = {.entries = entries, .stage = Stage::kConnections};
}

// A stage that finds its end lets the next one begin.
bool Shard::Impl::pack(Parcel& parcel, uint32_t budget) {
  leaving_.announced.reset();
  uint64_t looks = uint64_t{budget} * kLooksPerRecord;
  const auto next_stage = [&] {
    leaving_.stage = static_cast<Stage>(static_cast<uint8_t>(leaving_.stage) + 1);
    leaving_.next = 0;
  };
  const auto walk = [&](uint64_t end, auto&& visit) {
    while (leaving_.next < end && budget != 0 && looks != 0) {
      --looks;
      if (visit(static_cast<uint32_t>(leaving_.next++))) --budget;
    }
    if (leaving_.next >= end) next_stage();
  };
  const auto walk_time_wait = [&](bool v6) {
    leaving_.next = time_wait_.walk(v6, leaving_.next, [&](uint32_t place, uint32_t deadline) {
      if (budget == 0 || looks == 0) return false;
      --looks;
      const FlowKey key = time_wait_.key(place);
      if (!leaves(key)) return true;
      parcel.put(MoveRecord::kTimeWait);
      parcel.put(
          stack::PackedTimeWait{key, time_wait_[place], time_wait_.timestamps(place), deadline});
      erase_time_wait(place, flow_hash(key));
      drop_waiting_for_hop(key);
      --budget;
      return true;
    });
    if (leaving_.next >= time_wait_.next_number(v6)) next_stage();
  };
  const auto walk_used = [&](const stack::UsedCookies& used, MoveRecord kind, bool asked_for) {
    walk(asked_for ? used.slots() : 0, [&](uint32_t slot) {
      if (used[slot].flow_tag == 0) return false;
      parcel.put(kind);
      parcel.put(used[slot]);
      return true;
    });
  };
  while (budget != 0 && looks != 0) {
    switch (leaving_.stage) {
      case Stage::kConnections:
        walk(connections_.high_water(), [&](uint32_t i) { return pack_connection(i, parcel); });
        break;
      case Stage::kHalfOpen:
        walk(half_open_.high_water(), [&](uint32_t i) { return pack_half_open(i, parcel); });
        break;
      case Stage::kTimeWaitV4:
        walk_time_wait(false);
        break;
      case Stage::kTimeWaitV6:
        walk_time_wait(true);
        break;
      case Stage::kUsedCookies:
        walk_used(used_cookies_, MoveRecord::kUsedCookie, now_ < cookies_until_);
        break;
      case Stage::kUsedSyns:
        walk_used(used_syns_, MoveRecord::kUsedSyn, accepts_fast_open());
        break;
      case Stage::kLast:
        parcel.put(MoveRecord::kLast);
        parcel.put(cookies_until_);
        next_stage();
        break;
      case Stage::kDone:
        leaving_.entries.reset();
        return false;
    }
  }
  return true;
}

// Once in a parcel for all connections in a row that have them in common.
void Shard::Impl::pack_options(uint16_t profile, Parcel& parcel) {
  if (leaving_.announced == profile) return;
  leaving_.announced = profile;
  parcel.put(MoveRecord::kOptions);
  parcel.put(profiles_[profile]);
}

// True when it has left.
bool Shard::Impl::pack_connection(uint32_t index, Parcel& parcel) {
  Connection& c = connections_[index];
  if (c.state == State::kClosed || !leaves(c.key)) return false;
  pack_options(c.profile, parcel);
  parcel.put(MoveRecord::kConnection);
  const size_t at = parcel.bytes();
  const stack::Listener* listener = listener_for(c.key);
  const net::Neighbor& hop = neighbors_[c.neighbor];
  stack::PackedConnection packed{.accepted = listener != nullptr && listener->app == c.app,
                                 .armed = c.timer.linked(),
                                 .timer_tick = c.timer.deadline,
                                 .hop_usable = hop.usable(),
                                 .hop_router = hop.router,
                                 .hop_mac = hop.mac(),
                                 .hop_address = hop.address,
                                 .hop_vlan = hop.vlan()};
  parcel.put(packed);
  const size_t begin = parcel.bytes();
  tcp::pack(c, ctx_, parcel);
  if (statistics_) parcel.put(statistics(index));
  app_of(c).on_leave(*facade_, ref(index), parcel);
  packed.bytes = static_cast<uint32_t>(parcel.bytes() - begin);
  parcel.patch(at, packed);

  const bool erased = flows_.erase(flow_hash(c.key), flow_value(FlowKind::kConnection, index));
  MR_ASSERT(erased);
  give_back(index, false);
  forget(index);
  if (c.has(tcp::kDirty)) recheck_blocked_ = true;  // it may have been waiting for a neighbour
  counters_.add(Counter::kConnectionsMovedOut);
  return true;
}

bool Shard::Impl::pack_half_open(uint32_t index, Parcel& parcel) {
  const tcp::HalfOpen& half = half_open_[index];
  if (!half_open_wheel_.armed(index) || !leaves(half.key)) return false;
  parcel.put(MoveRecord::kHalfOpen);
  parcel.put(half);
  const bool erased = flows_.erase(flow_hash(half.key), flow_value(FlowKind::kHalfOpen, index));
  MR_ASSERT(erased);
  drop_waiting_for_hop(half.key);
  free_half_open(index, *listener_for(half.key));
  return true;
}

// What still waits for the next hop's address would leave behind what the other shard says. It is
// asked for again, as anything that was lost.
void Shard::Impl::drop_waiting_for_hop(const FlowKey& key) {
  const stack::Way* way = way_to(key.peer, key.local);
  if (way == nullptr || way->neighbor == kNil) return;
  uint32_t control = neighbors_[way->neighbor].take_pending();
  while (control != kNil) {
    const uint32_t next = control_[control].next;
    control_.free(control, blocks_);
    drop(Counter::kDropNeighborQueueFull);
    control = next;
  }
}

}  // namespace millrace
