// SPDX-License-Identifier: BSD-3-Clause
// The last events of all connections of a shard, oldest overwritten first. 12 bytes each.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "millrace/events.h"

namespace millrace::tcp {

class EventRing {
 public:
  struct Record {
    uint32_t tick = 0;
    uint32_t connection = UINT32_MAX;  // index
    uint16_t detail = 0;
    EventKind kind = EventKind::kOpened;
    State state = State::kClosed;
  };
  static_assert(sizeof(Record) == 12);

  // `records` is a power of two, or 0: nothing is kept, which costs as much as keeping.
  explicit EventRing(uint32_t records)
      : records_(records == 0 ? 1 : records), mask_(records == 0 ? 0 : records - 1) {
    MR_ASSERT(std::has_single_bit(records_.size()));
  }

  void note(const Record& record) { records_[next_++ & mask_] = record; }

  static_assert(EventKind::kOpened < EventKind::kMoved && EventKind::kAccepted < EventKind::kMoved);

  // Calls take(record) with those of `connection`, the latest first, until that returns false; back
  // to its beginning, as an index is used again. True: that was reached.
  template <typename Take>
  bool walk_back(uint32_t connection, Take&& take) const {
    for (uint32_t i = 1; mask_ != 0 && i <= mask_ + 1; ++i) {
      const Record& record = records_[(next_ - i) & mask_];
      if (record.connection != connection) continue;
      if (!take(record)) return false;
      if (record.kind <= EventKind::kMoved) return true;
    }
    return false;
  }

 private:
  std::vector<Record> records_;
  uint32_t mask_;
  uint32_t next_ = 0;
};

}  // namespace millrace::tcp
