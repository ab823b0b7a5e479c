// SPDX-License-Identifier: BSD-3-Clause
// Which SYN cookies have begun a connection. A cookie is good for up to two minutes, and the
// connection may be over in a millisecond: an old duplicate of the ACK that began it must not begin
// another. One slot for each, found by what the cookie is for: a later cookie takes the slot over,
// so it is a bounded memory of the latest, and never takes one cookie for another. SYNs with Fast
// Open are remembered in the same way.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/memory.h"
#include "tcp/syn_cookie.h"

namespace millrace::stack {

class UsedCookies {
 public:
  // As many slots as the power of two up to `count_max`. Nothing when there is no memory.
  static std::optional<UsedCookies> create(uint32_t count_max) {
    const uint32_t slots = std::bit_floor(count_max);
    auto region = base::Region::allocate(size_t{slots} * sizeof(Slot), false);
    if (!region) return std::nullopt;
    return UsedCookies(std::move(*region), slots - 1);
  }

  [[nodiscard]] bool contains(const tcp::Cookie& cookie) const {
    return knows_flow(cookie) && slot(cookie).tag == cookie.tag;
  }
  // Whether a cookie with the same flow_tag has begun a connection.
  [[nodiscard]] bool knows_flow(const tcp::Cookie& cookie) const {
    return slot(cookie).flow_tag == cookie.flow_tag;
  }
  void insert(const tcp::Cookie& cookie) { slot(cookie) = {cookie.flow_tag, cookie.tag}; }

  // What is remembered, slot by slot, for another shard with as many slots; a flow_tag of 0:
  // nothing.
  struct Slot {
    uint64_t flow_tag;
    uint64_t tag;
  };
  [[nodiscard]] uint32_t slots() const { return mask_ + 1; }
  [[nodiscard]] const Slot& operator[](uint32_t i) const { return all()[i]; }
  // What was there stays: it is as likely to be asked for.
  void merge(const Slot& other) {
    Slot& own = all()[(other.flow_tag >> 32) & mask_];
    if (own.flow_tag == 0) own = other;
  }

 private:
  UsedCookies(base::Region region, uint32_t mask) : region_(std::move(region)), mask_(mask) {}

  [[nodiscard]] Slot* all() const { return reinterpret_cast<Slot*>(region_.data()); }
  // The upper half of the tag was never on the wire.
  [[nodiscard]] Slot& slot(const tcp::Cookie& cookie) const {
    return all()[(cookie.flow_tag >> 32) & mask_];
  }

  base::Region region_;
  uint32_t mask_;
};

}  // namespace millrace::stack
