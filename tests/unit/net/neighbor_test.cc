// SPDX-License-Identifier: BSD-3-Clause
// A neighbour is asked for a bounded number of times, ages, and gives way to others when nobody
// needs it.
#include "net/neighbor.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/random.h"

namespace millrace::net {
namespace {

using base::kNil;

constexpr MacAddress kOwn{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeer{{2, 0, 0, 0, 0, 9}};

IpAddress host(uint32_t n) { return IpAddress::v4(0x0a000000 + n); }

// The cache with a record of what it asked for.
struct Cache {
  explicit Cache(uint32_t capacity = 4) : neighbors(capacity, kOwn, {1000, 60000, 3}) {}

  void advance(uint32_t tick) {
    asked.clear();
    failed.clear();
    neighbors.advance(
        tick,
        [&](uint32_t i) {
          if (can_ask) asked.push_back(neighbors[i].address);
          return can_ask;
        },
        [&](uint32_t i) { failed.push_back(neighbors[i].address); });
  }

  Neighbors neighbors;
  bool can_ask = true;
  std::vector<IpAddress> asked;
  std::vector<IpAddress> failed;
};

TEST(NetNeighbors, ANewOneIsAskedForAtOnceAndThenOnceASecond) {
  Cache cache;
  const uint32_t n = cache.neighbors.acquire(host(2), 100);
  ASSERT_NE(n, kNil);
  EXPECT_FALSE(cache.neighbors[n].usable());
  cache.advance(100);
  EXPECT_EQ(cache.asked, std::vector{host(2)});
  cache.advance(1099);
  EXPECT_TRUE(cache.asked.empty());
  cache.advance(1100);
  EXPECT_EQ(cache.asked, std::vector{host(2)});
}

TEST(NetNeighbors, AnAnswerMakesItUsableAndTellsWhoWaits) {
  Cache cache;
  const uint32_t n = cache.neighbors.acquire(host(2), 0);
  cache.advance(0);
  const uint32_t epoch = cache.neighbors.epoch();
  EXPECT_EQ(cache.neighbors.learn(host(2), kPeer, 5, false), n);
  EXPECT_TRUE(cache.neighbors[n].usable());
  EXPECT_NE(cache.neighbors.epoch(), epoch);
  const wire::EthernetHeader expected = wire::make_ethernet(kPeer, kOwn, wire::kEthertypeIpv4);
  EXPECT_EQ(cache.neighbors[n].ethernet, expected);
  cache.advance(30000);
  EXPECT_TRUE(cache.asked.empty());
}

TEST(NetNeighbors, SilenceFailsItAfterThreeRequests) {
  Cache cache;
  const uint32_t n = cache.neighbors.acquire(host(2), 0);
  ++cache.neighbors[n].references;
  for (const uint32_t tick : {0u, 1000u, 2000u}) {
    cache.advance(tick);
    EXPECT_EQ(cache.asked.size(), 1u) << tick;
  }
  cache.advance(3000);
  EXPECT_TRUE(cache.asked.empty());
  EXPECT_EQ(cache.failed, std::vector{host(2)});
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kFailed);
  // Within a second it stays failed; later somebody who wants it makes it ask again.
  EXPECT_EQ(cache.neighbors.acquire(host(2), 3500), n);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kFailed);
  EXPECT_EQ(cache.neighbors.acquire(host(2), 4000), n);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kIncomplete);
}

TEST(NetNeighbors, WhatCannotBeAskedYetDoesNotCount) {
  Cache cache;
  const uint32_t n = cache.neighbors.acquire(host(2), 0);
  ++cache.neighbors[n].references;
  cache.can_ask = false;
  for (uint32_t tick = 0; tick < 10000; tick += 1000) cache.advance(tick);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kIncomplete);
  cache.can_ask = true;
  for (const uint32_t tick : {10000u, 11000u, 12000u}) {
    cache.advance(tick);
    EXPECT_EQ(cache.asked.size(), 1u) << tick;
  }
  cache.advance(13000);
  EXPECT_EQ(cache.failed, std::vector{host(2)});
}

