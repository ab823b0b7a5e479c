// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/ecn.h"

#include <gtest/gtest.h>

namespace millrace::tcp {
namespace {

TEST(TcpEcn, ACountOfThreeBitsGoesAround) {
  for (uint8_t before = 0; before < 8; ++before) {
    for (uint32_t marks = 0; marks < 8; ++marks) {
      const auto ace = static_cast<uint8_t>((before + marks) & 7);
      EXPECT_EQ(newly_marked(ace, before, 20, false), marks);
      EXPECT_EQ(newly_marked(ace, before, 7, true), marks);
    }
  }
}

TEST(TcpEcn, WhatMayHaveGoneAroundIsAsMuchAsTheSegmentsAllow) {
  // RFC 9768 appendix A.2.1, with a twin that counts up by whole cycles.
  for (uint32_t marks = 0; marks < 8; ++marks) {
    for (uint32_t segments = 0; segments < 40; ++segments) {
      uint32_t most = marks;
      while (most + 8 <= segments) most += 8;
      EXPECT_EQ(newly_marked(static_cast<uint8_t>((5 + marks) & 7), 5, segments, true), most)
          << marks << " of " << segments;
    }
  }
}

TEST(TcpEcn, AHalfOpenConnectionIsNoLargerForIt) {
  EXPECT_EQ(sizeof(HalfOpen), 64u);
  HalfOpen half;
  half.retries = HalfOpen::kRetriesMax;
  half.shift_and_flags = 0x3f;
  for (const auto mode : {HalfOpen::kEcnNone, HalfOpen::kEcnClassic, HalfOpen::kEcnAccurate,
                          HalfOpen::kEcnAccurateNoEct}) {
    half.set_ecn(mode);
    EXPECT_EQ(half.ecn(), mode);
    EXPECT_EQ(half.shift_and_flags & 0x3f, 0x3f);
  }
}

}  // namespace
}  // namespace millrace::tcp
