// SPDX-License-Identifier: BSD-3-Clause
// The records of TIME-WAIT of one family. In: a record and the tick at which it begins. Out: its
// index, and which record is the oldest and due. All live equally long, so they expire in the order
// they came: a ring of records, and beside it their deadlines, one for all that came within the
// same tick.
//
//   records    | . | d | e | . | x | g | h | . |        x was erased: it is passed over when it
//                    ^ head                ^ tail       comes to the front
//   deadlines  | 60001 x 2 | 60007 x 3 |
//
// So a record takes its 24 or 48 bytes, a bit that says whether timestamps were in use, and next to
// nothing for its deadline, however many there are: only so many ticks fit into a lifetime.
//
// Must hold: an index stays what it is until its record is popped; ticks do not go back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/fifo.h"
#include "base/memory.h"
#include "tcp/half_open.h"

namespace millrace::stack {

template <class Record>  // TimeWaitV4 or TimeWaitV6
class TimeWaitQueue {
 public:
  // `lifetime` in ticks. Nothing when there is no memory. Requires: 1 <= capacity.
  [[nodiscard]] static std::optional<TimeWaitQueue> create(uint32_t capacity, uint32_t lifetime,
                                                           bool hugepages) {
    auto records = base::Region::allocate(size_t{capacity} * sizeof(Record), hugepages);
    auto timestamps = base::Region::allocate((size_t{capacity} + 63) / 64 * 8, false);
    if (!records || !timestamps) return std::nullopt;
    return TimeWaitQueue(std::move(*records), std::move(*timestamps), capacity, lifetime);
  }

  // Erased records count until they are popped.
  [[nodiscard]] bool empty() const { return used_ == 0; }
  [[nodiscard]] bool full() const { return used_ == capacity_; }
  [[nodiscard]] uint32_t used() const { return used_; }
  [[nodiscard]] uint32_t live() const { return live_; }

  // Requires: not full().
  uint32_t push(const Record& record, bool timestamps, uint32_t now) {
    return push_until(record, timestamps, now + lifetime_);
  }
  // The same for one that began elsewhere: it lives until `deadline`, or as long as the last one.
  uint32_t push_until(const Record& record, bool timestamps, uint32_t deadline) {
    MR_DCHECK(!full());
    if (!deadlines_.empty() && static_cast<int32_t>(deadlines_.back().tick - deadline) > 0) {
      deadline = deadlines_.back().tick;
    }
    if (deadlines_.empty() || deadlines_.back().tick != deadline) {
      // Without room for one more deadline the last ones live a little longer.
      if (deadlines_.full()) {
        deadlines_.back().tick = deadline;
      } else {
        static_cast<void>(deadlines_.push({deadline, 0}));
      }
    }
    ++deadlines_.back().count;
    const uint32_t index = tail_;
    tail_ = after(tail_);
    ++used_;
    ++live_;
    records_[index] = record;
    const uint64_t bit = uint64_t{1} << (index % 64);
    timestamps_[index / 64] &= ~bit;
    if (timestamps) timestamps_[index / 64] |= bit;
    return index;
  }

  // Requires: live. It keeps its place in the queue.
  void erase(uint32_t index) {
    MR_DCHECK(!erased(index));
    records_[index].local_port = 0;
    --live_;
  }

  [[nodiscard]] const Record& operator[](uint32_t index) const { return records_[index]; }
  [[nodiscard]] bool timestamps(uint32_t index) const {
    return ((timestamps_[index / 64] >> (index % 64)) & 1) != 0;
  }
  [[nodiscard]] bool erased(uint32_t index) const { return records_[index].local_port == 0; }

  // Whether the record began in this tick.
  [[nodiscard]] bool began_in(uint32_t index, uint32_t now) const {
    if (deadlines_.empty() || deadlines_.back().tick != now + lifetime_) return false;
    const uint32_t from_end = (index < tail_ ? tail_ : tail_ + capacity_) - index;
    return from_end <= deadlines_.back().count;
  }

