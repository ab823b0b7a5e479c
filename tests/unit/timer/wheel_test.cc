// SPDX-License-Identifier: BSD-3-Clause
// The wheel beside a map of deadlines that is searched from end to end: random arming, disarming
// and advancing over every distance and across the wrap of the tick, with and without a budget.
#include "timer/wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"

namespace millrace::timer {
namespace {

constexpr uint32_t kUnlimited = UINT32_MAX;

// An object with the node somewhere in its middle, as connections have it.
struct Timed {
  uint64_t before = 0;
  Node node;
  uint32_t after = 0;
};

class Objects {
 public:
  explicit Objects(uint32_t count) : objects_(count) {}
  [[nodiscard]] Wheel wheel(uint32_t now) {
    return Wheel(reinterpret_cast<std::byte*>(&objects_[0].node), sizeof(Timed), now);
  }

 private:
  std::vector<Timed> objects_;
};

std::vector<uint32_t> fired_at(Wheel& wheel, uint32_t now, uint32_t budget = kUnlimited) {
  std::vector<uint32_t> fired;
  wheel.advance(now, budget, [&](uint32_t index) { fired.push_back(index); });
  return fired;
}

using Indices = std::vector<uint32_t>;

// ---- examples ------------------------------------------------------------------------------

TEST(TimerWheel, NextWorkIsExactAmongFewAndEarlyAmongMany) {
  Objects objects(1000);
  Wheel wheel = objects.wheel(0);
  EXPECT_EQ(wheel.next_work(), std::nullopt);
  for (uint32_t i = 0; i < 10; ++i) wheel.arm(i, 0x1'0080 + i);
  EXPECT_EQ(wheel.next_work(), 0x1'0080u);
  for (uint32_t i = 10; i < 1000; ++i) wheel.arm(i, 0x1'0090 + i);
  EXPECT_EQ(wheel.next_work(), 0x1'0000u) << "where the slot begins in which they all lie";
  EXPECT_EQ(wheel.next_expiry(), 0x1'0080u);
  EXPECT_EQ(fired_at(wheel, 0x1'0000), Indices{});
  EXPECT_EQ(wheel.next_work(), 0x1'0080u) << "sorted by now";
}

TEST(TimerWheel, RearmingLinksAnewOnlyForAnEarlierDeadline) {
  Objects objects(1);
  Wheel wheel = objects.wheel(100);
  wheel.rearm(0, 200);
  EXPECT_EQ(wheel.next_expiry(), 200u);
  wheel.rearm(0, 300);
  EXPECT_EQ(wheel.next_expiry(), 200u) << "early is soon enough";
  wheel.rearm(0, 150);
  EXPECT_EQ(wheel.next_expiry(), 150u);
  EXPECT_EQ(wheel.armed_count(), 1u);
  EXPECT_EQ(fired_at(wheel, 149), Indices{});
  EXPECT_EQ(fired_at(wheel, 150), Indices{0});
  wheel.rearm(0, 300);
  EXPECT_EQ(fired_at(wheel, 300), Indices{0});
}

TEST(TimerWheel, FiresAtTheDeadlineNotBefore) {
  Objects objects(1);
  Wheel wheel = objects.wheel(100);
  wheel.arm(0, 105);
  EXPECT_TRUE(wheel.armed(0));
  EXPECT_EQ(wheel.next_expiry(), 105u);
  EXPECT_FALSE(wheel.due(104));
  EXPECT_EQ(fired_at(wheel, 104), Indices{});
  EXPECT_TRUE(wheel.due(105));
  EXPECT_EQ(fired_at(wheel, 105), Indices{0});
  EXPECT_FALSE(wheel.armed(0));
  EXPECT_EQ(wheel.armed_count(), 0u);
  EXPECT_EQ(fired_at(wheel, 106), Indices{}) << "once only";
}

TEST(TimerWheel, EveryDistanceAcrossEveryLevelIsExact) {
  const uint32_t distances[] = {1,
                                2,
                                255,
                                256,
                                257,
                                511,
                                512,
                                65'535,
                                65'536,
                                65'537,
                                131'072,
                                (1u << 24) - 1,
                                1 << 24,
                                1 << 25,
                                (1u << 30),
                                (1u << 31) - 2,
                                (1u << 31) - 1};
  const uint32_t starts[] = {0,           1,           255,         256,        0xffff,
                             0x7fff'ffff, 0x8000'0000, 0xffff'ff00, 0xffff'ffff};
  for (const uint32_t start : starts) {
    for (const uint32_t distance : distances) {
      SCOPED_TRACE(std::to_string(start) + " + " + std::to_string(distance));
      Objects objects(1);
      Wheel wheel = objects.wheel(start);
      wheel.arm(0, start + distance);
      EXPECT_EQ(wheel.next_expiry(), start + distance);
      EXPECT_FALSE(wheel.due(start + distance - 1));
      // advance() at least once in 2^30 ticks is what a caller owes.
      for (uint32_t gone = 1u << 29; gone < distance; gone += 1u << 29) {
        ASSERT_EQ(fired_at(wheel, start + gone), Indices{});
      }
      ASSERT_EQ(fired_at(wheel, start + distance - 1), Indices{});
      EXPECT_EQ(wheel.next_expiry(), start + distance);
      EXPECT_EQ(fired_at(wheel, start + distance), Indices{0});
    }
  }
}

TEST(TimerWheel, ADisarmedNodeDoesNotFire) {
  Objects objects(3);
  Wheel wheel = objects.wheel(0);
  for (uint32_t index = 0; index < 3; ++index) wheel.arm(index, 10);
  wheel.disarm(1);
  EXPECT_FALSE(wheel.armed(1));
  EXPECT_EQ(wheel.armed_count(), 2u);
  EXPECT_EQ(fired_at(wheel, 10), (Indices{0, 2}));
}

TEST(TimerWheel, EarlierDeadlinesFireFirstAndEqualOnesInOrderOfArming) {
  Objects objects(5);
  Wheel wheel = objects.wheel(0);
  wheel.arm(0, 30);
  wheel.arm(1, 10);
  wheel.arm(2, 70'000);
  wheel.arm(3, 10);
  wheel.arm(4, 300);
  EXPECT_EQ(fired_at(wheel, 100'000), (Indices{1, 3, 0, 4, 2}));
}

TEST(TimerWheel, ADeadlineThatIsOverFiresAtTheNextAdvance) {
  Objects objects(3);
  Wheel wheel = objects.wheel(1000);
  wheel.arm(0, 1000);
  wheel.arm(1, 1);
  wheel.arm(2, 1001);
  EXPECT_TRUE(wheel.due(1000));
  EXPECT_EQ(wheel.next_expiry(), 1000u);
  EXPECT_EQ(fired_at(wheel, 1000), (Indices{0, 1})) << "even when no time has passed";
  EXPECT_EQ(fired_at(wheel, 1001), Indices{2});
}

TEST(TimerWheel, WhatAFiredNodeArmsWaitsForTheNextAdvance) {
  Objects objects(1);
  Wheel wheel = objects.wheel(0);
  wheel.arm(0, 5);
  for (int turn = 0; turn < 10; ++turn) {
    int fired = 0;
    wheel.advance(5, kUnlimited, [&](uint32_t index) {
      ++fired;
      EXPECT_FALSE(wheel.armed(index));
      wheel.arm(index, 5);  // over already
    });
    EXPECT_EQ(fired, 1);
    EXPECT_TRUE(wheel.armed(0));
  }
}

TEST(TimerWheel, FireMayDisarmTheOthersThatAreDue) {
  Objects objects(4);
  Wheel wheel = objects.wheel(0);
  for (uint32_t index = 0; index < 4; ++index) wheel.arm(index, 1);
  Indices fired;
  EXPECT_EQ(wheel.advance(1, kUnlimited,
                          [&](uint32_t index) {
                            fired.push_back(index);
                            if (index == 0) wheel.disarm(1);
                            if (index == 2) wheel.disarm(3);
                          }),
            2u);
  EXPECT_EQ(fired, (Indices{0, 2}));
  EXPECT_EQ(wheel.armed_count(), 0u);
}

TEST(TimerWheel, ABudgetLeavesTheRestForTheNextAdvanceBeforeOthers) {
  Objects objects(6);
  Wheel wheel = objects.wheel(0);
  for (uint32_t index = 0; index < 5; ++index) wheel.arm(index, 10);
  wheel.arm(5, 11);
  EXPECT_EQ(fired_at(wheel, 10, 2), (Indices{0, 1}));
  EXPECT_TRUE(wheel.due(10));
  EXPECT_EQ(wheel.next_expiry(), 10u);
  EXPECT_EQ(fired_at(wheel, 11, 2), (Indices{2, 3}));
  EXPECT_EQ(fired_at(wheel, 11, 2), (Indices{4, 5}));
  EXPECT_FALSE(wheel.due(11));
}

TEST(TimerWheel, ABudgetOfNothingFiresNothingAndLosesNothing) {
  Objects objects(1);
  Wheel wheel = objects.wheel(0);
  wheel.arm(0, 300);
  EXPECT_EQ(fired_at(wheel, 500, 0), Indices{});
  EXPECT_TRUE(wheel.due(500));
  EXPECT_EQ(fired_at(wheel, 500), Indices{0});
}

TEST(TimerWheel, TimeDoesNotRunBackwards) {
  Objects objects(1);
  Wheel wheel = objects.wheel(100);
  wheel.arm(0, 120);
  EXPECT_EQ(fired_at(wheel, 110), Indices{});
  EXPECT_EQ(fired_at(wheel, 90), Indices{});
  EXPECT_EQ(wheel.next_expiry(), 120u);
  EXPECT_EQ(fired_at(wheel, 120), Indices{0});
}

TEST(TimerWheel, ManyInOneFarSlotComeDownWithinABoundOfAdvances) {
  // All deadlines lie in one slot of the second level, which must be moved down before any fires.
  constexpr uint32_t kCount = 10'000;
  constexpr uint32_t kBudget = 64;
  Objects objects(kCount);
  Wheel wheel = objects.wheel(0);
  for (uint32_t index = 0; index < kCount; ++index) wheel.arm(index, 0x10'0000 + index % 0x100);
  const uint32_t now = 0x10'00ff;
  uint32_t fired = 0;
  uint32_t advances = 0;
  while (fired < kCount) {
    ASSERT_TRUE(wheel.due(now));
    const uint32_t this_time = wheel.advance(now, kBudget, [](uint32_t) {});
    ASSERT_LE(this_time, kBudget);
    fired += this_time;
    ASSERT_LE(++advances, 2 + 2 * kCount / kBudget);
  }
  EXPECT_FALSE(wheel.due(now));
  EXPECT_EQ(wheel.armed_count(), 0u);
}

TEST(TimerWheel, MayBeMovedWhileArmed) {
  Objects objects(2);
  Wheel wheel = objects.wheel(0);
  wheel.arm(0, 10);
  wheel.arm(1, 1'000);
  Wheel moved = std::move(wheel);
  EXPECT_EQ(fired_at(moved, 1'000), (Indices{0, 1}));
}

// ---- twins ---------------------------------------------------------------------------------

// The twin's ticks do not wrap; the wheel sees their low 32 bits.
class Twins {
 public:
  Twins(uint64_t seed, uint32_t count, uint64_t start)
      : random_(seed),
        count_(count),
        now_(start),
        objects_(count),
        wheel_(objects_.wheel(low(start))) {}

  void arm_or_disarm_random() {
    const uint32_t index = random_.below(count_);
    ASSERT_EQ(wheel_.armed(index), deadlines_.contains(index));
    if (deadlines_.contains(index)) {
      wheel_.disarm(index);
      deadlines_.erase(index);
      ASSERT_FALSE(wheel_.armed(index));
      if (random_.below(2) == 0) return;
    }
    arm(index);
  }

  // Requires: distance_max <= 2^30.
  void advance_random(uint32_t distance_max, uint32_t budget, bool rearm) {
    now_ += random_.below(distance_max + 1);
    advance(budget, rearm);
  }

  // Everything that is due fires, however small the budget, in so many advances.
  void drain(uint32_t budget) {
    const size_t due = due_count();
    size_t advances = 0;
    while (due_count() != 0) {
      ASSERT_NO_FATAL_FAILURE(advance(budget, false));
      // Each advance moves 4 * budget links or fires `budget`: three moves and one shot for each
      // node, moves of nodes that are not due, and an advance begun for each.
      ASSERT_LE(++advances, 4 + (4 * (due + deadlines_.size()) + 1024) / budget);
    }
    ASSERT_FALSE(wheel_.due(low(now_)));
  }

  void expect_equal() {
    ASSERT_EQ(wheel_.armed_count(), deadlines_.size());
    const std::optional<uint32_t> next = wheel_.next_expiry();
    ASSERT_EQ(next.has_value(), !deadlines_.empty());
    ASSERT_EQ(wheel_.due(low(now_)), due_count() != 0);
    if (deadlines_.empty()) return;
    const uint64_t earliest = earliest_deadline();
    if (earliest > now_) {
      ASSERT_EQ(*next, low(earliest));
      ASSERT_FALSE(wheel_.due(low(earliest - 1)));
      ASSERT_TRUE(wheel_.due(low(earliest)));
    } else {
      ASSERT_LE(static_cast<int32_t>(*next - low(now_)), 0) << "due already";
    }
  }

 private:
  static uint32_t low(uint64_t tick) { return static_cast<uint32_t>(tick); }

  // As many near deadlines as far ones, and some that are over.
  uint64_t draw_deadline() {
    const uint32_t kind = random_.below(16);
    if (kind == 0) return now_ - random_.below(1000);
    if (kind == 1) return now_ + (1u << 31) - 1 - random_.below(4);
    return now_ + random_.below(1u << (1 + random_.below(30)));
  }

  void arm(uint32_t index) {
    const uint64_t deadline = draw_deadline();
    wheel_.arm(index, low(deadline));
    deadlines_.emplace(index, deadline);
    ASSERT_TRUE(wheel_.armed(index));
  }

  void advance(uint32_t budget, bool rearm) {
    const size_t due = due_count();
    std::vector<uint32_t> rearmed;
    const uint32_t fired = wheel_.advance(low(now_), budget, [&](uint32_t index) {
      const auto entry = deadlines_.find(index);
      ASSERT_NE(entry, deadlines_.end()) << "fired though not armed, or twice";
      ASSERT_LE(entry->second, now_) << "fired before its deadline";
      ASSERT_FALSE(wheel_.armed(index));
      ASSERT_EQ(std::count(rearmed.begin(), rearmed.end(), index), 0) << "fired a second time";
      deadlines_.erase(entry);
      if (rearm && random_.below(2) == 0) {
        arm(index);
        rearmed.push_back(index);
      }
      if (rearm && random_.below(8) == 0) disarm_any();
    });
    ASSERT_LE(fired, budget);
    // Without a bound everything that was due has fired; only what fire itself armed may be due.
    if (budget == kUnlimited && !rearm) {
      ASSERT_EQ(fired, due);
    }
    if (budget == kUnlimited) {
      for (const auto& [index, deadline] : deadlines_) {
        if (deadline > now_) continue;
        ASSERT_EQ(std::count(rearmed.begin(), rearmed.end(), index), 1) << "due and not fired";
      }
    }
  }

  void disarm_any() {
    if (deadlines_.empty()) return;
    auto entry = deadlines_.lower_bound(random_.below(count_));
    if (entry == deadlines_.end()) entry = deadlines_.begin();
    wheel_.disarm(entry->first);
    deadlines_.erase(entry);
  }

  [[nodiscard]] size_t due_count() const {
    return static_cast<size_t>(std::count_if(deadlines_.begin(), deadlines_.end(),
                                             [&](const auto& e) { return e.second <= now_; }));
  }
  [[nodiscard]] uint64_t earliest_deadline() const {
    return std::min_element(deadlines_.begin(), deadlines_.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->second;
  }

  base::Random random_;
  uint32_t count_;
  uint64_t now_;
  Objects objects_;
  Wheel wheel_;
  std::map<uint32_t, uint64_t> deadlines_;
};

struct TwinRun {
  uint64_t start;
  uint32_t distance_max;
  uint32_t budget;
  bool rearm;
};

void run_twins(const TwinRun& run, uint64_t seed, int operations) {
  SCOPED_TRACE("seed " + std::to_string(seed) + ", from " + std::to_string(run.start) + ", steps " +
               std::to_string(run.distance_max) + ", budget " + std::to_string(run.budget));
  Twins twins(seed, 100, run.start);
  base::Random random(seed ^ 0xabcd);
  for (int i = 0; i < operations; ++i) {
    SCOPED_TRACE("operation " + std::to_string(i));
    for (uint32_t n = random.below(8); n != 0; --n) {
      ASSERT_NO_FATAL_FAILURE(twins.arm_or_disarm_random());
    }
    ASSERT_NO_FATAL_FAILURE(twins.advance_random(run.distance_max, run.budget, run.rearm));
    ASSERT_NO_FATAL_FAILURE(twins.expect_equal());
    if (random.below(16) == 0) {
      ASSERT_NO_FATAL_FAILURE(twins.drain(std::min(run.budget, 1000u)));
      ASSERT_NO_FATAL_FAILURE(twins.expect_equal());
    }
  }
}

constexpr uint64_t kSeeds[] = {1, 2, 3, 4};
// Just below the wrap, and far from it.
constexpr uint64_t kStarts[] = {(1ull << 32) - 2000, 1ull << 40, (1ull << 33) - (1ull << 25)};
constexpr uint32_t kSteps[] = {0, 3, 300, 70'000, 1u << 24, 1u << 30};

TEST(TimerWheel, AgreesWithAMapOfDeadlines) {
  for (const uint64_t seed : kSeeds) {
    for (const uint64_t start : kStarts) {
      for (const uint32_t step : kSteps) {
        ASSERT_NO_FATAL_FAILURE(run_twins({start, step, kUnlimited, false}, seed, 400));
      }
    }
  }
}

TEST(TimerWheel, AgreesWithAMapWhenFireArmsAndDisarms) {
  for (const uint64_t seed : kSeeds) {
    for (const uint64_t start : kStarts) {
      for (const uint32_t step : kSteps) {
        ASSERT_NO_FATAL_FAILURE(run_twins({start, step, kUnlimited, true}, seed, 400));
      }
    }
  }
}

TEST(TimerWheel, AgreesWithAMapUnderABudget) {
  for (const uint64_t seed : kSeeds) {
    for (const uint64_t start : kStarts) {
      for (const uint32_t step : kSteps) {
        // A wheel that is left behind its time for 2^31 ticks is one that nobody drives.
        if (step > 1u << 24) continue;
        for (const uint32_t budget : {1u, 3u, 20u}) {
          ASSERT_NO_FATAL_FAILURE(run_twins({start, step, budget, true}, seed, 200));
        }
      }
    }
  }
}

}  // namespace
}  // namespace millrace::timer
