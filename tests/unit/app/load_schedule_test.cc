// SPDX-License-Identifier: BSD-3-Clause
// When load is due: arrivals of an open loop, deadlines of steps.
#include "load/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "load/deadline_list.h"

namespace millrace::load {
namespace {

constexpr Instant kStart{5'000'000'123};

TEST(ArrivalOffset, IsTheIndexDividedByTheRate) {
  EXPECT_EQ(arrival_offset(0, 1), seconds(0));
  EXPECT_EQ(arrival_offset(1, 1), seconds(1));
  EXPECT_EQ(arrival_offset(1, 1000), milliseconds(1));
  EXPECT_EQ(arrival_offset(1, 3), nanoseconds(333'333'333));
  EXPECT_EQ(arrival_offset(2, 3), nanoseconds(666'666'666));
  EXPECT_EQ(arrival_offset(3, 3), seconds(1));
  EXPECT_EQ(arrival_offset(7, kRateMax), nanoseconds(7));
}

TEST(ArrivalOffset, DoesNotDriftOrOverflowInTenYears) {
  constexpr uint64_t kTenYears = uint64_t{10} * 365 * 86'400;
  for (const uint64_t rate : {uint64_t{1}, uint64_t{3}, uint64_t{999'999'937}, kRateMax}) {
    EXPECT_EQ(arrival_offset(kTenYears * rate, rate), seconds(kTenYears)) << rate;
    EXPECT_EQ(arrivals_due(seconds(kTenYears), rate), kTenYears * rate + 1) << rate;
  }
}

TEST(ArrivalsDue, IsTheInverseOfTheOffset) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t rate = 1 + random() % (uint64_t{1} << (random() % 30));
    const uint64_t index = random() % 1'000'000'000;
    const Duration due = arrival_offset(index, rate);
    ASSERT_GT(arrivals_due(due, rate), index) << rate;
    ASSERT_LE(arrivals_due(due - nanoseconds(1), rate), index) << rate;
  }
}

TEST(ArrivalsDue, AreNoneBeforeTheStart) {
  EXPECT_EQ(arrivals_due(nanoseconds(-1), kRateMax), 0u);
  EXPECT_EQ(arrivals_due(seconds(-1000), 1), 0u);
  EXPECT_EQ(arrivals_due(nanoseconds(0), 1), 1u);
}

TEST(Schedule, GivesEachArrivalItsOwnTime) {
  Schedule schedule(1000, kStart, milliseconds(100));
  EXPECT_EQ(schedule.pending(kStart - nanoseconds(1)), 0u);
  EXPECT_EQ(schedule.next(), kStart);
  EXPECT_EQ(schedule.pending(kStart + microseconds(2500)), 3u);
  EXPECT_EQ(schedule.take(kStart + microseconds(2500)), microseconds(2500));
  EXPECT_EQ(schedule.take(kStart + microseconds(2500)), microseconds(1500));
  EXPECT_EQ(schedule.take(kStart + microseconds(2500)), microseconds(500));
  EXPECT_EQ(schedule.pending(kStart + microseconds(2500)), 0u);
  EXPECT_EQ(schedule.next(), kStart + milliseconds(3));
}

TEST(Schedule, CatchesUpOnWhatIsNotTooLate) {
  Schedule schedule(1000, kStart, milliseconds(100));
  // The first arrival is exactly as late as it may be.
  EXPECT_EQ(schedule.skip_stale(kStart + milliseconds(100)), 0u);
  EXPECT_EQ(schedule.skip_stale(kStart + milliseconds(100) + nanoseconds(1)), 1u);
  EXPECT_EQ(schedule.next(), kStart + milliseconds(1));
  EXPECT_EQ(schedule.skip_stale(kStart + milliseconds(100) + nanoseconds(1)), 0u);
  // After a stall of a second, a tenth of it is caught up.
  EXPECT_EQ(schedule.skip_stale(kStart + seconds(1)), 899u);
  EXPECT_EQ(schedule.pending(kStart + seconds(1)), 101u);
}

TEST(Schedule, EndsAtItsLimit) {
  Schedule schedule(1000, kStart, milliseconds(100), 3);
  EXPECT_EQ(schedule.scheduled(kStart + milliseconds(1)), 2u);
  EXPECT_EQ(schedule.scheduled(kStart + milliseconds(2)), 3u);
  EXPECT_EQ(schedule.scheduled(kStart + seconds(1000)), 3u);
  EXPECT_EQ(schedule.skip_stale(kStart + seconds(1000)), 3u);
  EXPECT_EQ(schedule.pending(kStart + seconds(1000)), 0u);
}

TEST(Schedule, GivesUpTheRestAtOnce) {
  Schedule schedule(1000, kStart, milliseconds(100));
  schedule.take(kStart + milliseconds(4));
  EXPECT_EQ(schedule.skip_rest(kStart + milliseconds(4)), 4u);
  EXPECT_EQ(schedule.skip_rest(kStart + milliseconds(4)), 0u);
}

TEST(Schedule, AccountsForEveryArrival) {
  std::mt19937_64 random(2);
  for (const uint64_t rate : {uint64_t{1}, uint64_t{7}, uint64_t{12'345}, uint64_t{3'000'000}}) {
    Schedule schedule(rate, kStart, milliseconds(20), 100'000);
    Instant now = kStart;
    uint64_t taken = 0;
    uint64_t skipped = 0;
    for (int i = 0; i < 2000; ++i) {
      now = now + nanoseconds(static_cast<int64_t>(random() %
                                                   (random() % 16 == 0 ? 200'000'000 : 1'000'000)));
      skipped += schedule.skip_stale(now);
      for (uint64_t n = std::min<uint64_t>(schedule.pending(now), random() % 64); n > 0; --n) {
        const Duration late = schedule.take(now);
        ASSERT_GE(late, nanoseconds(0));
        ASSERT_LE(late, milliseconds(20));
        ++taken;
      }
      ASSERT_EQ(schedule.scheduled(now), taken + skipped + schedule.pending(now)) << rate;
    }
  }
}

TEST(DeadlineList, FirstArmedIsFirstDue) {
  DeadlineList list(3, milliseconds(10));
  list.arm(2, kStart);
  list.arm(0, kStart + milliseconds(1));
  EXPECT_EQ(list.take_due(kStart + milliseconds(10) - nanoseconds(1)), DeadlineList::kNone);
  EXPECT_EQ(list.take_due(kStart + milliseconds(10)), 2u);
  EXPECT_EQ(list.take_due(kStart + milliseconds(10)), DeadlineList::kNone);
  EXPECT_EQ(list.take_due(kStart + milliseconds(11)), 0u);
  EXPECT_TRUE(list.empty());
}

TEST(DeadlineList, KeepsTheOthersWhenOneIsDisarmed) {
  for (uint32_t gone = 0; gone < 3; ++gone) {  // the oldest, one between, the youngest
    DeadlineList list(3, milliseconds(10));
    for (uint32_t node = 0; node < 3; ++node) list.arm(node, kStart);
    list.disarm(gone);
    list.disarm(gone);
    EXPECT_FALSE(list.armed(gone));
    EXPECT_EQ(list.armed_at(gone), kStart);
    std::vector<uint32_t> due;
    for (uint32_t n; (n = list.take_due(kStart + seconds(1))) != DeadlineList::kNone;) {
      due.push_back(n);
    }
    std::vector<uint32_t> expected = {0, 1, 2};
    std::erase(expected, gone);
    EXPECT_EQ(due, expected);
  }
}

TEST(DeadlineList, AgreesWithASortedVector) {
  constexpr uint32_t kNodes = 32;
  std::mt19937_64 random(3);
  DeadlineList list(kNodes, microseconds(700));
  std::vector<std::pair<uint32_t, Instant>> twin;  // oldest first
  Instant now = kStart;
  for (int i = 0; i < 50'000; ++i) {
    now = now + microseconds(static_cast<int64_t>(random() % 50));
    const auto node = static_cast<uint32_t>(random() % kNodes);
    const auto at =
        std::find_if(twin.begin(), twin.end(), [&](auto& n) { return n.first == node; });
    ASSERT_EQ(list.armed(node), at != twin.end());
    if (at != twin.end()) {
      list.disarm(node);
      twin.erase(at);
    } else {
      list.arm(node, now);
      twin.emplace_back(node, now);
    }
    if (random() % 4 != 0) continue;
    for (;;) {
      const bool due = !twin.empty() && now - twin.front().second >= microseconds(700);
      ASSERT_EQ(list.take_due(now), due ? twin.front().first : DeadlineList::kNone);
      if (!due) break;
      twin.erase(twin.begin());
    }
  }
}

}  // namespace
}  // namespace millrace::load
