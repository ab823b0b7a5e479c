// SPDX-License-Identifier: BSD-3-Clause
// The local addresses a generator connects from, one after the other: each has its own 64 k of
// ports towards the target, so many addresses make many tuples. Prefixes come in, the next address
// comes out.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "millrace/address.h"

namespace millrace::load {

// How many addresses of an IPv4 prefix can be a host's: not its first and last (network and
// broadcast), unless it is so small that there are no others (RFC 3021). IPv6: 2^31 at most.
uint64_t host_count(const Prefix& prefix);
// The first of them.
IpAddress first_host(const Prefix& prefix);

class Sources {
 public:
  // Single addresses first, then every host of each range.
  Sources(const std::vector<IpAddress>& addresses, const std::vector<Prefix>& ranges);

  [[nodiscard]] uint64_t count() const { return count_; }
  // Which one an address is, counted from 0 in the order of next().
  [[nodiscard]] std::optional<uint64_t> index_of(const IpAddress& address) const;
  // Requires: count() > 0.
  IpAddress next() {
    Range& range = ranges_[range_index_];
    const IpAddress address = range.first.plus(offset_);
    if (++offset_ == range.count) {
      offset_ = 0;
      range_index_ = range_index_ + 1 == ranges_.size() ? 0 : range_index_ + 1;
    }
    return address;
  }

 private:
  struct Range {
    IpAddress first;
    uint32_t count = 1;
  };

  std::vector<Range> ranges_;
  size_t range_index_ = 0;
  uint32_t offset_ = 0;
  uint64_t count_ = 0;
};

}  // namespace millrace::load
