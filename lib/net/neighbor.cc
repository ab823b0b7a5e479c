// SPDX-License-Identifier: BSD-3-Clause
#include "net/neighbor.h"

#include <bit>
#include <cstring>

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

uint32_t Neighbors::slot_of(const Station& station) const {
  const IpAddress::Words words = station.address.words();
  const uint64_t hash = base::fold_multiply(words[0] ^ 0x9e3779b97f4a7c15 ^ station.vlan.name(),
                                            words[1] ^ 0xbf58476d1ce4e5b9);
  return static_cast<uint32_t>(hash) & static_cast<uint32_t>(slots_.size() - 1);
}

uint32_t Neighbors::find(const Station& station) const {
  const size_t mask = slots_.size() - 1;
  for (size_t s = slot_of(station); slots_[s] != kNil; s = (s + 1) & mask) {
    const Neighbor& n = entries_[slots_[s]];
    if (n.address == station.address && n.vlan() == station.vlan) return slots_[s];
  }
  return kNil;
}

void Neighbors::insert_slot(uint32_t index) {
  const size_t mask = slots_.size() - 1;
  size_t s = slot_of(entries_[index].station());
  while (slots_[s] != kNil) s = (s + 1) & mask;
  slots_[s] = index;
}

// Linear probing without tombstones: entries behind the hole move up when their home allows it.
void Neighbors::erase_slot(uint32_t index) {
  const size_t mask = slots_.size() - 1;
  size_t hole = slot_of(entries_[index].station());
  while (slots_[hole] != index) hole = (hole + 1) & mask;
  for (size_t s = (hole + 1) & mask; slots_[s] != kNil; s = (s + 1) & mask) {
    const size_t home = slot_of(entries_[slots_[s]].station());
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

uint32_t Neighbors::acquire(const Station& station, uint32_t tick) {
  uint32_t index = find(station);
  if (index != kNil) {
    use(index, tick);
    return index;
  }
  index = insert(station, tick);
  if (index == kNil) return kNil;
  Neighbor& n = entries_[index];
  n.state = NeighborState::kIncomplete;
  n.used = true;
  schedule(n, tick);
  return index;
}

uint32_t Neighbors::insert(const Station& station, uint32_t tick) {
  const uint32_t index = take_free(tick);
  if (index == kNil) return kNil;
  entries_[index].address = station.address;
  entries_[index].ethernet.vlan = station.vlan;
  insert_slot(index);
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

// --- States -------------------------------------------------------------------------------------

void Neighbors::set_mac(Neighbor& n, const MacAddress& mac) const {
  const uint16_t type = n.address.is_v4() ? wire::kEthertypeIpv4 : wire::kEthertypeIpv6;
  n.ethernet = wire::make_ethernet(mac, own_, type, n.vlan());
}

// Into kReachable, kStale or kDelay.
void Neighbors::set_state(Neighbor& n, NeighborState state, uint32_t tick) {
  n.state = state;
  n.requests = 0;
  uint32_t lifetime = timing_.lifetime_ticks;
  if (state == NeighborState::kReachable && !n.address.is_v4()) lifetime = timing_.reachable_ticks;
  if (state == NeighborState::kDelay) lifetime = timing_.delay_ticks;
  schedule(n, tick + lifetime);
}

bool Neighbors::age(uint32_t index, uint32_t tick) {
  Neighbor& n = entries_[index];
  const bool idle = !n.used && n.references == 0;
  if (n.state == NeighborState::kReachable && !n.address.is_v4()) {
    n.used = false;
    set_state(n, NeighborState::kStale, tick);
    return false;
  }
  if (idle && n.state != NeighborState::kDelay) {
    forget(index);
    return false;
  }
  if (n.state == NeighborState::kStale) {  // whoever refers to it has sent nothing
    n.used = false;
    schedule(n, tick + timing_.lifetime_ticks);
    return false;
  }
  n.state = NeighborState::kProbe;
  n.requests = 0;
  return true;
}

void Neighbors::note_sending(uint32_t index, uint32_t tick, bool progress) {
  Neighbor& n = entries_[index];
  switch (n.state) {
    case NeighborState::kFailed:
      retry(index, tick);
      break;
    case NeighborState::kStale:
    case NeighborState::kDelay:
      if (progress) {
        set_state(n, NeighborState::kReachable, tick);
      } else if (n.state == NeighborState::kStale) {
        set_state(n, NeighborState::kDelay, tick);
      }
      break;
    case NeighborState::kFree:
    case NeighborState::kIncomplete:
    case NeighborState::kReachable:
    case NeighborState::kProbe:
      break;
  }
}

// --- What others say ----------------------------------------------------------------------------

uint32_t Neighbors::learn(const Station& station, const MacAddress& mac, uint32_t tick,
                          bool create) {
  uint32_t index = find(station);
  if (index == kNil) {
    if (!create) return kNil;
    index = insert(station, tick);
    if (index == kNil) return kNil;
  }
  Neighbor& n = entries_[index];
  set_mac(n, mac);
  n.used = false;
  set_state(n, NeighborState::kReachable, tick);
  ++epoch_;
  return index;
}

Neighbors::Learned Neighbors::learn_advertised(const Station& station, const Advertised& said,
                                               uint32_t tick) {
  const uint32_t index = find(station);
  if (index == kNil) return {};
  Neighbor& n = entries_[index];
  if (!n.usable()) {
    if (!said.mac) return {};
    set_mac(n, *said.mac);
    n.router = said.router;
    n.used = false;
    set_state(n, said.solicited ? NeighborState::kReachable : NeighborState::kStale, tick);
    ++epoch_;
    return {.index = index};
  }
  const bool differs = said.mac && *said.mac != n.mac();
  if (differs && !said.overrides) {
    // Somebody else says so, too: whose word counts is for a probe to find out.
    if (n.state == NeighborState::kReachable) set_state(n, NeighborState::kStale, tick);
    return {};
  }
  Learned learned{.no_router = n.router && !said.router};
  n.router = said.router;
  if (differs) {
    set_mac(n, *said.mac);
    learned.index = index;
    ++epoch_;
  }
  if (said.solicited) {
    n.used = false;
    set_state(n, NeighborState::kReachable, tick);
  } else if (differs) {
    set_state(n, NeighborState::kStale, tick);
  }
  return learned;
}

Neighbors::Learned Neighbors::learn_source(const Station& station, const MacAddress& mac,
                                           std::optional<bool> router, uint32_t tick) {
  uint32_t index = find(station);
  if (index == kNil) index = insert(station, tick);
  if (index == kNil) return {};
  Neighbor& n = entries_[index];
  if (router) n.router = *router;
  if (n.usable() && n.mac() == mac) return {};
  set_mac(n, mac);
  // What waits for it is sent at once, and is the first thing that finds out.
  set_state(n, n.pending_count != 0 ? NeighborState::kDelay : NeighborState::kStale, tick);
  ++epoch_;
  return {.index = index};
}

MacAddress Neighbor::mac() const {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), ethernet.bytes.data(), mac.bytes.size());
  return mac;
}

}  // namespace millrace::net
