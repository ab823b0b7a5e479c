// SPDX-License-Identifier: BSD-3-Clause
// Some cells of docs/goodput.md, shorter: a sender as fast as theory says, neither slower nor
// faster. ./run goodput measures all of them.
#include <gtest/gtest.h>

#include "bulk.h"

namespace millrace::sim {
namespace {

#ifdef MILLRACE_DCHECK  // a sanitizer, or no optimization
constexpr uint64_t kSegmentsMax = 20'000;
#else
constexpr uint64_t kSegmentsMax = 60'000;
#endif

BulkPlan shorter(BulkPlan plan) {
  plan.bytes_max = kSegmentsMax * kBulkSegmentBytes;
  return plan;
}

TEST(Goodput, NewRenoFollowsMathis) {
  const Duration round_trip = milliseconds(20);
  const BulkResult result =
      run_bulk(shorter(goodput_plan(CongestionControl::kNewReno, 0.01, round_trip, 0, 1)));
  ASSERT_TRUE(result.ok()) << result.failure;
  EXPECT_NEAR(result.bits_per_second() / mathis_bits_per_second(0.01, round_trip), 1, 0.2);
}

TEST(Goodput, CubicFollowsItsFormula) {
  const Duration round_trip = milliseconds(100);
  const BulkResult result =
      run_bulk(shorter(goodput_plan(CongestionControl::kCubic, 0.001, round_trip, 0, 1)));
  ASSERT_TRUE(result.ok()) << result.failure;
  EXPECT_NEAR(result.bits_per_second() / cubic_bits_per_second(0.001, round_trip), 1.1, 0.3);
}

TEST(Goodput, AtShortRoundTripsLossCostsWindowsAndNoTimers) {
  const Duration round_trip = milliseconds(1);
  const BulkResult result =
      run_bulk(shorter(goodput_plan(CongestionControl::kNewReno, 0.03, round_trip, 0, 1)));
  ASSERT_TRUE(result.ok()) << result.failure;
  EXPECT_NEAR(result.bits_per_second() / mathis_bits_per_second(0.03, round_trip), 0.8, 0.2);
}

TEST(Goodput, ReorderingIsNoLoss) {
  const Duration round_trip = milliseconds(20);
  const BulkResult in_order =
      run_bulk(shorter(goodput_plan(CongestionControl::kCubic, 0.01, round_trip, 0, 1)));
  const BulkResult reordered =
      run_bulk(shorter(goodput_plan(CongestionControl::kCubic, 0.01, round_trip, 3, 1)));
  ASSERT_TRUE(in_order.ok() && reordered.ok());
  EXPECT_GT(reordered.bits_per_second(), in_order.bits_per_second() * 0.85);
}

// Slow start into a queue of 8,000 frames loses every second segment of a window of 32,000: what
// the receiver keeps and what the sender knows of it has to be as large as that.
TEST(Goodput, SlowStartIntoALongQueueIsRepairedWithinARoundTripOrTwo) {
  const BulkPlan plan =
      shorter(goodput_plan(CongestionControl::kNewReno, 0, milliseconds(100), 0, 1));
  const BulkResult result = run_bulk(plan);
  ASSERT_TRUE(result.ok()) << result.failure;
  EXPECT_GT(result.bits_per_second(), 0.95 * payload_bits_per_second(plan.bits_per_second));
  EXPECT_EQ(result.count(Counter::kTcpExtTCPTimeouts), 0u);
}

// --- Windows and buffers that grow by themselves ------------------------------------------------

double default_bits_per_second(const BulkPlan& plan) {
  const BulkResult result = run_bulk(plan);
  EXPECT_TRUE(result.ok()) << result.failure;
  return result.bits_per_second();
}

TEST(Goodput, TheDefaultsFillAFastLongPath) {
  BulkPlan plan = default_plan();
  plan.warm_up = seconds(5);
  EXPECT_GT(default_bits_per_second(plan), 0.97 * payload_bits_per_second(plan.bits_per_second));
  plan.options.timestamps = false;
  EXPECT_GT(default_bits_per_second(plan), 0.97 * payload_bits_per_second(plan.bits_per_second));
}

TEST(Goodput, AWindowOf64KibFillsATinyPartOfIt) {
  BulkPlan plan = default_plan();
  plan.options.receive_buffer_bytes = 65'535;
  EXPECT_LT(default_bits_per_second(plan), 0.02 * payload_bits_per_second(plan.bits_per_second));
}

TEST(Goodput, AWindowThatGrowsIsNoSlowerThanOneThatIsLargeFromTheStart) {
  BulkPlan plan = default_plan();
  plan.length = seconds(2);  // most of that is slow start
  const double grown = default_bits_per_second(plan);
  plan.options.receive_autotuning = false;
  EXPECT_GT(grown, 0.9 * default_bits_per_second(plan));
}

}  // namespace
}  // namespace millrace::sim
