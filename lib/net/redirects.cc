// SPDX-License-Identifier: BSD-3-Clause
#include "net/redirects.h"

#include <algorithm>

namespace millrace::net {

void RedirectTable::learn(const IpAddress& destination, const Station& next_hop, Instant now) {
  const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.destination == destination && entry.next_hop.vlan == next_hop.vlan;
  });
  if (known != entries_.end()) {
    entries_.erase(known);
  } else if (entries_.size() == kMax) {
    entries_.erase(entries_.begin());
  }
  entries_.push_back({destination, next_hop, now + kLifetime});
}

bool RedirectTable::forget(const Station& next_hop) {
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.next_hop == next_hop; }) !=
         0;
}

bool RedirectTable::expire(Instant now) {
  return std::erase_if(entries_, [&](const Entry& entry) { return now >= entry.expires; }) != 0;
}

}  // namespace millrace::net