TEST(NetNeighbors, OneThatNobodyRefersToIsForgottenWhenItFails) {
  Cache cache;
  ASSERT_NE(cache.neighbors.acquire(host(2), 0), kNil);
  for (const uint32_t tick : {0u, 1000u, 2000u, 3000u}) cache.advance(tick);
  EXPECT_EQ(cache.neighbors.used(), 0u);
  EXPECT_EQ(cache.neighbors.find(host(2)), kNil);
}

TEST(NetNeighbors, InUseItIsAskedAgainAfterItsLifetimeAndStaysUsable) {
  Cache cache;
  const uint32_t n = cache.neighbors.acquire(host(2), 0);
  ++cache.neighbors[n].references;
  cache.advance(0);
  cache.neighbors.learn(host(2), kPeer, 10, false);
  cache.advance(60010);
  EXPECT_EQ(cache.asked, std::vector{host(2)});
  EXPECT_TRUE(cache.neighbors[n].usable());
  cache.neighbors.learn(host(2), kPeer, 60020, false);
  cache.advance(61010);
  EXPECT_TRUE(cache.asked.empty());
}

TEST(NetNeighbors, UnusedItIsForgottenAfterItsLifetime) {
  Cache cache;
  cache.neighbors.learn(host(2), kPeer, 0, true);
  EXPECT_EQ(cache.neighbors.used(), 1u);
  cache.advance(60000);
  EXPECT_TRUE(cache.asked.empty());
  EXPECT_EQ(cache.neighbors.used(), 0u);
}

TEST(NetNeighbors, OnlyThoseAskedForOrAskingAreRemembered) {
  Cache cache;
  EXPECT_EQ(cache.neighbors.learn(host(2), kPeer, 0, false), kNil);
  EXPECT_EQ(cache.neighbors.used(), 0u);
}

TEST(NetNeighbors, WhenFullTheOneDueFirstGivesWay) {
  Cache cache(2);
  cache.neighbors.learn(host(2), kPeer, 0, true);
  cache.neighbors.learn(host(3), kPeer, 10, true);
  ASSERT_NE(cache.neighbors.acquire(host(4), 20), kNil);
  EXPECT_EQ(cache.neighbors.find(host(2)), kNil);
  EXPECT_NE(cache.neighbors.find(host(3)), kNil);
}

TEST(NetNeighbors, WhenAllAreNeededThereIsNoRoom) {
  Cache cache(2);
  ++cache.neighbors[cache.neighbors.acquire(host(2), 0)].references;
  cache.neighbors[cache.neighbors.acquire(host(3), 0)].pending_count = 1;
  EXPECT_EQ(cache.neighbors.acquire(host(4), 0), kNil);
}

// Against a map: whatever is made and forgotten, find() agrees.
TEST(NetNeighbors, AgreesWithAMapOverRandomComingAndGoing) {
  base::Random random(7);
  Cache cache(32);
  std::map<uint32_t, uint32_t> expected;  // host number -> index
  uint32_t tick = 0;
  for (int step = 0; step < 20000; ++step) {
    const uint32_t n = random.below(64);
    const uint32_t index = cache.neighbors.learn(host(n), kPeer, tick, random.below(2) != 0);
    if (index != kNil) {
      std::erase_if(expected, [&](const auto& e) { return e.second == index; });
      expected[n] = index;
    }
    for (const auto& [number, at] : expected) ASSERT_EQ(cache.neighbors.find(host(number)), at);
    ASSERT_EQ(cache.neighbors.used(), expected.size());
    if (random.below(100) == 0) {
      tick += random.below(120000);
      cache.advance(tick);
      std::erase_if(expected,
                    [&](const auto& e) { return cache.neighbors.find(host(e.first)) == kNil; });
    }
  }
}

}  // namespace
}  // namespace millrace::net
