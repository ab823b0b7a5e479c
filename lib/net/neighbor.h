// SPDX-License-Identifier: BSD-3-Clause
// The neighbour cache: IP address to link-layer address (RFC 826, RFC 1122 section 2.3.2). Entries
// are asked for a bounded number of times, age, are asked again while in use, and are kept as long
// as a connection refers to them. In: what ARP packets say, and the tick. Out: whom to ask.
//
//   kIncomplete --answer--> kReachable --lifetime over--> kStale --answer--> kReachable
//        |  (asked arp_retries times)                       |  (asked again, still used)
//        \--no answer--> kFailed <---------no answer--------/
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/slab.h"
#include "millrace/address.h"
#include "wire/build.h"

namespace millrace::net {

enum class NeighborState : uint8_t { kFree, kIncomplete, kReachable, kStale, kFailed };

struct Neighbor {
  IpAddress address;
  wire::EthernetHeader ethernet{};  // of an IPv4 frame to this neighbour
  NeighborState state = NeighborState::kFree;
  uint8_t requests = 0;        // sent since the last answer
  uint16_t pending_count = 0;  // frames that wait for the answer, a list that the owner keeps
  uint32_t pending_head = base::kNil;
  uint32_t pending_tail = base::kNil;
  uint32_t deadline = 0;    // tick of the next step
  uint32_t references = 0;  // connections
  bool used = false;        // since the last answer

  [[nodiscard]] bool usable() const {
    return state == NeighborState::kReachable || state == NeighborState::kStale;
  }
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
};

class Neighbors {
 public:
  Neighbors(uint32_t capacity, const MacAddress& own, const NeighborTiming& timing);

  [[nodiscard]] uint32_t find(const IpAddress& address) const;
  // Finds or makes an entry. A new one is kIncomplete and due at once: the next advance() asks.
  // kNil when every entry is in use.
  uint32_t acquire(const IpAddress& address, uint32_t tick);
  // The same for an entry that is known.
  void use(uint32_t index, uint32_t tick) {
    entries_[index].used = true;
    if (entries_[index].state == NeighborState::kFailed) retry(index, tick);
  }

  // ARP said that `address` is at `mac`. Returns the entry if there was one whose state or address
  // changed by it, so that what waits can go on. With `create`, an unknown sender is remembered.
  uint32_t learn(const IpAddress& address, const MacAddress& mac, uint32_t tick, bool create);

  Neighbor& operator[](uint32_t index) { return entries_[index]; }
  const Neighbor& operator[](uint32_t index) const { return entries_[index]; }

  // Steps that are due: ask(index) sends a request, failed(index) says that nobody answered. An
  // entry without references is then forgotten.
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
    return n.state == NeighborState::kIncomplete || n.state == NeighborState::kReachable ||
           n.state == NeighborState::kStale;
  }
  void schedule(Neighbor& n, uint32_t deadline);
  [[nodiscard]] uint32_t slot_of(const IpAddress& address) const;
  void insert_slot(uint32_t index);
  void erase_slot(uint32_t index);
  uint32_t take_free(uint32_t tick);
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
    if (n.state == NeighborState::kReachable) {
      if (!n.used && n.references == 0) {
        forget(i);
        continue;
      }
      n.state = NeighborState::kStale;
      n.requests = 0;
    }
    if (n.requests < timing_.retries) {
      ++n.requests;
      schedule(n, tick + timing_.timeout_ticks);
      ask(i);
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
