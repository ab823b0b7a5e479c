// SPDX-License-Identifier: BSD-3-Clause
// TIME-WAIT of both families as one: a queue each, as their records differ in size, under one
// bound, and the oldest of either first. A place is an index with the family in its top bit.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "stack/time_wait_queue.h"

namespace millrace::stack {

class TimeWaits {
 public:
  static constexpr uint32_t kPlaceBits = 31;

  // As TimeWaitQueue. Memory is touched as it is used.
  [[nodiscard]] static std::optional<TimeWaits> create(uint32_t capacity, uint32_t lifetime,
                                                       bool hugepages) {
    auto v4 = TimeWaitQueue<tcp::TimeWaitV4>::create(capacity, lifetime, hugepages);
    auto v6 = TimeWaitQueue<tcp::TimeWaitV6>::create(capacity, lifetime, false);
    if (!v4 || !v6) return std::nullopt;
    return TimeWaits(std::move(*v4), std::move(*v6), capacity);
  }

  [[nodiscard]] bool empty() const { return v4_.empty() && v6_.empty(); }
  [[nodiscard]] bool full() const { return v4_.used() + v6_.used() >= capacity_; }
  [[nodiscard]] uint32_t live() const { return v4_.live() + v6_.live(); }

  // Requires: not full().
  uint32_t push(const FlowKey& key, const tcp::TimeWait& state, bool timestamps, uint32_t now) {
    if (key.peer.is_v4()) return v4_.push({key, state}, timestamps, now);
    return v6_.push({key, state}, timestamps, now) | kV6;
  }
  uint32_t push_until(const FlowKey& key, const tcp::TimeWait& state, bool timestamps,
                      uint32_t deadline) {
    if (key.peer.is_v4()) return v4_.push_until({key, state}, timestamps, deadline);
    return v6_.push_until({key, state}, timestamps, deadline) | kV6;
  }
  // Of one family, as TimeWaitQueue's; visit() gets places.
  template <class Visit>
  uint64_t walk(bool v6, uint64_t from, Visit&& visit) const {
    if (!v6) return v4_.walk(from, visit);
    return v6_.walk(
        from, [&](uint32_t index, uint32_t deadline) { return visit(index | kV6, deadline); });
  }
  [[nodiscard]] uint64_t next_number(bool v6) const {
    return v6 ? v6_.next_number() : v4_.next_number();
  }
  // Requires of these: the place is live, or was popped and nothing was pushed since.
  void erase(uint32_t place) { is_v6(place) ? v6_.erase(place & kIndex) : v4_.erase(place); }
  [[nodiscard]] const tcp::TimeWait& operator[](uint32_t place) const {
    return is_v6(place) ? v6_[place & kIndex].state : v4_[place].state;
  }
  [[nodiscard]] FlowKey key(uint32_t place) const {
    return is_v6(place) ? v6_[place & kIndex].key() : v4_[place].key();
  }
  [[nodiscard]] bool timestamps(uint32_t place) const {
    return is_v6(place) ? v6_.timestamps(place & kIndex) : v4_.timestamps(place);
  }
  [[nodiscard]] bool erased(uint32_t place) const {
    return is_v6(place) ? v6_.erased(place & kIndex) : v4_.erased(place);
  }
  [[nodiscard]] bool began_in(uint32_t place, uint32_t now) const {
    return is_v6(place) ? v6_.began_in(place & kIndex, now) : v4_.began_in(place, now);
  }

  // The oldest, as TimeWaitQueue's. Requires: not empty().
  [[nodiscard]] uint32_t front() const { return v6_is_older() ? v6_.front() | kV6 : v4_.front(); }
  [[nodiscard]] uint32_t front_deadline() const {
    return v6_is_older() ? v6_.front_deadline() : v4_.front_deadline();
  }
  void pop() { v6_is_older() ? v6_.pop() : v4_.pop(); }

  // Each family by itself, for a walk.
  [[nodiscard]] const TimeWaitQueue<tcp::TimeWaitV4>& v4() const { return v4_; }
  [[nodiscard]] const TimeWaitQueue<tcp::TimeWaitV6>& v6() const { return v6_; }

 private:
  static constexpr uint32_t kV6 = 1u << (kPlaceBits - 1);
  static constexpr uint32_t kIndex = kV6 - 1;
  static constexpr bool is_v6(uint32_t place) { return (place & kV6) != 0; }

  TimeWaits(TimeWaitQueue<tcp::TimeWaitV4> v4, TimeWaitQueue<tcp::TimeWaitV6> v6, uint32_t capacity)
      : v4_(std::move(v4)), v6_(std::move(v6)), capacity_(capacity) {}

  // Requires: not empty().
  [[nodiscard]] bool v6_is_older() const {
    if (v6_.empty()) return false;
    if (v4_.empty()) return true;
    return static_cast<int32_t>(v6_.front_deadline() - v4_.front_deadline()) < 0;
  }

  TimeWaitQueue<tcp::TimeWaitV4> v4_;
  TimeWaitQueue<tcp::TimeWaitV6> v6_;
  uint32_t capacity_;
};

}  // namespace millrace::stack
