// SPDX-License-Identifier: BSD-3-Clause
// Neighbour unreachability detection: what an IPv6 neighbour's entry believes, and when it asks
// (RFC 4861 sections 7.2 and 7.3).
#include <gtest/gtest.h>

#include <vector>

#include "net/neighbor.h"

namespace millrace::net {
namespace {

using base::kNil;

constexpr MacAddress kOwn{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeer{{2, 0, 0, 0, 0, 9}};
constexpr MacAddress kOther{{2, 0, 0, 0, 0, 0x66}};
const IpAddress kAddress = IpAddress::parse("fe80::9").value();

struct Cache {
  Cache() : neighbors(4, kOwn, {1000, 60000, 3}) {}

  // An entry that has answered at 0, which a connection refers to.
  uint32_t reachable() {
    const uint32_t n = neighbors.acquire(kAddress, 0);
    ++neighbors[n].references;
    EXPECT_EQ(asked_at(0), 1u);
    said({.mac = kPeer, .solicited = true, .overrides = true}, 0);
    return n;
  }
  Neighbors::Learned said(const Advertised& advertised, uint32_t tick) {
    return neighbors.learn_advertised(kAddress, advertised, tick);
  }
  size_t asked_at(uint32_t tick) {
    size_t asked = 0;
    neighbors.advance(
        tick, [&](uint32_t) { return ++asked != 0; }, [&](uint32_t) { ++failed; });
    return asked;
  }

  Neighbors neighbors;
  size_t failed = 0;
};

TEST(NetReachability, AnAnswerMakesItReachableWithFramesOfIpv6) {
  Cache cache;
  const uint32_t n = cache.neighbors.acquire(kAddress, 0);
  EXPECT_EQ(cache.said({.mac = kPeer, .solicited = true}, 5).index, n);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kReachable);
  EXPECT_EQ(cache.neighbors[n].mac(), kPeer);
  EXPECT_EQ(cache.neighbors[n].ethernet.bytes[12], std::byte{0x86});
  EXPECT_EQ(cache.neighbors[n].ethernet.bytes[13], std::byte{0xdd});
}

TEST(NetReachability, AnAnswerThatNamesNoAddressIsNone) {
  Cache cache;
  const uint32_t n = cache.neighbors.acquire(kAddress, 0);
  EXPECT_EQ(cache.said({.solicited = true}, 5).index, kNil);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kIncomplete);
}

TEST(NetReachability, NobodyIsRememberedUnasked) {
  Cache cache;
  EXPECT_EQ(cache.said({.mac = kPeer, .overrides = true}, 0).index, kNil);
  EXPECT_EQ(cache.neighbors.used(), 0u);
}

TEST(NetReachability, AfterHalfAMinuteItIsDoubtedAndNotAsked) {
  Cache cache;
  const uint32_t n = cache.reachable();
  EXPECT_EQ(cache.asked_at(29999), 0u);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kReachable);
  EXPECT_EQ(cache.asked_at(30000), 0u);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kStale);
  EXPECT_TRUE(cache.neighbors[n].usable());
  EXPECT_EQ(cache.asked_at(300000), 0u) << "nothing is sent to it";
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kStale);
}

TEST(NetReachability, WhatIsSentInDoubtAsksFiveSecondsLater) {
  Cache cache;
  const uint32_t n = cache.reachable();
  cache.asked_at(30000);
  cache.neighbors.note_sending(n, 40000, false);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kDelay);
  EXPECT_EQ(cache.asked_at(44999), 0u);
  EXPECT_EQ(cache.asked_at(45000), 1u);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kProbe);
  EXPECT_TRUE(cache.neighbors[n].sends_at_once());
  cache.said({.solicited = true}, 45001);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kReachable);
  EXPECT_EQ(cache.asked_at(46000), 0u);
}

