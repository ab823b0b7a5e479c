// SPDX-License-Identifier: BSD-3-Clause
// A latency histogram with HdrHistogram's buckets: lengths of time come in, percentiles go out.
//
// Three significant digits: HdrHistogram(lowest discernible value 64 ns, highest trackable 60 s,
// 3 digits), so counts can be laid beside another HdrHistogram's bucket by bucket. In units of
// 64 ns, buckets are one unit wide up to 2048 units (131 us), then twice as wide with each
// doubling:
//
//     value     0 ......... 131 us ......... 262 us ......... 524 us ...            60 s
//     width         64 ns          128 ns           256 ns          ...             34 ms
//     buckets  |    2048     |     1024     |     1024      | ...  |     1024       |
//
// Must hold: a percentile lies at most 0.1 % or 64 ns (whichever is more) above the recorded value
// of its rank, never below. Lengths outside 0..60 s are recorded as the bound they passed, and
// counted. Memory is fixed: 21,504 counts of 8 bytes (168 KiB), of which a run touches only the
// cache lines of latencies that occur.
//
// Threading: one writer. record() is under twenty instructions, plain loads and stores (relaxed
// atomics, no locked instruction), so another thread may merge() from a histogram that is being
// written: it sees every count untorn, and counts of different buckets from slightly different
// times.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "millrace/time.h"

namespace millrace {

class Histogram {
 public:
  static constexpr unsigned kUnitShift = 6;  // 64 ns
  static constexpr unsigned kHalfBits = 10;  // 1024 buckets for each doubling
  static constexpr size_t kHalfCount = size_t{1} << kHalfBits;
  static constexpr size_t kDoublings = 20;  // (2048 << 19) * 64 ns = 68.7 s
  static constexpr size_t kBucketCount = (kDoublings + 1) * kHalfCount;
  static constexpr Duration kMax = {60'000'000'000};  // 60 s

  // Allocates its memory once, here.
  Histogram();
  Histogram(Histogram&&) = default;
  Histogram& operator=(Histogram&&) = default;
  ~Histogram() = default;

  // Writer only.
  void record(Duration length) {
    auto ns = static_cast<uint64_t>(length.ns);
    if (ns > static_cast<uint64_t>(kMax.ns)) [[unlikely]] {  // negative lengths are huge here
      ns = clamp(length);
    }
    bump(counts_[bucket_of(ns)]);
    if (ns > max_ns_.value.load(std::memory_order_relaxed)) [[unlikely]] {
      max_ns_.value.store(ns, std::memory_order_relaxed);
    }
  }

  // Writer only: as if new.
  void reset();
  // Writer only: `n` lengths at once, of which only the bucket is known; max() becomes the upper
  // end of that. Requires: bucket < kBucketCount.
  void add(size_t bucket, uint64_t n);

  // Adds what `other` holds. `other` may be written meanwhile; this histogram may not.
  void merge(const Histogram& other);
  // Takes away what `earlier`, an older state of the same histogram, held: what is left is the
  // interval between the two. min() and max() are then known to bucket precision.
  // Requires: every count of `earlier` is at most ours.
  void subtract(const Histogram& earlier);

  [[nodiscard]] uint64_t count() const;
  // How many lengths were below 0 or above 60 s. They are part of count().
  [[nodiscard]] uint64_t clamped() const { return clamped_.value.load(std::memory_order_relaxed); }

  // The lower end of the first bucket in use; 0 when there is none.
  [[nodiscard]] Duration min() const;
  // The largest length recorded; 0 when there is none.
  [[nodiscard]] Duration max() const;
  // From the middles of the buckets; 0 when there is nothing.
  [[nodiscard]] Duration mean() const;
  // The upper end of the bucket that holds the ceil(percent / 100 * count)-th smallest length
  // (the first for percent <= 0), and never more than max(); 0 when there is nothing.
  [[nodiscard]] Duration percentile(double percent) const;

  // --- Buckets, for exporting -----------------------------------------------------------------

  // Requires: ns <= kMax.
  static constexpr size_t bucket_of(uint64_t ns) {
    const uint64_t units = ns >> kUnitShift;
    // The number of doublings past the linear part; the `or` makes it 0 within that part.
    const auto shift =
        static_cast<unsigned>(std::bit_width(units | (2 * kHalfCount - 1))) - (kHalfBits + 1);
    return (size_t{shift} << kHalfBits) + static_cast<size_t>(units >> shift);
  }
  static constexpr uint64_t bucket_first_ns(size_t bucket) {
    const size_t shift = bucket < 2 * kHalfCount ? 0 : (bucket >> kHalfBits) - 1;
    return uint64_t{bucket - (shift << kHalfBits)} << (shift + kUnitShift);
  }
  static constexpr uint64_t bucket_last_ns(size_t bucket) {
    return bucket_first_ns(bucket + 1) - 1;
  }
  // Requires: bucket < kBucketCount.
  [[nodiscard]] uint64_t bucket_count(size_t bucket) const {
    return counts_[bucket].load(std::memory_order_relaxed);
  }

 private:
  using Count = std::atomic<uint64_t>;
  // An atomic that can be moved while nobody else looks: histograms sit in vectors.
  struct MovableCount {
    Count value{0};
    MovableCount() = default;
    MovableCount(MovableCount&& other) noexcept : value(other.value.load()) {}
    MovableCount& operator=(MovableCount&& other) noexcept {
      value = other.value.load();
      return *this;
    }
    ~MovableCount() = default;
  };

  static void bump(Count& slot, uint64_t n = 1) {
    slot.store(slot.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t clamp(Duration length);

  std::unique_ptr<Count[]> counts_;
  MovableCount max_ns_;
  MovableCount clamped_;
};

static_assert(Histogram::bucket_of(static_cast<uint64_t>(Histogram::kMax.ns)) <
              Histogram::kBucketCount);

}  // namespace millrace
