// SPDX-License-Identifier: BSD-3-Clause
// The histogram against its naive twin, a sorted vector.
#include "millrace/histogram.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr double kPercents[] = {0, 0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

// The exact percentile: the ceil(p * n)-th smallest.
int64_t exact_percentile(const std::vector<int64_t>& sorted, double percent) {
  const auto rank = std::max<size_t>(
      1, static_cast<size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size()))));
  return sorted[rank - 1];
}

void expect_close(int64_t approximate, int64_t exact, const char* what) {
  EXPECT_GE(approximate, exact) << what;
  const double allowed = std::max(static_cast<double>(exact) * 0.001, 64.0);
  EXPECT_LE(static_cast<double>(approximate - exact), allowed) << what << " of " << exact;
}

TEST(Histogram, percentiles_are_within_a_thousandth_of_a_sorted_vector) {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Histogram histogram;
    std::vector<int64_t> twin;
    // Log-uniform over the whole range: as many microseconds as seconds.
    std::uniform_real_distribution<double> exponent(0.0, std::log(60e9));
    for (int i = 0; i < 100'000; ++i) {
      const auto ns = static_cast<int64_t>(std::exp(exponent(random)));
      histogram.record(nanoseconds(ns));
      twin.push_back(ns);
    }
    std::sort(twin.begin(), twin.end());

    EXPECT_EQ(histogram.count(), twin.size());
    EXPECT_EQ(histogram.clamped(), 0u);
    EXPECT_EQ(histogram.max().ns, twin.back());
    EXPECT_LE(histogram.min().ns, twin.front());
    EXPECT_GT(histogram.min().ns + 64, twin.front());
    for (const double percent : kPercents) {
      SCOPED_TRACE(percent);
      expect_close(histogram.percentile(percent).ns, exact_percentile(twin, percent), "percentile");
    }
    double sum = 0;
    for (const int64_t ns : twin) {
      sum += static_cast<double>(ns);
    }
    const double mean = sum / static_cast<double>(twin.size());
    EXPECT_NEAR(static_cast<double>(histogram.mean().ns), mean, mean * 0.001);
  }
}

TEST(Histogram, buckets_cover_the_range_without_gap_or_overlap) {
  uint64_t next = 0;
  for (size_t i = 0; i < Histogram::kBucketCount; ++i) {
    ASSERT_EQ(Histogram::bucket_first_ns(i), next);
    const uint64_t last = Histogram::bucket_last_ns(i);
    ASSERT_EQ(Histogram::bucket_of(next), i);
    ASSERT_EQ(Histogram::bucket_of(last), i);
    // HdrHistogram's promise for three digits, and its unit.
    ASSERT_LE(last - next + 1, std::max<uint64_t>(64, last / 1000)) << i;
    next = last + 1;
  }
  EXPECT_GT(next, static_cast<uint64_t>(Histogram::kMax.ns));
}

TEST(Histogram, empty_histogram_says_zero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), Duration{});
  EXPECT_EQ(histogram.max(), Duration{});
  EXPECT_EQ(histogram.mean(), Duration{});
  EXPECT_EQ(histogram.percentile(50), Duration{});
}

TEST(Histogram, one_length_is_every_percentile) {
  Histogram histogram;
  histogram.record(microseconds(1234));
  for (const double percent : kPercents) {
    EXPECT_EQ(histogram.percentile(percent), microseconds(1234));
  }
  EXPECT_EQ(histogram.max(), microseconds(1234));
}

TEST(Histogram, lengths_out_of_range_are_clamped_and_counted) {
  Histogram histogram;
  histogram.record(Histogram::kMax);
  EXPECT_EQ(histogram.clamped(), 0u);
  histogram.record(Histogram::kMax + nanoseconds(1));
  histogram.record(Instant::never() - Instant{});
  EXPECT_EQ(histogram.clamped(), 2u);
  EXPECT_EQ(histogram.max(), Histogram::kMax);
  EXPECT_EQ(histogram.percentile(100), Histogram::kMax);

  histogram.record(nanoseconds(0));
  EXPECT_EQ(histogram.clamped(), 2u);
  histogram.record(nanoseconds(-1));
  EXPECT_EQ(histogram.clamped(), 3u);
  EXPECT_EQ(histogram.min(), Duration{});
  EXPECT_EQ(histogram.count(), 5u);
}

TEST(Histogram, merging_parts_is_recording_all) {
  std::mt19937_64 random(7);
  Histogram all;
  Histogram merged;
  std::vector<Histogram> parts(4);
  for (int i = 0; i < 20'000; ++i) {
    const Duration length = nanoseconds(static_cast<int64_t>(random() % 70'000'000'000));
    all.record(length);
    parts[random() % parts.size()].record(length);
  }
  for (const Histogram& part : parts) {
    merged.merge(part);
  }
  for (size_t i = 0; i < Histogram::kBucketCount; ++i) {
    ASSERT_EQ(merged.bucket_count(i), all.bucket_count(i)) << i;
  }
  EXPECT_EQ(merged.max(), all.max());
  EXPECT_EQ(merged.clamped(), all.clamped());
  EXPECT_GT(all.clamped(), 0u);
}

TEST(Histogram, subtracting_the_past_leaves_the_interval) {
  Histogram running;
  running.record(milliseconds(50));
  running.record(microseconds(10));
  Histogram earlier;
  earlier.merge(running);

  running.record(microseconds(10));
  running.record(microseconds(20));
  Histogram interval;
  interval.merge(running);
  interval.subtract(earlier);

  EXPECT_EQ(interval.count(), 2u);
  expect_close(interval.max().ns, 20'000, "max");
  expect_close(interval.percentile(50).ns, 10'000, "p50");
  interval.subtract(interval);
  EXPECT_EQ(interval.count(), 0u);
  EXPECT_EQ(interval.max(), Duration{});
}

TEST(Histogram, reset_is_as_new) {
  Histogram histogram;
  histogram.record(seconds(1));
  histogram.record(seconds(100));
  histogram.reset();
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.clamped(), 0u);
  EXPECT_EQ(histogram.max(), Duration{});
  histogram.record(milliseconds(1));
  EXPECT_EQ(histogram.max(), milliseconds(1));
}

TEST(Histogram, a_reader_beside_the_writer_sees_counts_that_only_grow) {
  Histogram written;
  std::atomic<bool> done{false};
  constexpr int kLengths = 200'000;
  std::thread writer([&] {
    for (int i = 1; i <= kLengths; ++i) {
      written.record(nanoseconds(i * 64));
    }
    done.store(true);
  });
  uint64_t before = 0;
  while (!done.load()) {
    Histogram snapshot;
    snapshot.merge(written);
    const uint64_t now = snapshot.count();
    ASSERT_GE(now, before);
    ASSERT_LE(snapshot.percentile(99), nanoseconds(kLengths * 64));
    before = now;
  }
  writer.join();
  EXPECT_EQ(written.count(), static_cast<uint64_t>(kLengths));
}

}  // namespace
}  // namespace millrace
