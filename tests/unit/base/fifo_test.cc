// SPDX-License-Identifier: BSD-3-Clause
// A queue keeps order across its seam and refuses one more than it holds.
#include "base/fifo.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "base/random.h"

namespace millrace::base {
namespace {

TEST(BaseFifo, CapacityIsTheNextPowerOfTwo) {
  EXPECT_EQ(Fifo<int>(1).capacity(), 1u);
  EXPECT_EQ(Fifo<int>(2).capacity(), 2u);
  EXPECT_EQ(Fifo<int>(3).capacity(), 4u);
  EXPECT_EQ(Fifo<int>(1024).capacity(), 1024u);
  EXPECT_EQ(Fifo<int>(1025).capacity(), 2048u);
}

TEST(BaseFifo, HoldsItsCapacityAndNotOneMore) {
  Fifo<int> fifo(4);
  EXPECT_TRUE(fifo.empty());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(fifo.push(i));
  EXPECT_TRUE(fifo.full());
  EXPECT_FALSE(fifo.push(4));
  EXPECT_EQ(fifo.size(), 4u);
  EXPECT_EQ(fifo.front(), 0);
  fifo.pop();
  EXPECT_TRUE(fifo.push(4));
  for (int i = 1; i <= 4; ++i) {
    EXPECT_EQ(fifo.front(), i);
    fifo.pop();
  }
  EXPECT_TRUE(fifo.empty());
}

TEST(BaseFifo, FrontMayBeChangedInPlace) {
  Fifo<std::string> fifo(2);
  ASSERT_TRUE(fifo.push("a"));
  fifo.front() += "b";
  EXPECT_EQ(std::as_const(fifo).front(), "ab");
}

TEST(BaseFifo, MovingTakesTheElementsAlong) {
  Fifo<int> fifo(2);
  ASSERT_TRUE(fifo.push(1));
  Fifo<int> moved = std::move(fifo);
  EXPECT_EQ(moved.size(), 1u);
  EXPECT_EQ(moved.front(), 1);
  Fifo<int> target(8);
  target = std::move(moved);
  EXPECT_EQ(target.front(), 1);
  EXPECT_EQ(target.capacity(), 2u);
}

TEST(BaseFifo, RandomOperationsMatchADeque) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    Fifo<uint64_t> fifo(1 + random.below(40));
    std::deque<uint64_t> twin;
    for (uint32_t operation = 0; operation < 20'000; ++operation) {
      if (random.below(100) < ((operation / 500) % 2 == 0 ? 65u : 35u)) {
        const uint64_t value = random.next();
        ASSERT_EQ(fifo.push(value), twin.size() < fifo.capacity());
        if (twin.size() < fifo.capacity()) twin.push_back(value);
      } else if (!twin.empty()) {
        ASSERT_EQ(fifo.front(), twin.front());
        fifo.pop();
        twin.pop_front();
      }
      ASSERT_EQ(fifo.size(), twin.size());
      ASSERT_EQ(fifo.empty(), twin.empty());
    }
  }
}

TEST(BaseFifoDeathTest, ACapacityOfNothingStops) { EXPECT_DEATH(Fifo<int>(0), "check failed"); }

}  // namespace
}  // namespace millrace::base
