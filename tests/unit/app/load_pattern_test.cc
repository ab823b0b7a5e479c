// SPDX-License-Identifier: BSD-3-Clause
// Arrivals that are not even: at random, several at a time, at a rate that grows.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "load/generator.h"
#include "load/schedule.h"
#include "unit/app/load_servers.h"

namespace millrace::load {
namespace {

constexpr Instant kStart{7'000'000'000};
constexpr Duration kNoLimit = seconds(3600);

// When each of the first `n` arrivals is due, from the start.
std::vector<double> times_of(const Pattern& pattern, uint64_t rate, int n) {
  Schedule schedule(rate, kStart, kNoLimit, UINT64_MAX, pattern);
  std::vector<double> times;
  for (int i = 0; i < n; ++i) {
    times.push_back((schedule.next() - kStart).seconds());
    schedule.take(schedule.next());
  }
  return times;
}

TEST(PoissonArrivals, ComeAtTheirRateWithExponentialGaps) {
  const int n = 100'000;
  const std::vector<double> times = times_of({.arrivals = Arrivals::kPoisson, .seed = 5}, 1000, n);
  EXPECT_NEAR(times.back(), 100, 1);  // 3 standard deviations
  double squares = 0;
  int longer_than_mean = 0;
  for (int i = 1; i < n; ++i) {
    const double gap = (times[i] - times[i - 1]) * 1000;
    EXPECT_GE(gap, 0);
    squares += gap * gap;
    longer_than_mean += gap > 1 ? 1 : 0;
  }
  EXPECT_NEAR(squares / n, 2, 0.06);  // the second moment of an exponential distribution
  EXPECT_NEAR(longer_than_mean / static_cast<double>(n), std::exp(-1), 0.005);
}

TEST(PoissonArrivals, AreTheSameForTheSameSeedOnly) {
  const Pattern five{.arrivals = Arrivals::kPoisson, .seed = 5};
  const Pattern six{.arrivals = Arrivals::kPoisson, .seed = 6};
  EXPECT_EQ(times_of(five, 1000, 100), times_of(five, 1000, 100));
  EXPECT_NE(times_of(five, 1000, 100), times_of(six, 1000, 100));
}

TEST(BurstArrivals, HaveTheTimeOfTheFirst) {
  EXPECT_EQ(times_of({.arrivals = Arrivals::kBurst, .burst = 3}, 1000, 7),
            (std::vector<double>{0, 0, 0, 0.003, 0.003, 0.003, 0.006}));
  Schedule schedule(1000, kStart, kNoLimit, UINT64_MAX, {.arrivals = Arrivals::kBurst, .burst = 3});
  EXPECT_EQ(schedule.pending(kStart - nanoseconds(1)), 0u);
  EXPECT_EQ(schedule.pending(kStart), 3u);
  EXPECT_EQ(schedule.pending(kStart + microseconds(2999)), 3u);
  EXPECT_EQ(schedule.pending(kStart + milliseconds(3)), 6u);
}

TEST(Ramp, ReachesTheRateAfterHalfAsManyArrivals) {
  Schedule schedule(1000, kStart, kNoLimit, UINT64_MAX, {.ramp = {seconds(4)}});
  const auto due = [&](Duration at) {
    return static_cast<double>(schedule.scheduled(kStart + at));
  };
  EXPECT_NEAR(due(seconds(1)), 125, 1);  // r t^2 / 2 T
  EXPECT_NEAR(due(seconds(2)), 500, 1);
  EXPECT_NEAR(due(seconds(4)), 2000, 1);
  EXPECT_NEAR(due(seconds(6)), 4000, 1);
}

// What is due, and what the next is due for, never contradict each other; nothing is lost.
TEST(Patterns, KeepTheLawOfASchedule) {
  for (const Arrivals arrivals : {Arrivals::kEven, Arrivals::kPoisson, Arrivals::kBurst}) {
    for (const Duration ramp : {Duration{}, milliseconds(300), seconds(2)}) {
      for (const uint64_t limit : {uint64_t{700}, UINT64_MAX}) {
        Schedule schedule(1000, kStart, milliseconds(20), limit,
                          {.arrivals = arrivals, .burst = 7, .ramp = {ramp}, .seed = 3});
        uint64_t taken = 0;
        uint64_t skipped = 0;
        uint64_t step = 1;
        Instant now = kStart;
        for (; now < kStart + seconds(1); now = now + microseconds(static_cast<int64_t>(step))) {
          skipped += schedule.skip_stale(now);
          for (int i = 0; i < 3 && schedule.pending(now) != 0; ++i, ++taken) {
            EXPECT_LE(schedule.next(), now + microseconds(1));
            EXPECT_LE(schedule.take(now), milliseconds(21));
          }
          EXPECT_EQ(schedule.scheduled(now), taken + skipped + schedule.pending(now));
          step = (step * 37) % 50'021;
        }
        skipped += schedule.skip_rest(now);
        EXPECT_EQ(schedule.scheduled(now), taken + skipped);
        EXPECT_LE(schedule.scheduled(now), limit);
        EXPECT_GT(taken, 10u);
      }
    }
  }
}

TEST(Patterns, AreServedByAGenerator) {
  for (const Arrivals arrivals : {Arrivals::kPoisson, Arrivals::kBurst}) {
    serve::ServeProgram server(echo_service());
    const Plan plan{.concurrency = 200,
                    .rate = 2000,
                    .duration = seconds(1),
                    .pattern = {.arrivals = arrivals, .burst = 50}};
    LoadPair pair(plan, kEcho64, server);
    ASSERT_TRUE(pair.run());
    EXPECT_NEAR(static_cast<double>(pair.get(Count::kScheduled)), 2000, 150);
    // One may be due between the last turn and the end.
    EXPECT_EQ(pair.get(Count::kCompleted) + pair.get(Count::kSkippedEnd),
              pair.get(Count::kScheduled));
    EXPECT_LE(pair.tally().skipped(), 1u);
    expect_in_order(pair, plan);
  }
}

// Arrivals of each tenth of a ramp of 10 s to 1,000 per second.
std::vector<uint64_t> on_a_ramp(RampShape shape, uint32_t steps) {
  const Schedule schedule(1000, kStart, kNoLimit, UINT64_MAX,
                          {.ramp = {seconds(10), shape, steps}});
  std::vector<uint64_t> tenths;
  for (int i = 1; i <= 11; ++i) {
    tenths.push_back(schedule.scheduled(kStart + seconds(i) - nanoseconds(1)) -
                     schedule.scheduled(kStart + seconds(i - 1) - nanoseconds(1)));
  }
  return tenths;
}

TEST(Ramp, StepsAreOfEqualHeightAndTheFirstIsAtTheBeginning) {
  const std::vector<uint64_t> tenths = on_a_ramp(RampShape::kStep, 5);
  const std::vector<double> wanted = {200, 200, 400, 400, 600, 600, 800, 800, 1000, 1000, 1000};
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(tenths[i]), wanted[i], 1) << i;
  }
}

TEST(Ramp, ASineBeginsAndEndsSlowly) {
  const std::vector<uint64_t> tenths = on_a_ramp(RampShape::kSine, 10);
  for (size_t i = 0; i < 10; ++i) {
    const double middle = (static_cast<double>(i) + 0.5) / 10;
    EXPECT_NEAR(static_cast<double>(tenths[i]), 500 * (1 - std::cos(M_PI * middle)), 3) << i;
  }
  EXPECT_EQ(tenths[10], 1000u);
}

TEST(Ramp, OfAnyShapeGoesBackToWhereItCameFrom) {
  for (const RampShape shape : {RampShape::kLinear, RampShape::kStep, RampShape::kSine}) {
    const Ramp ramp{seconds(10), shape, 7};
    for (int i = 0; i <= 1500; ++i) {
      const Duration there = ramp.flattened(milliseconds(10 * i));
      EXPECT_NEAR(ramp.stretched(there).seconds(), 0.01 * i, i < 10 ? 1e-3 : 1e-5)
          << static_cast<int>(shape);
    }
  }
}

}  // namespace
}  // namespace millrace::load
