// SPDX-License-Identifier: BSD-3-Clause
// Where TCP over IPv6 differs from TCP over IPv4: sizes. The host speaks IPv6 behind a translator
// whose packets lose 20 bytes on their way to the test, so a size of 1280 reads 1260 here. All that
// does not differ is shown by the other scenes, which ./run test plays in both families.
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

const auto kEthernet = [](ShardConfig& c) { c.interface.mtu = 1480; };  // 1500 in IPv6

TEST(SceneIpv6, TheMssLeavesRoomForALargerHeader) {
  Scene s(server().ipv6().tune_shard(kEthernet));
  s.at(0).in("S 0 <mss 9000>").out("S. 0 ack 1 <mss 1440>").in(". 1 ack 1").app("write 1500");
  s.out("1:1441 ack 1").silence();
}

TEST(SceneIpv6, SoDoesThatOfAConnectionOfOurOwn) {
  Scene s(client().ipv6().tune_shard(kEthernet));
  s.at(0).app("connect").out("S 0 <mss 1440>").in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1");
  s.app("write 1500").out("1:1441 ack 1").silence();
}

TEST(SceneIpv6, APeerThatNamesNoMssTakes1220) {
  Scene s(server().ipv6());
  s.at(0).in("S 0").out("S. 0 ack 1").in(". 1 ack 1").app("write 1500");
  s.out("1:1221 ack 1").silence();
}

TEST(SceneIpv6, SoDoesOneThatNamesNoneToASynCookie) {
  Scene s(server().ipv6().tune_shard([](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; }));
  s.at(0).in("S 0").out("S. 0 ack 1").in(". 1 ack 1").app("write 1500");
  s.out("1:1221 ack 1").silence().counter("TcpExtSyncookiesRecv", 1);
}

// RFC 8201 section 4.
TEST(SceneIpv6, WhatIsTooLargeGoesOutAgainAtOnceInSmallerPieces) {
  Scene s(established_client().ipv6());
  s.at(0).app("write 2920").out("1:1461 ack 1").out("P. 1461:2921 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1300");
  s.out("1:1261 ack 1").out("1261:2521 ack 1").out("P. 2521:2921 ack 1").silence();
  s.claim(s.info().snd_mss == 1260 && s.info().pmtu == 1320, "as the router said");
  s.counter("PathMtuLowered", 1);
}

TEST(SceneIpv6, LessThanEveryLinkCarriesIsNotBelieved) {
  for (const int mtu : {1259, 600, 68}) {
    SCOPED_TRACE(mtu);
    Scene s(established_client().ipv6());
    s.at(0).app("write 1460").out("1:1461 ack 1");
    s.at(5).in("icmp 3 4 quote 1 mtu " + std::to_string(mtu)).silence();
    s.claim(s.info().snd_mss == 1460, "it stays").counter("PathMtuLowered", 0);
  }
}

TEST(SceneIpv6, TheLeastThatEveryLinkCarriesIs) {
  Scene s(established_client().ipv6());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(5).in("icmp 3 4 quote 1 mtu 1260").out("1:1221 ack 1").out("P. 1221:1461 ack 1").silence();
}

// RFC 4821: no smaller than that in a black hole, either.
TEST(SceneIpv6, ABlackHoleTakesSegmentsDownToThatAndNoFurther) {
  Scene s(established_client().ipv6());
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.out_by(100'000, "1:1461 ack 1").out_by(100'000, "1:1461 ack 1");
  s.out_by(100'000, "1:1221 ack 1");
  s.out_by(100'000, "1:1221 ack 1").out_by(100'000, "1:1221 ack 1").out_by(200'000, "1:1221 ack 1");
  s.counter("PathMtuBlackHoles", 1);
}

TEST(SceneIpv6, WhereNobodyListensIsSaidByIcmpToo) {
  Scene s(client().ipv6());
  s.at(0).app("connect").out("S 0");
  s.at(5).in("icmp 3 3 quote 0").closed("unreachable");
}

TEST(SceneIpv6, TimeWaitAnswersALateFinAndBeginsAnew) {
  Stage stage = in_state("TIME-WAIT").ipv6();
  stage.shard.msl = seconds(10);
  Scene s(stage);
  s.at(15'000).time_wait(1).in("F. 1 ack 2").out(". 2 ack 2").silence();
  s.at(34'000).time_wait(1);
  s.at(35'100).time_wait(0).silence().drained();
}

TEST(SceneIpv6, ASynReusesATupleInTimeWait) {
  Scene s(in_state("TIME-WAIT").ipv6());
  s.reincarnate(100'000);
  s.at(1000).in("S 0 <mss 1460>").out("S. 0 ack 1").time_wait(0).half_open(1);
  s.counter("TcpExtTCPTimeWaitRecycled", 1);
}

}  // namespace
}  // namespace millrace::test
