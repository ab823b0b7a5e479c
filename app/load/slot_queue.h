// SPDX-License-Identifier: BSD-3-Clause
// Numbers of slots in the order in which they came, each at most once: a ring as large as there are
// slots, which therefore never grows.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace millrace::load {

class SlotQueue {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  explicit SlotQueue(uint32_t slots) : ring_(slots), queued_(slots) {}

  [[nodiscard]] bool empty() const { return count_ == 0; }
  // To the end; one that is queued stays where it is. Requires: slot < slots.
  void push(uint32_t slot) {
    if (std::exchange(queued_[slot], uint8_t{1}) != 0) return;
    const uint64_t end = uint64_t{first_} + count_++;
    ring_[end < ring_.size() ? end : end - ring_.size()] = slot;
  }
  // The first; kNone when there is none.
  uint32_t take() {
    if (count_ == 0) return kNone;
    const uint32_t slot = ring_[first_];
    first_ = first_ + 1 == ring_.size() ? 0 : first_ + 1;
    --count_;
    queued_[slot] = 0;
    return slot;
  }

 private:
  std::vector<uint32_t> ring_;
  std::vector<uint8_t> queued_;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
};

}  // namespace millrace::load
