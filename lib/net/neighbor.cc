// SPDX-License-Identifier: BSD-3-Clause
#include "net/neighbor.h"

#include <bit>

#include "base/hash.h"

namespace millrace::net {

using base::kNil;

Neighbors::Neighbors(uint32_t capacity, const MacAddress& own, const NeighborTiming& timing)
    : own_(own),
      timing_(timing),
      entries_(capacity),
      slots_(std::bit_ceil(size_t{capacity} * 2), kNil) {
  free_.reserve(capacity);
  for (uint32_t i = capacity; i > 0; --i) free_.push_back(i - 1);
}

uint32_t Neighbors::slot_of(const IpAddress& address) const {
  const uint64_t hash = base::fold_multiply(address.words()[0] ^ 0x9e3779b97f4a7c15,
                                            address.words()[1] ^ 0xbf58476d1ce4e5b9);
  return static_cast<uint32_t>(hash) & static_cast<uint32_t>(slots_.size() - 1);
}

uint32_t Neighbors::find(const IpAddress& address) const {
  const size_t mask = slots_.size() - 1;
  for (size_t s = slot_of(address); slots_[s] != kNil; s = (s + 1) & mask) {
    if (entries_[slots_[s]].address == address) return slots_[s];
  }
  return kNil;
}

void Neighbors::insert_slot(uint32_t index) {
  const size_t mask = slots_.size() - 1;
  size_t s = slot_of(entries_[index].address);
  while (slots_[s] != kNil) s = (s + 1) & mask;
  slots_[s] = index;
}

// Linear probing without tombstones: entries behind the hole move up when their home allows it.
void Neighbors::erase_slot(uint32_t index) {
  const size_t mask = slots_.size() - 1;
  size_t hole = slot_of(entries_[index].address);
  while (slots_[hole] != index) hole = (hole + 1) & mask;
  for (size_t s = (hole + 1) & mask; slots_[s] != kNil; s = (s + 1) & mask) {
    const size_t home = slot_of(entries_[slots_[s]].address);
    if (((s - home) & mask) >= ((s - hole) & mask)) {
      slots_[hole] = slots_[s];
      hole = s;
    }
  }
  slots_[hole] = kNil;
}

void Neighbors::schedule(Neighbor& n, uint32_t deadline) {
  n.deadline = deadline;
  if (!next_ || static_cast<int32_t>(deadline - *next_) < 0) next_ = deadline;
}

void Neighbors::forget(uint32_t index) {
  erase_slot(index);
  entries_[index] = Neighbor{};
  free_.push_back(index);
  ++forgotten_;
  --used_;
}

// A free entry, or the one that can be spared best: nobody refers to it, nothing waits for it, and
// its deadline is the nearest.
uint32_t Neighbors::take_free(uint32_t tick) {
  if (free_.empty()) {
    uint32_t victim = kNil;
    for (uint32_t i = 0; i < entries_.size(); ++i) {
      const Neighbor& n = entries_[i];
      if (n.references != 0 || n.pending_count != 0) continue;
      if (victim == kNil ||
          static_cast<int32_t>((n.deadline - tick) - (entries_[victim].deadline - tick)) < 0) {
        victim = i;
      }
    }
    if (victim == kNil) return kNil;
    forget(victim);
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  ++used_;
  return index;
}

uint32_t Neighbors::acquire(const IpAddress& address, uint32_t tick) {
  uint32_t index = find(address);
  if (index != kNil) {
    use(index, tick);
    return index;
  }
  index = take_free(tick);
  if (index == kNil) return kNil;
  Neighbor& n = entries_[index];
  n.address = address;
  n.state = NeighborState::kIncomplete;
  n.used = true;
  insert_slot(index);
  schedule(n, tick);
  return index;
}

void Neighbors::retry(uint32_t index, uint32_t tick) {
  Neighbor& n = entries_[index];
  if (n.state != NeighborState::kFailed || !reached(tick, n.deadline + timing_.timeout_ticks)) {
    return;
  }
  n.state = NeighborState::kIncomplete;
  n.requests = 0;
  schedule(n, tick);
}

uint32_t Neighbors::learn(const IpAddress& address, const MacAddress& mac, uint32_t tick,
                          bool create) {
  uint32_t index = find(address);
  if (index == kNil) {
    if (!create) return kNil;
    index = take_free(tick);
    if (index == kNil) return kNil;
    entries_[index].address = address;
    insert_slot(index);
  }
  Neighbor& n = entries_[index];
  n.ethernet = wire::make_ethernet(mac, own_, wire::kEthertypeIpv4);
  n.state = NeighborState::kReachable;
  n.requests = 0;
  n.used = false;
  schedule(n, tick + timing_.lifetime_ticks);
  ++epoch_;
  return index;
}

}  // namespace millrace::net
