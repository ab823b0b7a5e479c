// SPDX-License-Identifier: BSD-3-Clause
#include "load/sources.h"

#include <algorithm>

namespace millrace::load {

uint64_t host_count(const Prefix& prefix) {
  const unsigned width = prefix.address.is_v4() ? 32 : 128;
  const unsigned host_bits = std::min(width - prefix.length, 31u);
  const uint64_t all = uint64_t{1} << host_bits;
  return host_bits >= 2 ? all - 2 : all;
}

IpAddress first_host(const Prefix& prefix) {
  const unsigned width = prefix.address.is_v4() ? 32 : 128;
  return width - prefix.length >= 2 ? prefix.network().plus(1) : prefix.network();
}

Sources::Sources(const std::vector<IpAddress>& addresses, const std::vector<Prefix>& ranges) {
  for (const IpAddress& address : addresses) {
    ranges_.push_back({.first = address, .count = 1});
  }
  for (const Prefix& prefix : ranges) {
    ranges_.push_back(
        {.first = first_host(prefix), .count = static_cast<uint32_t>(host_count(prefix))});
  }
  for (const Range& range : ranges_) {
    count_ += range.count;
  }
}

std::optional<uint64_t> Sources::index_of(const IpAddress& address) const {
  uint64_t before = 0;
  for (const Range& range : ranges_) {
    const uint32_t offset = address.last_32_bits() - range.first.last_32_bits();
    if (offset < range.count && range.first.plus(offset) == address) return before + offset;
    before += range.count;
  }
  return std::nullopt;
}

}  // namespace millrace::load
