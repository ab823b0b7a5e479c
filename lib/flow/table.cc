// SPDX-License-Identifier: BSD-3-Clause
// The flow table's changes: once per connection, so out of line. The lookup is in the header.
#include "flow/table.h"

#include <utility>

namespace millrace::flow {
namespace {

// 8.5 entries for each bucket of 10 slots: a table that holds all it was made for has one bucket in
// four that overflows, and a shard seldom holds all it has room for. In whole numbers:
constexpr uint64_t kLoadEntries = 17;
constexpr uint64_t kLoadBuckets = 2;
static_assert(kLoadEntries * 100 == kLoadBuckets * Bucket::kSlotCount * 85);

}  // namespace

std::optional<Table> Table::create(uint32_t capacity, bool hugepages) {
  uint64_t bucket_count = (capacity * kLoadBuckets + kLoadEntries - 1) / kLoadEntries;
  if (bucket_count == 0) bucket_count = 1;
  auto region = base::Region::allocate(bucket_count * sizeof(Bucket), hugepages);
  if (!region) return std::nullopt;
  return Table(std::move(*region), static_cast<uint32_t>(bucket_count), capacity);
}

Table::Table(base::Region region, uint32_t bucket_count, uint32_t capacity)
    : buckets_(reinterpret_cast<Bucket*>(region.data())),
      end_(buckets_ + bucket_count),
      bucket_count_(bucket_count),
      capacity_(capacity),
      region_(std::move(region)) {}

bool Table::insert(uint64_t hash, uint32_t value) {
  MR_DCHECK(value != kNil);
  MR_DCHECK(locate(hash, value).bucket == nullptr);
  if (size_ == capacity_) return false;
  // Ends: below capacity three slots in twenty are empty.
  Bucket* bucket = buckets_ + home(hash);
  const uint16_t tag = tag_of(hash);
  uint32_t empty = slots_with_tag(*bucket, 0);
  while (empty == 0) {
    if (bucket->overflow != kOverflowMax) ++bucket->overflow;
    bucket->filter = static_cast<uint16_t>(bucket->filter | 1u << (tag >> 12));
    bucket = after(bucket);
    empty = slots_with_tag(*bucket, 0);
  }
  const uint32_t slot = first_slot(empty);
  bucket->tags[slot] = tag;
  bucket->values[slot] = value;
  ++size_;
  ++inserts_;
  return true;
}

bool Table::erase(uint64_t hash, uint32_t value) {
  const Place place = locate(hash, value);
  if (place.bucket == nullptr) return false;
  place.bucket->tags[place.slot] = 0;
  place.bucket->values[place.slot] = kNil;  // for those who hold a hint
  for (Bucket* passed = buckets_ + home(hash); passed != place.bucket; passed = after(passed)) {
    MR_DCHECK(passed->overflow != 0);
    // At the maximum the count is no longer known, so it stays: too high is slow, too low is wrong.
    if (passed->overflow == kOverflowMax) continue;
    if (--passed->overflow == 0) passed->filter = 0;
  }
  --size_;
  return true;
}

bool Table::replace(uint64_t hash, uint32_t old_value, uint32_t new_value) {
  MR_DCHECK(new_value != kNil);
  const Place place = locate(hash, old_value);
  if (place.bucket == nullptr) return false;
  place.bucket->values[place.slot] = new_value;
  return true;
}

// The home bucket has no such tag.
Table::Hint Table::hint_beyond(Home bucket, uint64_t hash) const {
  const uint16_t tag = tag_of(hash);
  for (uint32_t probes = bucket_count_; probes != 0 && may_overflow(*bucket, tag); --probes) {
    bucket = after(bucket);
    const uint32_t slots = slots_with_tag(*bucket, tag);
    if (slots != 0) return Hint(first_value(*bucket, slots));
  }
  return Hint(inserts_);
}

Table::Place Table::locate(uint64_t hash, uint32_t value) const {
  Bucket* bucket = buckets_ + home(hash);
  const uint16_t tag = tag_of(hash);
  for (uint32_t probes = bucket_count_; probes != 0; --probes) {
    for (uint32_t slots = slots_with_tag(*bucket, tag); slots != 0; slots &= slots - 1) {
      const uint32_t slot = first_slot(slots);
      if (bucket->values[slot] == value) return {bucket, slot};
    }
    if (!may_overflow(*bucket, tag)) break;
    bucket = after(bucket);
  }
  return {nullptr, 0};
}

}  // namespace millrace::flow
