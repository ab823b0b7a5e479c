// SPDX-License-Identifier: BSD-3-Clause
#include "base/eighths.h"

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

void expect_close(uint32_t n) {
  const uint32_t back = unpack_eighths(pack_eighths(n));
  ASSERT_GE(back, n);
  ASSERT_LE(back, uint64_t{n} + n / 8 + 1);
}

TEST(Eighths, PackingRoundsUpByAnEighthAtMost) {
  for (uint32_t n = 1; n <= 100'000; ++n) expect_close(n);
  for (uint32_t n = 100'000; n < 1u << 30; n += n / 100 + 1) expect_close(n);
  expect_close(1u << 31);
}

TEST(Eighths, WhatFitsThreeBitsBehindTheFirstIsExact) {
  for (uint32_t shift = 0; shift < 27; ++shift) {
    for (uint32_t eighths = 8; eighths < 16; ++eighths) {
      const uint32_t n = eighths << shift;
      EXPECT_EQ(unpack_eighths(pack_eighths(n)), n);
      EXPECT_EQ(log2_of_eighths(pack_eighths(n)), shift + 3);
    }
  }
}

}  // namespace
}  // namespace millrace::base
