// SPDX-License-Identifier: BSD-3-Clause
// The local addresses a generator connects from, one after the other: each has its own 64 k of
// ports towards the target, so many addresses make many tuples. Ranges come in, the next address
// comes out.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "millrace/address.h"

namespace millrace::load {

class Sources {
 public:
  // Every address of each range, in the order of `ranges`. Requires: there is one at least, none
  // reaches into another, and of all there are fewer than 2^32.
  explicit Sources(const std::vector<AddressRange>& ranges);

  [[nodiscard]] uint64_t count() const { return count_; }
  // Which one an address is, counted from 0 in the order of next().
  [[nodiscard]] std::optional<uint64_t> index_of(const IpAddress& address) const;
  IpAddress next() {
    const IpAddress address = next_;
    if (address == ranges_[at_].addresses.last) {
      at_ = at_ + 1 == ranges_.size() ? 0 : at_ + 1;
      next_ = ranges_[at_].addresses.first;
    } else {
      next_ = address.plus(1);
    }
    return address;
  }

 private:
  struct Range {
    AddressRange addresses;
    uint64_t before = 0;  // addresses of earlier ranges
  };

  std::vector<Range> ranges_;
  std::vector<uint32_t> by_address_;  // indices of ranges_, the lowest addresses first
  size_t at_ = 0;                     // the range of next_
  IpAddress next_;
  uint64_t count_ = 0;
};

}  // namespace millrace::load
