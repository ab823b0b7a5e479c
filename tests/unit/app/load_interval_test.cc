// SPDX-License-Identifier: BSD-3-Clause
// A run cut into intervals, and the verdict on what limited it.
#include <gtest/gtest.h>

#include <vector>

#include "load/interval_log.h"
#include "load/verdict.h"

namespace millrace::load {
namespace {

constexpr Instant kBegan{5'000'000'000};

Reading reading(uint64_t completed, const std::vector<Duration>& connects) {
  Reading r;
  r.counts.counts[static_cast<size_t>(Count::kLaunched)] = completed + 3;
  r.counts.counts[static_cast<size_t>(Count::kCompleted)] = completed;
  for (const Duration d : connects) r.latencies.record(Latency::kConnect, d);
  return r;
}

TEST(IntervalLog, EachIntervalHasWhatItBrought) {
  IntervalLog log(seconds(1));
  EXPECT_EQ(log.next(), Instant::never());
  log.start(kBegan);
  EXPECT_EQ(log.next(), kBegan + seconds(1));

  const Interval first = log.take(kBegan + milliseconds(1001), reading(10, {milliseconds(1)}));
  EXPECT_EQ(first.from, Duration{});
  EXPECT_EQ(first.length, milliseconds(1001));
  EXPECT_EQ(first.gained.get(Count::kCompleted), 10u);
  EXPECT_EQ(first.open, 3u);
  EXPECT_EQ(first.of(Latency::kConnect).count, 1u);
  EXPECT_EQ(log.next(), kBegan + seconds(2));  // not later for having been late

  const Interval second = log.take(
      kBegan + seconds(2), reading(25, {milliseconds(1), milliseconds(8), milliseconds(8)}));
  EXPECT_EQ(second.from, milliseconds(1001));
  EXPECT_EQ(second.length, milliseconds(999));
  EXPECT_EQ(second.gained.get(Count::kCompleted), 15u);
  EXPECT_EQ(second.of(Latency::kConnect).count, 2u);
  EXPECT_NEAR(second.of(Latency::kConnect).min.seconds(), 0.008, 8e-6);
  EXPECT_EQ(log.last_latencies().of(Latency::kConnect).count(), 2u);
}

TEST(IntervalLog, AddsUpToTheWhole) {
  IntervalLog log(milliseconds(100));
  log.start(kBegan);
  for (uint64_t i = 1; i <= 7; ++i) {
    log.take(kBegan + milliseconds(static_cast<int64_t>(100 * i)), reading(i * i, {}));
  }
  ASSERT_NE(log.take_rest(kBegan + milliseconds(730), reading(60, {})), nullptr);
  TallySnapshot sum;
  Duration length;
  for (const Interval& interval : log.intervals()) {
    sum += interval.gained;
    length = length + interval.length;
  }
  EXPECT_EQ(sum, reading(60, {}).counts);
  EXPECT_EQ(length, milliseconds(730));
  EXPECT_EQ(log.take_rest(kBegan + milliseconds(730), reading(60, {})), nullptr);
}

TEST(IntervalLog, WhatComesBehindTheLastOneIsNotLost) {
  IntervalLog log(seconds(1));
  log.start(kBegan);
  log.take(kBegan + milliseconds(1002), reading(5, {}));
  const Interval* rest = log.take_rest(kBegan + seconds(1), reading(8, {}));
  ASSERT_NE(rest, nullptr);
  EXPECT_EQ(rest->gained.get(Count::kCompleted), 3u);
  EXPECT_EQ(rest->length, Duration{});
}

// --- The verdict ------------------------------------------------------------------------------

struct Figures {
  Reading all;
  EngineReport engine;

  Figures() {
    set(Count::kLaunched, 100'000);
    set(Count::kScheduled, 100'000);
    engine.workers.push_back({.turns = 1'000'000,
                              .busy_turns = 100'000,
                              .busy_time = milliseconds(500),
                              .frames_received = 400'000,
                              .longest_gap = milliseconds(3)});
  }
  void set(Count count, uint64_t value) { all.counts.counts[static_cast<size_t>(count)] = value; }
  [[nodiscard]] Verdict of(bool fixed) const { return judge(all, engine, seconds(1), fixed); }
};

TEST(Verdict, ALoadThatWasOfferedInTimeIsLimitedByNothing) {
  const Verdict v = Figures().of(true);
  EXPECT_EQ(v.limit, Limit::kPlan);
  EXPECT_DOUBLE_EQ(v.evidence.busy_share, 0.5);
  EXPECT_DOUBLE_EQ(v.evidence.frames_per_turn, 4);
}

TEST(Verdict, AGeneratorWithTimeLeftWaitsForTheTarget) {
  EXPECT_EQ(Figures().of(false).limit, Limit::kTarget);
}

TEST(Verdict, AGeneratorWithoutTimeIsTheLimit) {
  Figures f;
  f.engine.workers[0].busy_time = milliseconds(930);
  EXPECT_EQ(f.of(false).limit, Limit::kGenerator);
  EXPECT_EQ(f.of(true).limit, Limit::kPlan);  // for as long as nothing is late
}

TEST(Verdict, AGeneratorWhoseCpuOthersTakeIsTheLimit) {
  Figures f;
  f.engine.workers[0].late_turns = 50;  // of a millisecond or more, in a second
  EXPECT_EQ(f.of(false).limit, Limit::kGenerator);
  EXPECT_EQ(f.of(true).limit, Limit::kPlan);
  f.engine.workers[0].late_turns = 49;
  EXPECT_EQ(f.of(false).limit, Limit::kTarget);
}

TEST(Verdict, LateArrivalsAreTheGeneratorsWhenItPausedAsLong) {
  Figures f;
  for (int i = 0; i < 100; ++i) f.all.latencies.record(Latency::kLateness, milliseconds(20));
  EXPECT_EQ(f.of(true).limit, Limit::kTarget);  // they waited for connections to become free
  f.engine.workers[0].longest_gap = milliseconds(21);
  EXPECT_EQ(f.of(true).limit, Limit::kGenerator);
}

TEST(Verdict, TheBusiestWorkerCounts) {
  Figures f;
  f.engine.workers.push_back({.busy_time = milliseconds(950)});
  EXPECT_EQ(f.of(false).limit, Limit::kGenerator);
}

TEST(Verdict, ArrivalsThatFindNoFreeConnectionAreTheTargets) {
  Figures f;
  f.set(Count::kSkippedConcurrency, 1);
  f.set(Count::kSkippedLate, 5000);
  EXPECT_EQ(f.of(true).limit, Limit::kTarget);
}

TEST(Verdict, ArrivalsGivenUpAfterAStallAreTheGenerators) {
  Figures f;
  f.set(Count::kSkippedLate, 101);
  EXPECT_EQ(f.of(true).limit, Limit::kGenerator);
  f.set(Count::kSkippedLate, 100);  // one in a thousand
  EXPECT_EQ(f.of(true).limit, Limit::kPlan);
}

TEST(Verdict, FramesThatTheDeviceLostAreTheWires) {
  for (uint64_t DeviceStats::*lost :
       {&DeviceStats::missed, &DeviceStats::no_buffers, &DeviceStats::tx_dropped}) {
    Figures f;
    f.engine.device.*lost = 1;
    EXPECT_EQ(f.of(false).limit, Limit::kWire);
    EXPECT_EQ(f.of(true).limit, Limit::kWire);
  }
  Figures full;
  full.engine.device.tx_full = 10'001;  // in ten of a hundred busy turns
  EXPECT_EQ(full.of(false).limit, Limit::kWire);
}

TEST(Verdict, ThereIsNoneOfARunThatNeverBegan) {
  Figures f;
  f.set(Count::kLaunched, 0);
  EXPECT_EQ(f.of(false).limit, Limit::kUnknown);
}

TEST(Verdict, IsSaidWithItsEvidence) {
  Figures f;
  f.set(Count::kRetransmissions, 20);
  f.set(Count::kSynRetransmissions, 15);
  const std::string text = to_text(f.of(false));
  EXPECT_NE(text.find("limited by: target (the generator waited for answers, busy 50 %"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("20 retransmissions (15 SYNs)"), std::string::npos) << text;
}

}  // namespace
}  // namespace millrace::load
