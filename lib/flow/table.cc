// SPDX-License-Identifier: BSD-3-Clause
// The flow table's changes: once per connection, so out of line. The lookup is in the header.
#include "flow/table.h"

#include <algorithm>
#include <utility>

namespace millrace::flow {
namespace {

// Of 10 slots. In buckets for entries that are looked up again and again one in forty overflows;
// one in four where entries are seldom asked for, and their number is what matters.
constexpr uint64_t kBusyLoadPercent = 55;
constexpr uint64_t kQuietLoadPercent = 85;

constexpr uint64_t buckets_for(uint64_t entries, uint64_t load_percent) {
  const uint64_t entries_per_100_buckets = Bucket::kSlotCount * load_percent;
  return (entries * 100 + entries_per_100_buckets - 1) / entries_per_100_buckets;
}

}  // namespace

std::optional<Table> Table::create(uint32_t busy, uint32_t quiet, bool hugepages) {
  const uint64_t capacity = uint64_t{busy} + quiet;
  if (capacity > kCapacityMax) return std::nullopt;
  const uint64_t bucket_count = std::max<uint64_t>(
      buckets_for(busy, kBusyLoadPercent) + buckets_for(quiet, kQuietLoadPercent), 1);
  auto region = base::Region::allocate(bucket_count * sizeof(Bucket), hugepages);
  if (!region) return std::nullopt;
  return Table(std::move(*region), static_cast<uint32_t>(bucket_count),
               static_cast<uint32_t>(capacity));
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
  // Ends: at capacity three slots in twenty are empty.
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
