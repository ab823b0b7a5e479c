// SPDX-License-Identifier: BSD-3-Clause
// The flow table's changes: once per connection, so out of line. The lookup is in the header.
#include "flow/table.h"

#include <utility>

namespace millrace::flow {
namespace {

// 6.25 entries for each bucket of 10 slots: a load of 0.625, where about one bucket in twenty
// overflows. As a fraction in whole numbers: 25 entries for 4 buckets.
constexpr uint64_t kLoadEntries = 25;
constexpr uint64_t kLoadBuckets = 4;
static_assert(kLoadEntries * 1000 == kLoadBuckets * Bucket::kSlotCount * 625);

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
  // Ends: below capacity three slots in eight are empty.
  Bucket* bucket = buckets_ + home(hash);
  uint32_t empty = slots_with_tag(*bucket, 0);
  while (empty == 0) {
    if (bucket->overflow != kOverflowMax) ++bucket->overflow;
    bucket = after(bucket);
    empty = slots_with_tag(*bucket, 0);
  }
  const uint32_t slot = first_slot(empty);
  bucket->tags[slot] = tag_of(hash);
  bucket->values[slot] = value;
  ++size_;
  return true;
}

bool Table::erase(uint64_t hash, uint32_t value) {
  const Place place = locate(hash, value);
  if (place.bucket == nullptr) return false;
  place.bucket->tags[place.slot] = 0;
  for (Bucket* passed = buckets_ + home(hash); passed != place.bucket; passed = after(passed)) {
    MR_DCHECK(passed->overflow != 0);
    // At the maximum the count is no longer known, so it stays: too high is slow, too low is wrong.
    if (passed->overflow != kOverflowMax) --passed->overflow;
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

Table::Place Table::locate(uint64_t hash, uint32_t value) const {
  Bucket* bucket = buckets_ + home(hash);
  const uint16_t tag = tag_of(hash);
  for (uint32_t probes = bucket_count_; probes != 0; --probes) {
    for (uint32_t slots = slots_with_tag(*bucket, tag); slots != 0; slots &= slots - 1) {
      const uint32_t slot = first_slot(slots);
      if (bucket->values[slot] == value) return {bucket, slot};
    }
    if (bucket->overflow == 0) break;
    bucket = after(bucket);
  }
  return {nullptr, 0};
}

}  // namespace millrace::flow