  // The oldest, erased or not. Requires: not empty().
  [[nodiscard]] uint32_t front() const {
    MR_DCHECK(!empty());
    return head_;
  }
  [[nodiscard]] uint32_t front_deadline() const { return deadlines_.front().tick; }
  // Takes the front off the queue. Requires: not empty(). One that is not erased yet may still be
  // read, and is erased before the next push().
  void pop() {
    MR_DCHECK(!empty());
    head_ = after(head_);
    --used_;
    ++popped_;
    if (--deadlines_.front().count == 0) {
      deadlines_.pop();
      ++deadlines_popped_;
    }
  }

  // A walk over the records, oldest first, that others may push and pop meanwhile. Records are
  // numbered as they came since the queue was made, deadlines likewise.
  struct Walk {
    uint64_t next = 0;
    uint64_t end = 0;  // behind the last when the walk began
    uint64_t deadline = 0;
    uint64_t deadline_begin = 0;  // the first record of that deadline
  };
  [[nodiscard]] Walk begin_walk() const {
    return {popped_, popped_ + used_, deadlines_popped_, popped_};
  }
  // What was popped is passed over.
  [[nodiscard]] bool ended(const Walk& walk) const {
    return std::max(walk.next, popped_) >= walk.end;
  }
  // The index and the deadline of the next record, erased or not. Requires: not ended().
  std::pair<uint32_t, uint32_t> step(Walk& walk) const {
    walk.next = std::max(walk.next, popped_);
    if (walk.deadline <= deadlines_popped_) {
      walk.deadline = deadlines_popped_;
      walk.deadline_begin = popped_;
    }
    const auto at = [&] {
      return deadlines_[static_cast<uint32_t>(walk.deadline - deadlines_popped_)];
    };
    while (walk.next - walk.deadline_begin >= at().count) {
      walk.deadline_begin += at().count;
      ++walk.deadline;
    }
    const uint64_t index = head_ + (walk.next++ - popped_);
    return {static_cast<uint32_t>(index < capacity_ ? index : index - capacity_), at().tick};
  }

  // Records have numbers in the order in which they came. Calls visit(index, deadline) for those
  // that are live, from number `from` on, as long as it returns true. Returns the number of the
  // first that it was not called for, or for which it said no.
  template <class Visit>
  uint64_t walk(uint64_t from, Visit&& visit) const {
    uint64_t number = std::max(from, popped_);
    auto place = static_cast<uint32_t>(number - popped_);
    uint32_t passed = 0;  // records up to the end of deadlines_[d]
    for (uint32_t d = 0; d < deadlines_.size(); ++d) {
      passed += deadlines_[d].count;
      for (; place < passed; ++place, ++number) {
        const uint32_t index = static_cast<uint32_t>((uint64_t{head_} + place) % capacity_);
        if (!erased(index) && !visit(index, deadlines_[d].tick)) return number;
      }
    }
    return number;
  }
  // The number that the next record is going to have.
  [[nodiscard]] uint64_t next_number() const { return popped_ + used_; }

 private:
  struct Deadline {
    uint32_t tick;
    uint32_t count;  // of records
  };

  TimeWaitQueue(base::Region records, base::Region timestamps, uint32_t capacity, uint32_t lifetime)
      : records_region_(std::move(records)),
        timestamps_region_(std::move(timestamps)),
        records_(reinterpret_cast<Record*>(records_region_.data())),
        timestamps_(reinterpret_cast<uint64_t*>(timestamps_region_.data())),
        deadlines_(std::min(capacity, lifetime + 2)),
        capacity_(capacity),
        lifetime_(lifetime) {}

  [[nodiscard]] uint32_t after(uint32_t index) const {
    return index + 1 == capacity_ ? 0 : index + 1;
  }

  base::Region records_region_;
  base::Region timestamps_region_;
  Record* records_;
  uint64_t* timestamps_;  // one bit for each
  base::Fifo<Deadline> deadlines_;
  uint32_t capacity_;
  uint32_t lifetime_;
  uint32_t head_ = 0;
  uint32_t tail_ = 0;
  uint32_t used_ = 0;
  uint32_t live_ = 0;
  uint64_t popped_ = 0;  // ever
  uint64_t deadlines_popped_ = 0;
};

}  // namespace millrace::stack
