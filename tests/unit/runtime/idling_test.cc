// SPDX-License-Identifier: BSD-3-Clause
// What each way of idling does as silence goes on.
#include "runtime/idling.h"

#include <gtest/gtest.h>

namespace millrace::runtime {
namespace {

using Kind = Rest::Kind;

// Idle turns, one for each microsecond, until so long after the last that had work.
Rest after_silence(IdlePolicy& policy, Duration silence) {
  policy.after_turn(Instant{}, true);
  Rest rest;
  for (int64_t us = 1; us <= silence.ns / 1000; ++us) {
    rest = policy.after_turn(Instant{us * 1000}, false);
  }
  return rest;
}

TEST(Idling, WhoPollsNeverRests) {
  IdlePolicy policy(Idling::kPoll);
  EXPECT_EQ(after_silence(policy, seconds(1)), Rest{});
}

TEST(Idling, WhoYieldsPollsFirstAndNapsAfterALongSilence) {
  IdlePolicy policy(Idling::kYield);
  EXPECT_EQ(after_silence(policy, microseconds(32)), Rest{});
  EXPECT_EQ(after_silence(policy, microseconds(33)), Rest{Kind::kYield});
  EXPECT_EQ(after_silence(policy, microseconds(99'999)), Rest{Kind::kYield});
  EXPECT_EQ(after_silence(policy, milliseconds(100)), (Rest{Kind::kSleep, microseconds(50)}));
}

TEST(Idling, WhoSleepsDoesSoForAQuarterOfTheSilenceAndOneMillisecondAtMost) {
  IdlePolicy policy(Idling::kSleep);
  EXPECT_EQ(after_silence(policy, microseconds(32)), Rest{});
  EXPECT_EQ(after_silence(policy, microseconds(49)), Rest{Kind::kPause});
  EXPECT_EQ(after_silence(policy, microseconds(80)), (Rest{Kind::kSleep, microseconds(20)}));
  EXPECT_EQ(after_silence(policy, milliseconds(2)), (Rest{Kind::kSleep, microseconds(500)}));
  EXPECT_EQ(after_silence(policy, milliseconds(60)), (Rest{Kind::kSleep, milliseconds(1)}));
}

TEST(Idling, ATimerEndsASleep) {
  const Rest rest{Kind::kSleep, milliseconds(1)};
  const Instant now{5'000'000};
  EXPECT_EQ(sleep_length(rest, now, Instant::never()), milliseconds(1));
  EXPECT_EQ(sleep_length(rest, now, now + microseconds(300)), microseconds(300));
  EXPECT_EQ(sleep_length(rest, now, now), Duration{});
  EXPECT_EQ(sleep_length(rest, now, Instant{}), Duration{}) << "overdue";
}

TEST(Idling, WorkEndsTheRest) {
  IdlePolicy policy(Idling::kSleep);
  EXPECT_EQ(after_silence(policy, milliseconds(60)).kind, Kind::kSleep);
  EXPECT_EQ(policy.after_turn(Instant{70'000'000}, true), Rest{});
  EXPECT_EQ(policy.after_turn(Instant{70'001'000}, false), Rest{});
}

}  // namespace
}  // namespace millrace::runtime
