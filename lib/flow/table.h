// SPDX-License-Identifier: BSD-3-Clause
// The flow table: from a keyed 64-bit hash to a 32-bit value. In: hashes. Out: values that may be
// the one meant. Keys are not stored here: the caller looks at each candidate where it lives, which
// it must touch anyway when the answer is yes; the tags keep it from touching others, but for about
// one in five thousand lookups.
//
//   hash   | high bits: home bucket                          | low 16 bits: tag |
//
//   bucket     7: [a b c d e f g h i j] overflow 2      k and l wanted bucket 7, which was full:
//   bucket     8: [k m . . . l . . . .] overflow 0      they lie in the next one that had room
//
// A lookup goes on to the next bucket only where the filter beside the count lets it, so nearly
// every lookup, hit or miss, touches one cache line. Erasing takes the counts back along the same
// way. No tombstones, and no rehash: the size is fixed when the table is made, between 55 and 85 %
// of the slots are used when it is full, and no operation costs more than its own probes.
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
  static constexpr uint64_t kCapacityMax = uint64_t{1} << 31;

  // Room for so many entries that are asked for often, 11.64 bytes each, and so many that seldom
  // are, 7.53 bytes each; which is which the table need not be told. Nothing when there is no
  // memory or they are more than kCapacityMax.
  [[nodiscard]] static std::optional<Table> create(uint32_t busy, uint32_t quiet, bool hugepages);

  // Where a hash begins to be looked for.
  using Home = const Bucket*;

  // Brings it nearer. For a burst: prefetch all, then take all hints and prefetch what their values
  // stand for, then find all.
  Home prefetch(uint64_t hash) const {
    const Home bucket = buckets_ + home(hash);
    __builtin_prefetch(bucket);
    return bucket;
  }

  // What find() would look at first: the place of the first value whose tag fits. Or, as an odd
  // number, that there is none, and how many inserts there had been by then.
  class Hint {
   public:
    Hint() = default;
    // A value that may be the one meant, kNil when there is none such.
    [[nodiscard]] uint32_t value() const { return is_place() ? *place() : kNil; }

   private:
    friend class Table;
    explicit Hint(const uint32_t* place) : word_(reinterpret_cast<uintptr_t>(place)) {}
    explicit Hint(uint64_t inserts) : word_(none_after(inserts)) {}
    [[nodiscard]] static uintptr_t none_after(uint64_t inserts) { return (inserts << 1) | 1; }
    [[nodiscard]] bool is_place() const { return (word_ & 1) == 0; }
    [[nodiscard]] const uint32_t* place() const { return reinterpret_cast<const uint32_t*>(word_); }
    uintptr_t word_;
  };

  // It may be kept while the table changes. Requires: `bucket` is where the hash begins.
  [[nodiscard]] Hint hint(Home bucket, uint64_t hash) const {
    const uint32_t slots = slots_with_tag(*bucket, tag_of(hash));
    if (slots != 0) return Hint(first_value(*bucket, slots));
    return may_overflow(*bucket, tag_of(hash)) ? hint_beyond(bucket, hash) : Hint(inserts_);
  }
  // Its value, for who needs not keep it: kNil when there is none such.
  [[nodiscard]] uint32_t first_candidate(Home bucket, uint64_t hash) const {
    const uint32_t slots = slots_with_tag(*bucket, tag_of(hash));
    if (slots != 0) [[likely]]
      return *first_value(*bucket, slots);
    return may_overflow(*bucket, tag_of(hash)) ? hint_beyond(bucket, hash).value() : kNil;
  }
  [[nodiscard]] Hint hint(uint64_t hash) const { return hint(buckets_ + home(hash), hash); }

  // Calls match(value) -> bool for each candidate until one says yes.
  // Ensures: that value, or kNil when none did. A candidate may be any value of the table.
  template <class Match>
  [[nodiscard]] uint32_t find(uint64_t hash, Match&& match) const {
    const Bucket* bucket = buckets_ + home(hash);
    const uint16_t tag = tag_of(hash);
    for (uint32_t probes = bucket_count_; probes != 0; --probes) {
      for (uint32_t slots = slots_with_tag(*bucket, tag); slots != 0; slots &= slots - 1) {
        const uint32_t value = *first_value(*bucket, slots);
        if (match(value)) [[likely]]
          return value;
      }
      if (!may_overflow(*bucket, tag)) [[likely]]
        return kNil;
      bucket = after(bucket);
    }
    return kNil;
  }

  // The same, looking first at what hint(hash) told. Whatever lies there by now is an entry like
  // any other, so match() decides rightly.
  template <class Match>
  [[nodiscard]] uint32_t find(uint64_t hash, Hint hint, Match&& match) const {
    if (hint.is_place()) [[likely]] {
      const uint32_t value = *hint.place();
      if (value != kNil && match(value)) [[likely]]
        return value;
    } else if (hint.word_ == Hint::none_after(inserts_)) {
      return kNil;
    }
    return find(hash, match);
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
  // Odd, as 0 means empty.
  [[nodiscard]] static uint16_t tag_of(uint64_t hash) { return static_cast<uint16_t>(hash | 1); }
  [[nodiscard]] Hint hint_beyond(Home bucket, uint64_t hash) const;
  template <class B>
  [[nodiscard]] B* after(B* bucket) const {
    return ++bucket == end_ ? buckets_ : bucket;
  }

  Bucket* buckets_;
  Bucket* end_;
  uint32_t bucket_count_;
  uint32_t capacity_;
  uint32_t size_ = 0;
  uint64_t inserts_ = 0;  // ever
  base::Region region_;
};

}  // namespace millrace::flow
