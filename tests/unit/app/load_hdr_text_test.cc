// SPDX-License-Identifier: BSD-3-Clause
// Histograms as text: what HdrHistogram's libraries read, and what comes back from it.
#include "load/hdr_text.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace millrace::load {
namespace {

void expect_same(const Histogram& a, const Histogram& b) {
  for (size_t i = 0; i < Histogram::kBucketCount; ++i) {
    ASSERT_EQ(a.bucket_count(i), b.bucket_count(i)) << i;
  }
}

TEST(HdrText, OfOneValueIsByteForByteWhatHdrHistogramWrites) {
  Histogram times;
  times.record(nanoseconds(3 * 64));  // bucket 3: a run of three empty ones, then a count of one
  EXPECT_EQ(encode_hdr(times),
            "HIST"  // the cookie spells this, by its authors' choice
            "FAAAADV4AQEqANX/HISTEwAAAAIAAAAAAAAAAwAAAAAAAABAAAAADfhHWAA/8AAAAAAAAAUCWhoEZg==");
}

TEST(HdrText, OfRandomTimesComesBackBucketByBucket) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    Histogram times;
    for (uint64_t i = 0; i < seed * seed * 50; ++i) {
      times.record(nanoseconds(static_cast<int64_t>(random() >> (28 + random() % 36))));
    }
    const Result<Histogram> back = decode_hdr(encode_hdr(times));
    ASSERT_TRUE(back.ok()) << back.error().message;
    expect_same(times, *back);
    EXPECT_EQ(back->count(), times.count());
    EXPECT_LE(back->percentile(99) - times.percentile(99), times.percentile(99) / 1000);
  }
}

TEST(HdrText, OfNothingAndOfTheBounds) {
  for (const Duration length : {Duration{}, nanoseconds(1), Histogram::kMax, seconds(100)}) {
    Histogram times;
    expect_same(times, decode_hdr(encode_hdr(times)).value());
    times.record(length);
    expect_same(times, decode_hdr(encode_hdr(times)).value());
  }
}

TEST(HdrText, CountsOfAnySize) {
  Histogram times;
  for (unsigned bit = 0; bit < 63; ++bit) times.add(7 * bit, uint64_t{1} << bit);
  expect_same(times, decode_hdr(encode_hdr(times)).value());
}

TEST(HdrText, MoreThanABlockOfItComesBack) {
  Histogram times;
  for (size_t i = 0; i < Histogram::kBucketCount; ++i) times.add(i, 1'000'000'000'000 + i);
  ASSERT_GT(encode_hdr(times).size(), size_t{65'536} * 4 / 3);
  expect_same(times, decode_hdr(encode_hdr(times)).value());
}

TEST(HdrText, WhatIsDamagedIsRefused) {
  Histogram times;
  for (int i = 0; i < 100; ++i) times.record(microseconds(i * i));
  const std::string good = encode_hdr(times);
  for (size_t at = 0; at < good.size(); at += 3) {
    std::string bad = good;
    bad[at] = bad[at] == 'A' ? 'Q' : 'A';
    const Result<Histogram> decoded = decode_hdr(bad);
    // The last bits before the padding carry nothing.
    if (decoded.ok()) expect_same(times, *decoded);
    EXPECT_FALSE(decode_hdr(std::string_view(good).substr(0, at)).ok()) << at;
  }
  EXPECT_EQ(decode_hdr("HISTFAA").error().message, "the histogram is not base64");
  EXPECT_EQ(decode_hdr("AAAAAAAAAAAA").error().message,
            "the histogram is not in HdrHistogram's V2 form");
}

}  // namespace
}  // namespace millrace::load
