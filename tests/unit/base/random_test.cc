// SPDX-License-Identifier: BSD-3-Clause
// The generator yields its authors' numbers, stays in range, and is a function of its seed.
#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace millrace::base {
namespace {

TEST(BaseRandom, FirstNumbersAreTheReferenceOnes) {
  // xoshiro256** over splitmix64(0), computed by the authors' C code.
  Random random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(random.next(), 0xbf6e1f784956452au);
  EXPECT_EQ(random.next(), 0x1a5f849d4933e6e0u);
  EXPECT_EQ(random.next(), 0x6aa594f1262d2d2cu);
}

TEST(BaseRandom, SameSeedSameNumbers) {
  Random a(42);
  Random b(42);
  Random c(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t number = a.next();
    ASSERT_EQ(number, b.next());
    differs = differs || number != c.next();
  }
  EXPECT_TRUE(differs);
}

TEST(BaseRandom, BelowStaysBelowAndReachesAll) {
  Random random(1);
  EXPECT_EQ(random.below(0), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
  std::vector<uint32_t> seen(7);
  for (int i = 0; i < 70'000; ++i) {
    const uint32_t n = random.below(7);
    ASSERT_LT(n, 7u);
    ++seen[n];
  }
  for (const uint32_t count : seen) EXPECT_NEAR(count, 10'000, 600);
  uint32_t largest = 0;
  for (int i = 0; i < 1'000; ++i) largest = std::max(largest, random.below(UINT32_MAX));
  EXPECT_GT(largest, 0xf000'0000u);
}

TEST(BaseRandom, UnitIsInTheHalfOpenInterval) {
  Random random(2);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double x = random.unit();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
  }
  EXPECT_NEAR(sum / 100'000, 0.5, 0.01);
}

}  // namespace
}  // namespace millrace::base
