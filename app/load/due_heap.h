// SPDX-License-Identifier: BSD-3-Clause
// Who is due next, where waits differ: a binary heap of slots by time that knows where each stands,
// so that one can be taken out. As large as there are slots, and never grows.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "millrace/time.h"

namespace millrace::load {

class DueHeap {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  explicit DueHeap(uint32_t slots) : place_(slots, kNone) { heap_.reserve(slots); }

  // Requires: the slot is not in it.
  void add(uint32_t slot, Instant due) {
    heap_.push_back({due, slot});
    rise(static_cast<uint32_t>(heap_.size() - 1));
  }
  // One that is not in it stays so.
  void remove(uint32_t slot) {
    const uint32_t hole = std::exchange(place_[slot], kNone);
    if (hole == kNone) return;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (last.slot == slot) return;
    heap_[hole] = last;
    sink(rise(hole));
  }
  // The earliest, if its time has come; kNone otherwise.
  uint32_t take_due(Instant now) {
    if (heap_.empty() || now < heap_.front().due) return kNone;
    const uint32_t slot = heap_.front().slot;
    remove(slot);
    return slot;
  }

 private:
  struct Entry {
    Instant due;
    uint32_t slot = 0;
  };
  void set(uint32_t at, const Entry& entry) {
    heap_[at] = entry;
    place_[entry.slot] = at;
  }
  uint32_t rise(uint32_t at) {
    const Entry entry = heap_[at];
    for (; at != 0 && entry.due < heap_[(at - 1) / 2].due; at = (at - 1) / 2) {
      set(at, heap_[(at - 1) / 2]);
    }
    set(at, entry);
    return at;
  }
  void sink(uint32_t at) {
    const Entry entry = heap_[at];
    const auto size = static_cast<uint32_t>(heap_.size());
    for (uint32_t child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && heap_[child + 1].due < heap_[child].due) ++child;
      if (!(heap_[child].due < entry.due)) break;
      set(at, heap_[child]);
      at = child;
    }
    set(at, entry);
  }

  std::vector<Entry> heap_;
  std::vector<uint32_t> place_;  // of each slot in the heap
};

}  // namespace millrace::load
