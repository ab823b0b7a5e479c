// SPDX-License-Identifier: BSD-3-Clause
// The neighbour cache of both families: IP address, on its VLAN, to link-layer address (RFC 826,
// RFC 1122 section 2.3.2; RFC 4861 section 7.3, neighbour unreachability detection). Entries are
// asked for a bounded number of times, age, are asked again while in use, and are kept as long as a
// connection refers to them. In: what ARP and neighbour discovery say, what TCP knows, and the
// tick. Out: whom to ask.
//
//   kIncomplete  asked for, of all             --answer--> kReachable   --silence--> kFailed
//   kReachable   --lifetime over, IPv4, in use--> kProbe
//                --lifetime over, IPv6, or doubt--> kStale
//   kStale       --something is sent--> kDelay
//   kDelay       --TCP goes on--> kReachable   --5 s--> kProbe
//   kProbe       asked for, of itself          --answer--> kReachable   --silence--> kFailed
//
// An address that is kStale, kDelay or kProbe goes on being used.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/slab.h"
#include "millrace/address.h"
#include "net/station.h"
#include "wire/build.h"

namespace millrace::net {

// In an order that answers usable() and sends_at_once() by one compare.
enum class NeighborState : uint8_t {
  kFree,
  kIncomplete,
  kFailed,
  kStale,
  kDelay,
  kReachable,
  kProbe,
};

struct Neighbor {
  IpAddress address;
  wire::EthernetHeader ethernet{};  // of a frame to this neighbour
  NeighborState state = NeighborState::kFree;
  uint8_t requests = 0;        // sent since the last answer
  uint16_t pending_count = 0;  // frames that wait for the answer, a list that the owner keeps
  uint32_t pending_head = base::kNil;
  uint32_t pending_tail = base::kNil;
  uint32_t deadline = 0;    // tick of the next step
  uint32_t references = 0;  // connections
  bool used = false;        // since the last answer
  bool router = false;      // of IPv6: as it says itself

  [[nodiscard]] bool usable() const { return state >= NeighborState::kStale; }
  // Usable, and whoever sends has nothing to say here: see note_sending().
  [[nodiscard]] bool sends_at_once() const { return state >= NeighborState::kReachable; }
  [[nodiscard]] MacAddress mac() const;
  [[nodiscard]] Vlan vlan() const { return ethernet.vlan; }
  [[nodiscard]] Station station() const { return {address, vlan()}; }
  // The head of that list, which is the caller's now.
  uint32_t take_pending() {
    pending_count = 0;
    pending_tail = base::kNil;
    return std::exchange(pending_head, base::kNil);
  }
};

struct NeighborTiming {
  uint32_t timeout_ticks = 1000;  // between requests
  uint32_t lifetime_ticks = 60000;
  uint8_t retries = 3;  // requests before it has failed
  // Of IPv6 (RFC 4861 section 10).
  uint32_t reachable_ticks = 30000;
  uint32_t retransmit_ticks = 1000;  // between solicitations
  uint32_t delay_ticks = 5000;       // before the first probe
};

// What a neighbour advertisement says of a target (RFC 4861 section 4.4).
struct Advertised {
  std::optional<MacAddress> mac;
  bool solicited = false;
  bool overrides = false;
  bool router = false;
};

class Neighbors {
 public:
  Neighbors(uint32_t capacity, const MacAddress& own, const NeighborTiming& timing);

  [[nodiscard]] uint32_t find(const Station& station) const;
  // Finds or makes an entry. A new one is kIncomplete and due at once: the next advance() asks.
  // kNil when every entry is in use.
  uint32_t acquire(const Station& station, uint32_t tick);
  // The same for an entry that is known.
  void use(uint32_t index, uint32_t tick) {
    entries_[index].used = true;
    if (!entries_[index].sends_at_once()) [[unlikely]]
      note_sending(index, tick, false);
  }
  // Something is about to be sent to an entry that is not sends_at_once(). `progress`: TCP has news
  // from the other side, so what we sent got there (RFC 4861 section 7.3.1).
  void note_sending(uint32_t index, uint32_t tick, bool progress);

  // ARP said that `station` is at `mac`. Returns the entry if there was one whose state or address
  // changed by it, so that what waits can go on. With `create`, an unknown sender is remembered.
  uint32_t learn(const Station& station, const MacAddress& mac, uint32_t tick, bool create);

