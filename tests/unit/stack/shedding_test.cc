// SPDX-License-Identifier: BSD-3-Clause
// Overload: a server whose connections take so much of its time, and who knocks.
#include "stack/shedding.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>

namespace millrace::stack {
namespace {

// A worker's loop in virtual time: SYNs come at a rate, each that is admitted brings a request a
// moment later, which takes kWork. A turn takes up to kRing frames in the order in which they came,
// the others wait, and peers do so for kPatience.
class StackShedding : public testing::Test {
 protected:
  static constexpr uint64_t kRing = 1024;
  static constexpr Duration kWork = microseconds(20);      // 50,000 a second, and a little less
  static constexpr Duration kPerFrame = nanoseconds(100);  // of any frame
  static constexpr Duration kPatience = milliseconds(100);
  static constexpr uint64_t kCapacity = 50'000;

  struct Second {
    uint64_t admitted = 0;
    uint64_t served = 0;  // while the peer still waited
  };
  // A second, or so long, of `syns_per_second`; `answered`: who is admitted goes on.
  Second second(uint64_t syns_per_second, bool answered = true, Duration length = seconds(1)) {
    Second result;
    const Instant end = now + length;
    const Duration gap = nanoseconds(1'000'000'000 / static_cast<int64_t>(syns_per_second));
    while (now < end) {
      Duration turn = nanoseconds(500);
      uint64_t taken = 0;
      // In the order of their arrival, as far as they have come by now.
      for (; taken < kRing; ++taken) {
        const bool syn = next_syn <= now && (requests.empty() || next_syn <= requests.front().came);
        if (!syn && (requests.empty() || requests.front().came > now)) break;
        turn = turn + kPerFrame;
        if (syn) {
          const Instant born = std::exchange(next_syn, next_syn + gap);
          if (!shedding.admit()) continue;
          ++result.admitted;
          const bool waits = now - born <= kPatience;
          if (answered && waits) requests.push_back({now + microseconds(50), born});
          continue;
        }
        if (now - requests.front().born <= kPatience) ++result.served;
        requests.pop_front();
        shedding.note_established();
        turn = turn + kWork;
      }
      frames += taken;
      shedding.end_of_input(now, frames, taken < kRing);
      now = now + turn;
    }
    return result;
  }

  Shedding shedding;
  Instant now = Instant{} + seconds(1);
  Instant next_syn = now;
  uint64_t frames = 0;
  struct Request {
    Instant came;
    Instant born;  // its connection's SYN
  };
  std::deque<Request> requests;
};

TEST_F(StackShedding, WhatCanBeServedIsNotLimited) {
  for (int i = 0; i < 3; ++i) {
    const Second calm = second(kCapacity * 9 / 10);
    EXPECT_FALSE(shedding.limiting());
    EXPECT_NEAR(static_cast<double>(calm.admitted), kCapacity * 0.9, kCapacity * 0.01);
  }
}

TEST_F(StackShedding, FiveTimesAsManyAreServedAsIfTheRestHadNotCome) {
  for (int i = 0; i < 10; ++i) {
    const Second busy = second(5 * kCapacity);
    EXPECT_GT(busy.served, kCapacity * 9 / 10) << "second " << i;
  }
  EXPECT_TRUE(shedding.limiting());
}

TEST_F(StackShedding, ItIsOverASecondAfterTheLastThatWasRefused) {
  second(5 * kCapacity);
  second(kCapacity / 2);
  const Second later = second(kCapacity / 2);
  EXPECT_FALSE(shedding.limiting());
  EXPECT_NEAR(static_cast<double>(later.admitted), kCapacity * 0.5, kCapacity * 0.01);
}

TEST_F(StackShedding, ABurstThatFitsTheTimeIsNoOverload) {
  second(kCapacity / 2);
  next_syn = now - seconds(1) / 125;  // 4 ms of queue at 50,000 a second
  EXPECT_FALSE(shedding.limiting());
  second(kCapacity / 2);
  EXPECT_FALSE(shedding.limiting());
}

// A flood is answered by cookies, and leaves no work behind.
TEST_F(StackShedding, SynsThatNobodyStandsBehindAreNotLimited) {
  for (int i = 0; i < 3; ++i) {
    const Second flood = second(20'000'000, false);
    EXPECT_GT(flood.admitted, 9'000'000u);
    EXPECT_FALSE(shedding.limiting());
  }
}

// Somebody else had the CPU, which looks like a long turn of work.
TEST_F(StackShedding, APauseInAFloodDoesNotLimitThemForLong) {
  second(20'000'000, false);
  now = now + milliseconds(100);
  EXPECT_GT(second(20'000'000, false).admitted, 7'000'000u);
  EXPECT_FALSE(shedding.limiting());
}

TEST_F(StackShedding, NorDoShortOnesThatComeAgainAndAgain) {
  uint64_t admitted = 0;
  for (int i = 0; i < 50; ++i) {
    now = now + milliseconds(2);
    admitted += second(20'000'000, false, milliseconds(20)).admitted;
  }
  EXPECT_GT(admitted, 9'000'000u) << "of ten million that a CPU can look at";
}

}  // namespace
}  // namespace millrace::stack
