// SPDX-License-Identifier: BSD-3-Clause
// The flow table: from a keyed 64-bit hash to a 32-bit value. In: hashes. Out: values that may be
// the one meant. Keys are not stored here: the caller looks at each candidate where it lives, which
// it must touch anyway when the answer is yes; the tags keep it from touching others, but for about
// one in ten thousand lookups.
//
//   hash   | high bits: home bucket                          | low 16 bits: tag |
//
//   bucket     7: [a b c d e f g h i j] overflow 2      k and l wanted bucket 7, which was full:
//   bucket     8: [k m . . . l . . . .] overflow 0      they lie in the next one that had room
//
// A lookup goes on to the next bucket only while overflow is not 0, so nearly every lookup, hit or
// miss, touches one cache line. Erasing takes the counts back along the same way. There are no
// tombstones, and no rehash: the size is fixed when the table is made, at most 62.5 % of the slots
// are ever used, and no operation costs more than its own probes.
//
// An overflow count that reaches 65535 stays there. Lookups remain right: those that miss in such a
// bucket go one further than they need to. With a keyed hash it does not happen.
//
// Must hold: a value is in the table at most once, and it is erased by the hash it was inserted by.
#pragma once

#include <cstdint>
#include <optional>

#include "base/check.h"
#include "base/memory.h"
#include "flow/bucket.h"

namespace millrace::flow {

using base::kNil;

class Table {
 public:
  // Room for `capacity` entries, 10.24 bytes each. Nothing when there is no memory.
  [[nodiscard]] static std::optional<Table> create(uint32_t capacity, bool hugepages);

  // Brings the home bucket nearer. For a burst: prefetch all, then find all.
  void prefetch(uint64_t hash) const { __builtin_prefetch(buckets_ + home(hash)); }

  // Calls match(value) -> bool for each candidate until one says yes.
  // Ensures: that value, or kNil when none did. A candidate may be any value of the table.
  template <class Match>
  [[nodiscard]] uint32_t find(uint64_t hash, Match&& match) const {
    const Bucket* bucket = buckets_ + home(hash);
    const uint16_t tag = tag_of(hash);
    for (uint32_t probes = bucket_count_; probes != 0; --probes) {
      for (uint32_t slots = slots_with_tag(*bucket, tag); slots != 0; slots &= slots - 1) {
        const uint32_t value = bucket->values[first_slot(slots)];
        if (match(value)) [[likely]]
          return value;
      }
      if (bucket->overflow == 0) [[likely]]
        return kNil;
      bucket = after(bucket);
    }
    return kNil;
  }

  // The first value whose tag fits, kNil if none: what find() would look at first, so what to
  // prefetch between the bucket and the decision.
  [[nodiscard]] uint32_t first_candidate(uint64_t hash) const {
    return find(hash, [](uint32_t) { return true; });
  }

  // Requires: value != kNil and is not in the table. False when size() == capacity().
  [[nodiscard]] bool insert(uint64_t hash, uint32_t value);

  // Takes out the entry. False when there is none such.
  bool erase(uint64_t hash, uint32_t value);

  // Gives the entry another value. Requires: new_value != kNil and is not in the table.
  // False when there is no such entry.
  bool replace(uint64_t hash, uint32_t old_value, uint32_t new_value);

  [[nodiscard]] uint32_t size() const { return size_; }
  [[nodiscard]] uint32_t capacity() const { return capacity_; }

 private:
  static constexpr uint16_t kOverflowMax = 0xffff;

  Table(base::Region region, uint32_t bucket_count, uint32_t capacity);

  // Where an entry lies; null when it is not there.
  struct Place {
    Bucket* bucket;
    uint32_t slot;
  };
  Place locate(uint64_t hash, uint32_t value) const;

  // Scales the high bits to [0, bucket_count_) by multiplication, so that the number of buckets
  // need not be a power of two and a capacity costs what it needs.
  [[nodiscard]] uint64_t home(uint64_t hash) const { return ((hash >> 32) * bucket_count_) >> 32; }
  // 0 means empty, so it shares a tag with 1.
  [[nodiscard]] static uint16_t tag_of(uint64_t hash) {
    const auto tag = static_cast<uint16_t>(hash);
    return static_cast<uint16_t>(tag + (tag == 0));
  }
  template <class B>
  [[nodiscard]] B* after(B* bucket) const {
    return ++bucket == end_ ? buckets_ : bucket;
  }

  Bucket* buckets_;
  Bucket* end_;
  uint32_t bucket_count_;
  uint32_t capacity_;
  uint32_t size_ = 0;
  base::Region region_;
};

}  // namespace millrace::flow
