// SPDX-License-Identifier: BSD-3-Clause
// What ICMP has told about paths (RFC 1191 section 6.1): per destination, the largest packet that
// gets there whole, for a limited time. In: messages that TCP has believed. Out: where new
// connections to the same destination begin.
//
// A fixed table of sets of four slots, indexed by a keyed hash. A set that is full gives up what
// expires first, so a flood of destinations displaces some entries and never costs memory or time.
// What is known is never raised, only forgotten (RFC 1191 section 6.3): `lifetime` after it was
// last confirmed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/address.h"
#include "millrace/time.h"

namespace millrace::net {

class PathCache {
 public:
  static constexpr size_t kWays = 4;

  // Holds `entries_max` destinations, rounded up to a power of two of at least kWays.
  PathCache(uint32_t entries_max, Duration lifetime, uint64_t secret, uint64_t other_secret);

  // IP packet bytes; 0 when nothing is known.
  [[nodiscard]] uint16_t find(const IpAddress& peer, Instant now) const;
  // Packets to `peer` must not be larger than `mtu`. Requires: mtu is not 0.
  void learn(const IpAddress& peer, uint16_t mtu, Instant now);

  // Nothing was ever learned: find() would be in vain.
  [[nodiscard]] bool empty() const { return empty_; }
  [[nodiscard]] size_t capacity() const { return sets_.size() * kWays; }

 private:
  struct Entry {
    IpAddress peer;
    Instant expires;
    uint16_t mtu = 0;  // 0: free
  };
  using Set = std::array<Entry, kWays>;

  [[nodiscard]] size_t set_of(const IpAddress& peer) const;

  Duration lifetime_;
  uint64_t secret_;
  uint64_t other_secret_;
  std::vector<Set> sets_;
  bool empty_ = true;
};

}  // namespace millrace::net
