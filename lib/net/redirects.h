// SPDX-License-Identifier: BSD-3-Clause
// What gateways have said of better ways: one destination, one next hop (RFC 4861 section 8.3, RFC
// 1122 section 3.2.2.2). In: redirects that were judged already. Out: where a packet goes instead.
// Must hold: at most kMax, each for kLifetime; a new one takes the place of the oldest.
#pragma once

#include <cstddef>
#include <vector>

#include "millrace/address.h"
#include "millrace/time.h"
#include "net/station.h"

namespace millrace::net {

class RedirectTable {
 public:
  static constexpr size_t kMax = 64;
  static constexpr Duration kLifetime = seconds(600);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  // On that VLAN, which may be any. Null when nothing was said of it.
  [[nodiscard]] const Station* find(const IpAddress& destination, Vlan on) const {
    for (const Entry& entry : entries_) {
      if (entry.destination != destination) continue;
      if (on == Vlan::any() || on == entry.next_hop.vlan) return &entry.next_hop;
    }
    return nullptr;
  }
  // Takes the place of what was said of that destination on that VLAN before.
  void learn(const IpAddress& destination, const Station& next_hop, Instant now);
  // That next hop is none any more, or nobody answers there. True when it was one.
  bool forget(const Station& next_hop);
  // True when some are over.
  bool expire(Instant now);
  [[nodiscard]] Instant next_deadline() const {
    return entries_.empty() ? Instant::never() : entries_.front().expires;
  }

 private:
  struct Entry {
    IpAddress destination;
    Station next_hop;
    Instant expires;
  };

  std::vector<Entry> entries_;  // the oldest first
};

}  // namespace millrace::net
