// SPDX-License-Identifier: BSD-3-Clause
#include "load/sources.h"

#include <algorithm>
#include <numeric>

namespace millrace::load {

Sources::Sources(const std::vector<AddressRange>& ranges)
    : by_address_(ranges.size()), next_(ranges.front().first) {
  for (const AddressRange& range : ranges) {
    ranges_.push_back({.addresses = range, .before = count_});
    count_ += range.count();
  }
  std::iota(by_address_.begin(), by_address_.end(), 0u);
  std::sort(by_address_.begin(), by_address_.end(),
            [&](uint32_t a, uint32_t b) { return ranges[a].first < ranges[b].first; });
}

std::optional<uint64_t> Sources::index_of(const IpAddress& address) const {
  const auto behind = std::upper_bound(
      by_address_.begin(), by_address_.end(), address,
      [&](const IpAddress& a, uint32_t index) { return a < ranges_[index].addresses.first; });
  if (behind == by_address_.begin()) return std::nullopt;
  const Range& range = ranges_[*std::prev(behind)];
  if (!range.addresses.contains(address)) return std::nullopt;
  return range.before + (address.last_32_bits() - range.addresses.first.last_32_bits());
}

}  // namespace millrace::load