  // What of a change concerns others.
  struct Learned {
    uint32_t index = base::kNil;  // of an entry that is usable now, and was not or changed its MAC
    bool no_router = false;       // it was one, and says that it is not any more
  };
  // A neighbour advertisement (RFC 4861 section 7.2.5). Nobody who was not asked for is remembered.
  Learned learn_advertised(const Station& station, const Advertised& said, uint32_t tick);
  // The source of a solicitation, or of what a router says (sections 7.2.3 and 6.3.4): remembered,
  // and believed without having proved that it hears us. `router`: nothing when it does not say.
  Learned learn_source(const Station& station, const MacAddress& mac, std::optional<bool> router,
                       uint32_t tick);
  // A router said how the link is (section 6.3.4); 0: nothing about that.
  void set_timing(uint32_t reachable_ticks, uint32_t retransmit_ticks) {
    if (reachable_ticks != 0) timing_.reachable_ticks = reachable_ticks;
    if (retransmit_ticks != 0) timing_.retransmit_ticks = retransmit_ticks;
  }

  Neighbor& operator[](uint32_t index) { return entries_[index]; }
  const Neighbor& operator[](uint32_t index) const { return entries_[index]; }

  // Steps that are due: ask(index) sends a request, to all as long as the entry is kIncomplete, and
  // returns false when it cannot be sent yet; failed(index) says that nobody answered. An entry
  // without references is then forgotten.
  template <class Ask, class Failed>
  void advance(uint32_t tick, Ask&& ask, Failed&& failed);
  [[nodiscard]] std::optional<uint32_t> next_deadline() const { return next_; }

  // Counts changes that a waiting connection may care about: answers and failures.
  [[nodiscard]] uint32_t epoch() const { return epoch_; }
  // Counts entries that were given up: an index stays what it is while this does.
  [[nodiscard]] uint32_t forgotten() const { return forgotten_; }
  [[nodiscard]] uint32_t used() const { return used_; }
  [[nodiscard]] uint32_t capacity() const { return static_cast<uint32_t>(entries_.size()); }
  // Of a failed entry: starts asking again, at most once per timeout.
  void retry(uint32_t index, uint32_t tick);

 private:
  static bool reached(uint32_t now, uint32_t deadline) {
    return static_cast<int32_t>(now - deadline) >= 0;
  }
  static bool has_deadline(const Neighbor& n) {
    return n.state != NeighborState::kFree && n.state != NeighborState::kFailed;
  }
  // What happens to an entry whose lifetime is over; true when it is to be asked for now.
  bool age(uint32_t index, uint32_t tick);
  void set_mac(Neighbor& n, const MacAddress& mac) const;
  void set_state(Neighbor& n, NeighborState state, uint32_t tick);
  void schedule(Neighbor& n, uint32_t deadline);
  [[nodiscard]] uint32_t slot_of(const Station& station) const;
  void insert_slot(uint32_t index);
  void erase_slot(uint32_t index);
  uint32_t take_free(uint32_t tick);
  uint32_t insert(const Station& station, uint32_t tick);
  void forget(uint32_t index);

  MacAddress own_;
  NeighborTiming timing_;
  std::vector<Neighbor> entries_;
  std::vector<uint32_t> slots_;  // open addressing over entries_, at most half full
  std::vector<uint32_t> free_;
  std::optional<uint32_t> next_;
  uint32_t used_ = 0;
  uint32_t epoch_ = 0;
  uint32_t forgotten_ = 0;
};

template <class Ask, class Failed>
void Neighbors::advance(uint32_t tick, Ask&& ask, Failed&& failed) {
  if (!next_ || !reached(tick, *next_)) return;
  // A pass over all entries, as seldom as their deadlines: once a second at most under load.
  next_.reset();
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    Neighbor& n = entries_[i];
    if (!has_deadline(n)) continue;
    if (!reached(tick, n.deadline)) {
      schedule(n, n.deadline);
      continue;
    }
    const bool asking = n.state == NeighborState::kIncomplete || n.state == NeighborState::kProbe;
    if (!asking && !age(i, tick)) continue;
    if (n.requests < timing_.retries) {
      const bool v4 = n.address.is_v4();
      schedule(n, tick + (v4 ? timing_.timeout_ticks : timing_.retransmit_ticks));
      if (ask(i)) ++n.requests;
      continue;
    }
    n.state = NeighborState::kFailed;
    n.deadline = tick;
    ++epoch_;
    failed(i);
    if (n.references == 0) forget(i);
  }
}

}  // namespace millrace::net
