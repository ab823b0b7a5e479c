// SPDX-License-Identifier: BSD-3-Clause
// A plan divided among workers: the parts add up to the whole, and nobody's part is "no limit".
#include "load/team.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "load/generator.h"
#include "load/syn_flood.h"
#include "load/throughput.h"

namespace millrace::load {
namespace {

template <class Plan, class Member>
uint64_t sum(const std::vector<Plan>& plans, Member member) {
  uint64_t total = 0;
  for (const Plan& plan : plans) total += plan.*member;
  return total;
}

TEST(Divide, PartsAddUpToTheWholeAndDifferByOneAtMost) {
  for (const uint64_t whole : {uint64_t{0}, uint64_t{1}, uint64_t{7}, uint64_t{1000}, UINT64_MAX}) {
    for (size_t workers = 1; workers <= 9; ++workers) {
      uint64_t total = 0;
      for (size_t i = 0; i < workers; ++i) {
        const uint64_t part = part_of(whole, i, workers);
        EXPECT_TRUE(part == whole / workers || part == whole / workers + 1);
        total += part;
      }
      EXPECT_EQ(total, whole);
    }
  }
}

TEST(Divide, RateConcurrencyAndCountOfConnections) {
  const std::vector<Plan> plans =
      divide(Plan{.concurrency = 101, .rate = 1003, .count = 20'001}, 4);
  ASSERT_EQ(plans.size(), 4u);
  EXPECT_EQ(sum(plans, &Plan::concurrency), 101u);
  EXPECT_EQ(sum(plans, &Plan::rate), 1003u);
  EXPECT_EQ(sum(plans, &Plan::count), 20'001u);
}

TEST(Divide, WhatHasNoLimitHasNoneForAnybody) {
  for (const Plan& plan : divide(Plan{.concurrency = 64}, 4)) {
    EXPECT_EQ(plan.rate, 0u);
    EXPECT_EQ(plan.count, 0u);
  }
}

TEST(Divide, FewerWorkersWhereThereIsLessToDo) {
  EXPECT_EQ(divide(Plan{.concurrency = 2}, 4).size(), 2u);
  EXPECT_EQ(divide(Plan{.concurrency = 64, .count = 3}, 4).size(), 3u);
  EXPECT_EQ(divide(Plan{.concurrency = 64, .rate = 1}, 4).size(), 1u);
  EXPECT_EQ(divide(ThroughputPlan{}, 4).size(), 1u);
  EXPECT_EQ(divide(SynPlan{.count = 2}, 4).size(), 2u);
}

TEST(Divide, Floods) {
  const std::vector<SynPlan> plans = divide(SynPlan{.rate = 10'001, .count = 99}, 3);
  EXPECT_EQ(sum(plans, &SynPlan::rate), 10'001u);
  EXPECT_EQ(sum(plans, &SynPlan::count), 99u);
  ThroughputPlan throughput;
  throughput.concurrency = 10;
  EXPECT_EQ(sum(divide(throughput, 3), &ThroughputPlan::concurrency), 10u);
}

}  // namespace
}  // namespace millrace::load