TEST(NetReachability, ThreeUnansweredProbesAreTheEnd) {
  Cache cache;
  const uint32_t n = cache.reachable();
  cache.asked_at(30000);
  cache.neighbors.note_sending(n, 30000, false);
  for (const uint32_t tick : {35000u, 36000u, 37000u}) EXPECT_EQ(cache.asked_at(tick), 1u) << tick;
  EXPECT_EQ(cache.asked_at(38000), 0u);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kFailed);
  EXPECT_EQ(cache.failed, 1u);
}

TEST(NetReachability, NewsFromItByTcpSpareTheProbe) {
  Cache cache;
  const uint32_t n = cache.reachable();
  cache.asked_at(30000);
  cache.neighbors.note_sending(n, 31000, false);
  cache.neighbors.note_sending(n, 31500, true);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kReachable);
  EXPECT_EQ(cache.asked_at(36000), 0u);
  EXPECT_EQ(cache.asked_at(61500), 0u);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kStale);
}

TEST(NetReachability, AnotherAddressWithoutOverrideOnlyRaisesDoubt) {
  Cache cache;
  const uint32_t n = cache.reachable();
  EXPECT_EQ(cache.said({.mac = kOther, .solicited = true}, 10).index, kNil);
  EXPECT_EQ(cache.neighbors[n].mac(), kPeer);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kStale);
  // In doubt already, it is not even looked at.
  cache.neighbors.note_sending(n, 20, false);
  cache.said({.mac = kOther, .solicited = true}, 30);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kDelay);
  EXPECT_EQ(cache.neighbors[n].mac(), kPeer);
}

TEST(NetReachability, AnotherAddressWithOverrideIsTakenAndUnaskedDoubted) {
  Cache cache;
  const uint32_t n = cache.reachable();
  EXPECT_EQ(cache.said({.mac = kOther, .overrides = true}, 10).index, n);
  EXPECT_EQ(cache.neighbors[n].mac(), kOther);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kStale);
  EXPECT_EQ(cache.said({.mac = kPeer, .solicited = true, .overrides = true}, 20).index, n);
  EXPECT_EQ(cache.neighbors[n].mac(), kPeer);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kReachable);
}

TEST(NetReachability, TheSameAddressUnaskedProvesNothing) {
  Cache cache;
  const uint32_t n = cache.reachable();
  cache.asked_at(30000);
  cache.said({.mac = kPeer, .overrides = true}, 30001);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kStale);
}

TEST(NetReachability, WhoAsksIsRememberedAndDoubted) {
  Cache cache;
  const uint32_t n = cache.neighbors.learn_source(kAddress, kPeer, {}, 0).index;
  ASSERT_NE(n, kNil);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kStale);
  EXPECT_EQ(cache.neighbors.learn_source(kAddress, kPeer, {}, 5).index, kNil) << "nothing new";
  EXPECT_EQ(cache.asked_at(60000), 0u);
  EXPECT_EQ(cache.neighbors.used(), 0u) << "nobody has used it for a minute";
}

TEST(NetReachability, ARouterThatIsNoneAnyMoreIsNamed) {
  Cache cache;
  const uint32_t n = cache.neighbors.learn_source(kAddress, kPeer, true, 0).index;
  EXPECT_TRUE(cache.neighbors[n].router);
  EXPECT_FALSE(cache.said({.solicited = true, .router = true}, 5).no_router);
  EXPECT_TRUE(cache.said({.solicited = true}, 6).no_router);
  EXPECT_FALSE(cache.said({.solicited = true}, 7).no_router);
}

TEST(NetReachability, RoutersSayHowLongAnAnswerIsGood) {
  Cache cache;
  cache.neighbors.set_timing(5000, 200);
  const uint32_t n = cache.reachable();
  cache.asked_at(5000);
  EXPECT_EQ(cache.neighbors[n].state, NeighborState::kStale);
  cache.neighbors.note_sending(n, 5000, false);
  for (const uint32_t tick : {10000u, 10200u, 10400u}) EXPECT_EQ(cache.asked_at(tick), 1u) << tick;
}

}  // namespace
}  // namespace millrace::net
