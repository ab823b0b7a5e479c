// SPDX-License-Identifier: BSD-3-Clause
// A slab hands out each index once, last freed first, keeps objects whole across free, and stops at
// its bound.
#include "base/slab.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "base/random.h"

namespace millrace::base {
namespace {

struct alignas(64) Thing {
  uint64_t payload[7];
  uint64_t generation;
};

TEST(BaseSlab, GivesEveryIndexAndThenNone) {
  auto slab = Slab<Thing>::create(3, false);
  ASSERT_TRUE(slab);
  EXPECT_EQ(slab->capacity(), 3u);
  EXPECT_EQ(slab->used(), 0u);
  EXPECT_EQ(slab->high_water(), 0u);
  EXPECT_EQ(slab->allocate(), 0u);
  EXPECT_EQ(slab->allocate(), 1u);
  EXPECT_EQ(slab->allocate(), 2u);
  EXPECT_EQ(slab->used(), 3u);
  EXPECT_EQ(slab->allocate(), kNil);
  EXPECT_EQ(slab->used(), 3u);
  slab->free(1);
  EXPECT_EQ(slab->allocate(), 1u);
  EXPECT_EQ(slab->allocate(), kNil);
  EXPECT_EQ(slab->high_water(), 3u);
}

TEST(BaseSlab, WithoutCapacityGivesNothing) {
  auto slab = Slab<Thing>::create(0, false);
  ASSERT_TRUE(slab);
  EXPECT_EQ(slab->allocate(), kNil);
}

TEST(BaseSlab, ACapacityAboveTheMaximumIsRefused) {
  EXPECT_FALSE(Slab<uint8_t>::create(Slab<uint8_t>::kCapacityMax + 1, false));
  EXPECT_TRUE(Slab<uint8_t>::create(Slab<uint8_t>::kCapacityMax, false));
}

TEST(BaseSlab, LastFreedComesFirst) {
  auto slab = Slab<Thing>::create(8, false);
  ASSERT_TRUE(slab);
  for (uint32_t i = 0; i < 5; ++i) ASSERT_EQ(slab->allocate(), i);
  slab->free(1);
  slab->free(4);
  slab->free(2);
  EXPECT_EQ(slab->allocate(), 2u);
  EXPECT_EQ(slab->allocate(), 4u);
  EXPECT_EQ(slab->allocate(), 1u);
  EXPECT_EQ(slab->allocate(), 5u) << "only now an index that was never used";
  EXPECT_EQ(slab->high_water(), 6u);
}

TEST(BaseSlab, ObjectsBeginZeroedAndAligned) {
  auto slab = Slab<Thing>::create(100, false);
  ASSERT_TRUE(slab);
  for (uint32_t i = 0; i < 100; ++i) {
    const Thing& thing = (*slab)[slab->allocate()];
    EXPECT_EQ(reinterpret_cast<uintptr_t>(&thing) % 64, 0u);
    EXPECT_EQ(thing.generation, 0u);
    for (const uint64_t word : thing.payload) EXPECT_EQ(word, 0u);
  }
}

TEST(BaseSlab, EveryByteSurvivesFree) {
  auto slab = Slab<Thing>::create(4, false);
  ASSERT_TRUE(slab);
  const uint32_t a = slab->allocate();
  const uint32_t b = slab->allocate();
  (*slab)[a] = {{1, 2, 3, 4, 5, 6, 7}, 99};
  slab->free(a);
  slab->free(b);
  EXPECT_EQ((*slab)[a].generation, 99u) << "a stale handle may look";
  ASSERT_EQ(slab->allocate(), b);
  ASSERT_EQ(slab->allocate(), a);
  EXPECT_EQ((*slab)[a].generation, 99u);
  for (uint64_t i = 0; i < 7; ++i) EXPECT_EQ((*slab)[a].payload[i], i + 1);
}

TEST(BaseSlab, MovingTheSlabLeavesObjectsWhereTheyAre) {
  auto slab = Slab<Thing>::create(4, false);
  ASSERT_TRUE(slab);
  const uint32_t index = slab->allocate();
  Thing* const thing = &(*slab)[index];
  thing->generation = 5;
  Slab<Thing> moved = std::move(*slab);
  EXPECT_EQ(&moved[index], thing);
  EXPECT_EQ(moved.data(), thing);
  EXPECT_EQ(moved[index].generation, 5u);
  EXPECT_EQ(moved.allocate(), 1u);
}

TEST(BaseSlab, AHugeCapacityIsUsableAtOnce) {
  auto slab = Slab<Thing>::create(50'000'000, false);
  ASSERT_TRUE(slab);
  EXPECT_EQ(slab->allocate(), 0u);
  (*slab)[49'999'999].generation = 1;
  slab->free(0);
}

TEST(BaseSlab, RandomOperationsMatchABitmap) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const uint32_t capacity = 1 + random.below(200);
    auto slab = Slab<Thing>::create(capacity, false);
    ASSERT_TRUE(slab);
    std::vector<bool> in_use(capacity);
    std::vector<uint64_t> generation(capacity);
    std::vector<uint32_t> held;
    for (uint32_t operation = 0; operation < 20'000; ++operation) {
      // The balance tips back and forth, so that both full and empty are met.
      const bool grow = random.below(100) < ((operation / 1'000) % 2 == 0 ? 70u : 30u);
      if (grow) {
        const uint32_t index = slab->allocate();
        if (held.size() == capacity) {
          ASSERT_EQ(index, kNil);
          continue;
        }
        ASSERT_LT(index, capacity);
        ASSERT_FALSE(in_use[index]);
        ASSERT_EQ((*slab)[index].generation, generation[index]);
        (*slab)[index].generation = ++generation[index];
        in_use[index] = true;
        held.push_back(index);
      } else if (!held.empty()) {
        const uint32_t at = random.below(static_cast<uint32_t>(held.size()));
        slab->free(held[at]);
        in_use[held[at]] = false;
        held[at] = held.back();
        held.pop_back();
      }
      ASSERT_EQ(slab->used(), held.size());
      ASSERT_GE(slab->high_water(), slab->used());
    }
  }
}

#if defined(MILLRACE_DCHECK)
TEST(BaseSlabDeathTest, FreeingTwiceIsCaught) {
  auto slab = Slab<Thing>::create(4, false);
  ASSERT_TRUE(slab);
  const uint32_t index = slab->allocate();
  slab->free(index);
  EXPECT_DEATH(slab->free(index), "check failed");
}

TEST(BaseSlabDeathTest, FreeingWhatWasNeverGivenIsCaught) {
  auto slab = Slab<Thing>::create(4, false);
  ASSERT_TRUE(slab);
  EXPECT_DEATH(slab->free(0), "check failed");
}
#endif

}  // namespace
}  // namespace millrace::base
