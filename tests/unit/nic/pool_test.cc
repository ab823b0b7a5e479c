// SPDX-License-Identifier: BSD-3-Clause
// The plan for a device's memory: enough for both rings, or a sentence that says how much is.
#include "nic/pool.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::nic {
namespace {

std::string error_of(const PoolWish& wish) {
  const auto plan = plan_pool(wish);
  return plan ? "" : plan.error().message;
}

TEST(PoolPlan, FollowsTheRings) {
  const auto usual = plan_pool({});
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->mbufs, 8191u);  // a TAP's driver holds a further ring
  EXPECT_EQ(plan_pool({.kind = DeviceKind::kMemif})->mbufs, 4095u);
  EXPECT_EQ(plan_pool({.kind = DeviceKind::kMemif, .rx_descriptors = 4096})->mbufs, 16383u);
  EXPECT_EQ(plan_pool({.mbufs = 5000})->mbufs, 5000u);
}

TEST(PoolPlan, AFrameFitsIntoOneMbuf) {
  EXPECT_EQ(plan_pool({.mtu = 576})->frame_bytes, 2048);
  EXPECT_EQ(plan_pool({.mtu = 1500})->frame_bytes, 2048);
  EXPECT_EQ(plan_pool({.mtu = 2026})->frame_bytes, 2048);
  EXPECT_EQ(plan_pool({.mtu = 2027})->frame_bytes, 3072);
  EXPECT_EQ(plan_pool({.mtu = 9000})->frame_bytes, 9216);
  EXPECT_EQ(plan_pool({.kind = DeviceKind::kAfPacket, .mtu = 1935})->frame_bytes, 3072)
      << "and what the kernel writes in front of it";
}

TEST(PoolPlan, AsksForTheMemoryOfItsMbufs) {
  const auto plan = plan_pool({.mbufs = 1u << 20});
  ASSERT_TRUE(plan);
  // 2048 bytes of frame and their headers, on a page of their own.
  EXPECT_GE(plan->memory_mb, 4096u);
  EXPECT_LT(plan->memory_mb, 4160u);
  EXPECT_EQ(plan_pool({.memory_mb = 512})->memory_mb, 512u);
}

// Each queue has rings, each worker bursts and a cache, and some are on their way between workers.
TEST(PoolPlan, GrowsWithQueuesAndWorkers) {
  const auto least = [](uint16_t workers, uint16_t queues, uint32_t handed_over) {
    PoolWish wish{.kind = DeviceKind::kMemif,
                  .mbufs = 1,
                  .workers = workers,
                  .queues = queues,
                  .handed_over = handed_over};
    const std::string error = error_of(wish);
    return std::stoul(error.substr(error.find("hold ") + 5));
  };
  const unsigned long one = least(1, 1, 0);
  const unsigned long of_a_worker = least(2, 1, 0) - one;
  EXPECT_EQ(one, 2048 + of_a_worker);
  EXPECT_EQ(least(4, 2, 3000), 2 * 2048 + 4 * of_a_worker + 3000);
  EXPECT_GE(plan_pool({.workers = 4, .queues = 2, .handed_over = 3000})->mbufs, least(4, 2, 3000));
}

TEST(PoolPlan, RefusesTooFewMbufsAndNamesTheLeast) {
  PoolWish wish{.kind = DeviceKind::kMemif, .mbufs = 2687};
  EXPECT_EQ(error_of(wish),
            "mbufs is 2687: the device's rings and bursts hold 2688, so choose 2688 to 16777216, "
            "or smaller rings");
  wish.mbufs = 2688;
  EXPECT_EQ(error_of(wish), "");
  wish.mbufs = 16777216;
  EXPECT_EQ(error_of(wish), "");
  wish.mbufs = 16777217;
  EXPECT_NE(error_of(wish), "");
}

TEST(PoolPlan, RefusesTooLittleMemoryAndNamesTheLeast) {
  PoolWish wish{.kind = DeviceKind::kMemif};
  const uint32_t least = plan_pool(wish)->memory_mb;
  wish.memory_mb = least;
  EXPECT_EQ(error_of(wish), "");
  wish.memory_mb = least - 1;
  EXPECT_EQ(error_of(wish), "memory_mb is " + std::to_string(least - 1) +
                                ": 4095 mbufs of 2048 bytes need " + std::to_string(least) +
                                "; give it that much, or lower mbufs");
}

TEST(PoolPlan, RingsAreAPowerOfTwoWithinBounds) {
  EXPECT_EQ(error_of({.rx_descriptors = 1000}),
            "rx_descriptors is 1000: choose a power of two from 64 to 32768");
  EXPECT_EQ(error_of({.tx_descriptors = 0}),
            "tx_descriptors is 0: choose a power of two from 64 to 32768");
  EXPECT_NE(error_of({.tx_descriptors = 32}), "");
  EXPECT_EQ(error_of({.rx_descriptors = 64, .tx_descriptors = 32768}), "");
}

}  // namespace
}  // namespace millrace::nic
