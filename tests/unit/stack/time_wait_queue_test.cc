// SPDX-License-Identifier: BSD-3-Clause
// The queue beside a deque that does the same slowly, and what a record remembers.
#include "stack/time_wait_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

#include "base/random.h"

namespace millrace::stack {
namespace {

constexpr uint32_t kLifetime = 50;

using Queue = TimeWaitQueue<tcp::TimeWaitV4>;

Queue make_queue(uint32_t capacity) {
  auto queue = Queue::create(capacity, kLifetime, false);
  MR_ASSERT(queue);
  return std::move(*queue);
}

tcp::TimeWaitV4 record_of(uint32_t number) {
  tcp::TimeWaitV4 record;
  record.local = 0x0a000001;
  record.peer = number;
  record.local_port = 80;
  record.state.snd_nxt = wire::SeqNum{number * 3};
  return record;
}

TEST(TimeWaitQueue, OldestFirstWithTheDeadlineOfItsTick) {
  Queue queue = make_queue(3);
  EXPECT_TRUE(queue.empty());
  const uint32_t a = queue.push(record_of(1), true, 100);
  const uint32_t b = queue.push(record_of(2), false, 100);
  const uint32_t c = queue.push(record_of(3), true, 107);
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.front(), a);
  EXPECT_EQ(queue.front_deadline(), 150u);
  EXPECT_TRUE(queue.timestamps(a));
  EXPECT_FALSE(queue.timestamps(b));
  EXPECT_TRUE(queue.timestamps(c));
  EXPECT_EQ(queue[b].peer, 2u);
  queue.pop();
  queue.erase(a);
  EXPECT_EQ(queue.front(), b);
  EXPECT_EQ(queue.front_deadline(), 150u);
  queue.pop();
  queue.erase(b);
  EXPECT_EQ(queue.front(), c);
  EXPECT_EQ(queue.front_deadline(), 157u);
  EXPECT_EQ(queue.live(), 1u);
}

TEST(TimeWaitQueue, WhatWasErasedKeepsItsPlaceUntilItIsPopped) {
  Queue queue = make_queue(2);
  const uint32_t a = queue.push(record_of(1), true, 1);
  queue.push(record_of(2), true, 1);
  queue.erase(a);
  EXPECT_EQ(queue.live(), 1u);
  EXPECT_TRUE(queue.full());
  EXPECT_TRUE(queue.erased(queue.front()));
  queue.pop();
  EXPECT_FALSE(queue.full());
  EXPECT_FALSE(queue.erased(queue.front()));
}

TEST(TimeWaitQueue, OnlyTheRecordsOfThisTickBeganInIt) {
  Queue queue = make_queue(4);
  const uint32_t a = queue.push(record_of(1), true, 10);
  const uint32_t b = queue.push(record_of(2), true, 11);
  const uint32_t c = queue.push(record_of(3), true, 11);
  EXPECT_TRUE(queue.began_in(c, 11));
  EXPECT_TRUE(queue.began_in(b, 11));
  EXPECT_FALSE(queue.began_in(a, 11));
  EXPECT_FALSE(queue.began_in(c, 12));
  queue.erase(a);
  queue.pop();
  queue.push(record_of(4), true, 12);
  const uint32_t e = queue.push(record_of(5), true, 12);  // where a was: the ring has gone round
  EXPECT_EQ(e, a);
  EXPECT_TRUE(queue.began_in(e, 12));
  EXPECT_FALSE(queue.began_in(c, 12));
}

// Deadlines are kept for as many ticks as a lifetime has. Whoever does not expire what is due for
// longer than that gets later deadlines, never earlier ones.
TEST(TimeWaitQueue, WithoutRoomForADeadlineTheLastOnesLiveLonger) {
  Queue queue = make_queue(1000);
  for (uint32_t tick = 0; tick < 1000; ++tick) queue.push(record_of(tick), true, tick);
  for (uint32_t tick = 0; tick < 1000; ++tick) {
    const auto late = static_cast<int32_t>(queue.front_deadline() - (tick + kLifetime));
    ASSERT_GE(late, 0);
    queue.erase(queue.front());
    queue.pop();
  }
  EXPECT_TRUE(queue.empty());
}

TEST(TimeWaitQueue, AgreesWithADeque) {
  struct Twin {
    uint32_t index;
    uint32_t number;
    uint32_t deadline;
    bool timestamps;
    bool erased;
  };
  for (const uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    base::Random random(seed);
    Queue queue = make_queue(40);
    std::deque<Twin> twins;
    uint32_t now = 0xffff'ff00;  // wraps on the way
    uint32_t number = 1;
    for (int step = 0; step < 20'000; ++step) {
      if (random.below(3) == 0) now += random.below(4);
      const uint32_t choice = random.below(4);
      if (choice < 2 && !queue.full()) {
        const bool timestamps = random.below(2) == 0;
        const uint32_t index = queue.push(record_of(number), timestamps, now);
        twins.push_back({index, number++, now + kLifetime, timestamps, false});
      } else if (choice == 2 && !twins.empty()) {
        Twin& twin = twins[random.below(static_cast<uint32_t>(twins.size()))];
        if (!twin.erased) queue.erase(twin.index);
        twin.erased = true;
      } else if (choice == 3 && !twins.empty()) {
        ASSERT_EQ(queue.front_deadline(), twins.front().deadline);
        if (!twins.front().erased) queue.erase(queue.front());
        queue.pop();
        twins.pop_front();
      }
      ASSERT_EQ(queue.empty(), twins.empty());
      uint32_t live = 0;
      for (const Twin& twin : twins) {
        ASSERT_EQ(queue.erased(twin.index), twin.erased);
        ASSERT_EQ(queue.timestamps(twin.index), twin.timestamps);
        ASSERT_EQ(queue.began_in(twin.index, now), twin.deadline == now + kLifetime);
        ASSERT_EQ(queue[twin.index].peer, twin.number);
        live += !twin.erased;
      }
      ASSERT_EQ(queue.live(), live);
    }
  }
}

// A walk that others push and pop under: what is there from its beginning to its end is seen once,
// with the deadline that it was given.
TEST(TimeWaitQueue, AWalkSeesOnceWhatStays) {
  constexpr uint32_t kCapacity = 40;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    base::Random random(seed);
    Queue queue = make_queue(kCapacity);
    struct Known {
      uint32_t number;
      uint32_t index;
      uint32_t deadline;
      bool erased = false;
      int seen = 0;
    };
    std::deque<Known> twin;
    uint32_t tick = 1000;
    uint32_t number = 0;
    const auto disturb = [&](uint32_t steps) {
      for (uint32_t i = 0; i < steps; ++i) {
        tick += random.below(3) == 0 ? 1 : 0;
        const uint32_t what = random.below(5);
        if (what < 3 && !queue.full()) {
          const uint32_t index = queue.push(record_of(number), false, tick);
          twin.push_back({number++, index, tick + kLifetime});
        } else if (what == 3 && !twin.empty()) {
          if (!twin.front().erased) queue.erase(queue.front());
          queue.pop();
          twin.pop_front();
        } else if (!twin.empty()) {
          Known& known = twin[random.below(static_cast<uint32_t>(twin.size()))];
          if (!known.erased) queue.erase(known.index);
          known.erased = true;
        }
      }
    };
    disturb(100);
    const uint32_t began_with = number;
    auto walk = queue.begin_walk();
    while (!queue.ended(walk)) {
      const auto [index, deadline] = queue.step(walk);
      const auto known = std::find_if(twin.begin(), twin.end(),
                                      [at = index](const Known& k) { return k.index == at; });
      ASSERT_NE(known, twin.end());
      EXPECT_EQ(deadline, known->deadline) << "seed " << seed;
      EXPECT_LT(known->number, began_with);
      ++known->seen;
      disturb(random.below(4));
    }
    for (const Known& known : twin) {
      EXPECT_EQ(known.seen, known.number < began_with ? 1 : 0) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace millrace::stack
