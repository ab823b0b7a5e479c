// SPDX-License-Identifier: BSD-3-Clause
// The cold half of the histogram: everything that walks the buckets.
#include "millrace/histogram.h"

#include <algorithm>
#include <cmath>

namespace millrace {

Histogram::Histogram() : counts_(std::make_unique<Count[]>(kBucketCount)) {}

uint64_t Histogram::clamp(Duration length) {
  bump(clamped_.value);
  return length.ns < 0 ? 0 : static_cast<uint64_t>(kMax.ns);
}

void Histogram::reset() {
  for (size_t i = 0; i < kBucketCount; ++i) {
    counts_[i].store(0, std::memory_order_relaxed);
  }
  max_ns_.value.store(0, std::memory_order_relaxed);
  clamped_.value.store(0, std::memory_order_relaxed);
}

void Histogram::add(size_t bucket, uint64_t n) {
  if (n == 0) return;
  bump(counts_[bucket], n);
  max_ns_.value.store(std::max(max_ns_.value.load(std::memory_order_relaxed),
                               std::min(bucket_last_ns(bucket), static_cast<uint64_t>(kMax.ns))),
                      std::memory_order_relaxed);
}

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (const uint64_t n = other.bucket_count(i); n != 0) {
      bump(counts_[i], n);
    }
  }
  bump(clamped_.value, other.clamped());
  max_ns_.value.store(std::max(max_ns_.value.load(std::memory_order_relaxed),
                               other.max_ns_.value.load(std::memory_order_relaxed)),
                      std::memory_order_relaxed);
}

void Histogram::subtract(const Histogram& earlier) {
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (const uint64_t n = earlier.bucket_count(i); n != 0) {
      bump(counts_[i], -n);
    }
  }
  bump(clamped_.value, -earlier.clamped());
}

uint64_t Histogram::count() const {
  uint64_t total = 0;
  for (size_t i = 0; i < kBucketCount; ++i) {
    total += bucket_count(i);
  }
  return total;
}

Duration Histogram::min() const {
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (bucket_count(i) != 0) {
      return {static_cast<int64_t>(bucket_first_ns(i))};
    }
  }
  return {};
}

Duration Histogram::max() const {
  for (size_t i = kBucketCount; i-- > 0;) {
    if (bucket_count(i) != 0) {
      // After subtract() the largest length may be gone, and its bucket with it. A reader beside
      // the writer may see a bucket before the maximum that goes with it.
      const uint64_t recorded = max_ns_.value.load(std::memory_order_relaxed);
      const uint64_t ns = std::clamp(recorded, bucket_first_ns(i), bucket_last_ns(i));
      return {static_cast<int64_t>(ns)};
    }
  }
  return {};
}

Duration Histogram::mean() const {
  double sum = 0;
  uint64_t total = 0;
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (const uint64_t n = bucket_count(i); n != 0) {
      const double middle =
          0.5 * (static_cast<double>(bucket_first_ns(i)) + static_cast<double>(bucket_last_ns(i)));
      sum += middle * static_cast<double>(n);
      total += n;
    }
  }
  return {total == 0 ? 0 : std::llround(sum / static_cast<double>(total))};
}

Duration Histogram::percentile(double percent) const {
  const uint64_t total = count();
  if (total == 0) {
    return {};
  }
  const double wanted =
      std::ceil(std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(total));
  // Above 2^53 a double may round past the total.
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, total);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBucketCount; ++i) {
    seen += bucket_count(i);
    if (seen >= rank) {
      return std::min(Duration{static_cast<int64_t>(bucket_last_ns(i))}, max());
    }
  }
  return max();
}

}  // namespace millrace
