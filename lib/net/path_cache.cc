// SPDX-License-Identifier: BSD-3-Clause
#include "net/path_cache.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/hash.h"

namespace millrace::net {

PathCache::PathCache(uint32_t entries_max, Duration lifetime, uint64_t secret,
                     uint64_t other_secret)
    : lifetime_(lifetime),
      secret_(secret),
      other_secret_(other_secret),
      sets_(std::bit_ceil((size_t{entries_max} + kWays - 1) / kWays)) {}

size_t PathCache::set_of(const IpAddress& peer) const {
  const uint64_t hash =
      base::fold_multiply(peer.words()[0] ^ secret_, peer.words()[1] ^ other_secret_);
  return hash & (sets_.size() - 1);
}

uint16_t PathCache::find(const IpAddress& peer, Instant now) const {
  for (const Entry& entry : sets_[set_of(peer)]) {
    if (entry.mtu != 0 && entry.peer == peer) return now < entry.expires ? entry.mtu : uint16_t{0};
  }
  return 0;
}

void PathCache::learn(const IpAddress& peer, uint16_t mtu, Instant now) {
  MR_ASSERT(mtu != 0);
  empty_ = false;
  Set& set = sets_[set_of(peer)];
  auto slot = std::find_if(set.begin(), set.end(),
                           [&](const Entry& e) { return e.mtu != 0 && e.peer == peer; });
  if (slot != set.end() && now < slot->expires && slot->mtu < mtu) return;
  if (slot == set.end()) {
    slot = std::min_element(set.begin(), set.end(), [](const Entry& a, const Entry& b) {
      if ((a.mtu == 0) != (b.mtu == 0)) return a.mtu == 0;
      return a.expires < b.expires;
    });
  }
  *slot = {peer, now + lifetime_, mtu};
}

}  // namespace millrace::net
