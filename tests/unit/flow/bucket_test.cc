// SPDX-License-Identifier: BSD-3-Clause
// The ways of comparing a bucket's tags agree, and look at nothing but tags.
#include "flow/bucket.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "base/random.h"

namespace millrace::flow {
namespace {

// The definition, slot by slot.
uint32_t expected_slots(const Bucket& bucket, uint16_t tag) {
  uint32_t slots = 0;
  for (uint32_t slot = 0; slot < Bucket::kSlotCount; ++slot) {
    if (bucket.tags[slot] == tag) slots |= 1u << (2 * slot);
  }
  return slots;
}

void expect_all_forms(const Bucket& bucket, uint16_t tag) {
  const uint32_t expected = expected_slots(bucket, tag);
  EXPECT_EQ(slots_with_tag(bucket, tag), expected);
  EXPECT_EQ(slots_with_tag_scalar(bucket, tag), expected);
#if defined(__SSE2__)
  EXPECT_EQ(slots_with_tag_sse2(bucket, tag), expected);
#endif
#if defined(__AVX2__)
  EXPECT_EQ(slots_with_tag_avx2(bucket, tag), expected);
#endif
}

TEST(FlowBucket, AllWaysToCompareTagsAgree) {
  base::Random random(1);
  for (int round = 0; round < 20'000; ++round) {
    Bucket bucket{};
    // Few different tags, so that most rounds have several matches; some at the sign bit.
    const uint32_t kinds = 1 + random.below(4);
    for (uint16_t& tag : bucket.tags) tag = static_cast<uint16_t>(random.below(kinds) * 0x5555);
    for (uint32_t kind = 0; kind < 4; ++kind) {
      expect_all_forms(bucket, static_cast<uint16_t>(kind * 0x5555));
    }
  }
}

TEST(FlowBucket, WhatLiesBehindTheTagsIsNotATag) {
  Bucket bucket{};
  bucket.overflow = 0x1234;
  bucket.filter = 0x1234;
  for (uint32_t& value : bucket.values) value = 0x1234'1234;
  expect_all_forms(bucket, 0x1234);
  EXPECT_EQ(slots_with_tag(bucket, 0x1234), 0u);
  EXPECT_EQ(slots_with_tag(bucket, 0), kSlotMask);
}

TEST(FlowBucket, FirstSlotIsTheLowest) {
  for (uint32_t slot = 0; slot < Bucket::kSlotCount; ++slot) {
    EXPECT_EQ(first_slot(1u << (2 * slot)), slot);
    EXPECT_EQ(first_slot((1u << (2 * slot)) | (1u << 18)), slot);
  }
}

}  // namespace
}  // namespace millrace::flow
