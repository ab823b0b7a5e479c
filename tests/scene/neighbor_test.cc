// SPDX-License-Identifier: BSD-3-Clause
// Beside TCP: ARP (RFC 826, RFC 5227), routes (RFC 1122 section 3.3.1), ICMP (RFC 792, RFC 1122
// section 3.2.2, RFC 5927).
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

constexpr const char* kAskPeer = "arp who-has 10.0.0.2 tell 10.0.0.1";
constexpr const char* kAnnounce = "arp who-has 10.0.0.1 tell 10.0.0.1";
constexpr const char* kPeerIs = "arp reply 10.0.0.2 is-at 02:00:00:00:00:02";
constexpr const char* kWeAre = "arp reply 10.0.0.1 is-at 02:00:00:00:00:01";

void silent_start(ShardConfig& c) { c.interface.gratuitous_arp = false; }

// --- ARP
// ------------------------------------------------------------------------------------------

TEST(SceneArp, OurAddressIsAnnouncedAtStart) {
  Scene s(server().arp_by_hand());
  s.out(kAnnounce).silence();
}

TEST(SceneArp, TheSynWaitsForTheAddress) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).app("connect").out(kAskPeer).silence().state("SYN-SENT");
  s.at(30).in(kPeerIs).out("S 0").counter("ArpRequestsOut", 1);
  s.at(31).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1").state("ESTABLISHED");
}

TEST(SceneArp, WhoAsksForUsIsAnsweredAndRemembered) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).in("arp who-has 10.0.0.1 tell 10.0.0.2").out(kWeAre).silence();
  s.app("connect").out("S 0").silence().counter("ArpRepliesOut", 1);
}

TEST(SceneArp, WhoAsksForSomebodyElseIsNeitherAnsweredNorRemembered) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).in("arp who-has 10.0.0.9 tell 10.0.0.2").silence();
  s.app("connect").out(kAskPeer).silence();
}

TEST(SceneArp, AnAnswerThatNobodyAskedForIsNotRemembered) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).in(kPeerIs).silence().app("connect").out(kAskPeer).silence();
}

TEST(SceneArp, WhenNobodyAnswersTheConnectFails) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).app("connect").out(kAskPeer);
  s.at(1000).out(kAskPeer);
  s.at(2000).out(kAskPeer).open();
  s.at(3001).silence().closed("neighbor-unreachable").drained();
}

TEST(SceneArp, ASynAckWaitsForTheAddressToo) {
  Scene s(server().arp_by_hand().tune_shard(silent_start));
  s.at(0).in("S 0 <mss 1460>").out(kAskPeer).silence().half_open(1);
  s.at(5).in(kPeerIs).out("S. 0 ack 1").silence();
}

TEST(SceneArp, WhatWaitsForAnAddressIsBounded) {
  Scene s(server().arp_by_hand().tune_shard([](ShardConfig& c) {
    silent_start(c);
    c.control_frames_max = 512;
    c.half_open_max = 512;
    c.connections_max = 512;
  }));
  s.at(0).in("S 0 <mss 1460>").out(kAskPeer);
  for (uint16_t i = 1; i < 200; ++i) s.flow(static_cast<uint16_t>(5000 + i)).in("S 0").silence();
  s.counter("DropNeighborQueueFull", 72);  // 128 wait
  s.at(3001).flow(5000).maybe(kAskPeer).maybe(kAskPeer).maybe(kAskPeer);
}

TEST(SceneArp, WhatWaitsForNobodyIsDroppedAndCounted) {
  Scene s(server().arp_by_hand().tune_shard(silent_start));
  s.at(0).flow(5000, 81).in("S 0").out(kAskPeer).silence();
  s.at(1000).out(kAskPeer);
  s.at(2000).out(kAskPeer);
  s.at(3001).silence().counter("DropNeighborFailed", 1).drained();
}

TEST(SceneArp, TheNewAddressOfAPeerIsLearned) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).app("connect").out(kAskPeer).in(kPeerIs).out("S 0").in("S. 0 ack 1 <mss 1460>");
  s.out(". 1 ack 1").in("arp reply 10.0.0.2 is-at 02:00:00:00:00:77").silence();
  s.host().send(s.connection(), Bytes(10));
  for (const Bytes& bytes : s.host().collect()) {
    EXPECT_EQ(decode(bytes).tcp->destination_mac.to_string(), "02:00:00:00:00:77");
  }
  s.in(kPeerIs).silence();
}

TEST(SceneArp, SomebodyWhoClaimsOurAddressIsToldOff) {
  // RFC 5227 section 2.4.
  Scene s(server().arp_by_hand().tune_shard(silent_start));
  s.at(0).in("arp reply 10.0.0.1 is-at 02:00:00:00:00:99").out(kAnnounce).silence();
  s.counter("ArpConflicts", 1);
}

TEST(SceneArp, ARequestThatIsTooShortIsDropped) {
  Scene s(server().arp_by_hand().tune_shard(silent_start));
  Bytes frame = s.frame("arp who-has 10.0.0.1 tell 10.0.0.2");
  frame.resize(14 + 27);
  s.host().inject(frame);
  s.silence().counter("DropArpMalformed", 1);
}

TEST(SceneArp, AnAddressInUseIsAskedForAgainWhenItIsOld) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).app("connect").out(kAskPeer).in(kPeerIs).out("S 0").in("S. 0 ack 1 <mss 1460>");
  s.out(". 1 ack 1");
  s.at(60000).out(kAskPeer).in(kPeerIs).silence();
  s.at(120000).out(kAskPeer).app("write 10").out("P. 1:11 ack 1");  // the old one serves meanwhile
  s.in(kPeerIs).in(". 1 ack 11").silence();
}

TEST(SceneArp, AnAddressThatNobodyUsesIsForgotten) {
  Scene s(server().arp_by_hand().tune_shard(silent_start));
  s.at(0).in("arp who-has 10.0.0.1 tell 10.0.0.2").out(kWeAre);
  s.claim(s.host().shard().use().neighbors == 1, "one neighbour");
  s.at(60001).silence().claim(s.host().shard().use().neighbors == 0, "none");
}

TEST(SceneArp, AConnectionOutlivesANeighbourThatIsGoneForAWhile) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).app("connect").out(kAskPeer).in(kPeerIs).out("S 0").in("S. 0 ack 1 <mss 1460>");
  s.out(". 1 ack 1");
  s.at(60000).out(kAskPeer);
  s.at(61000).out(kAskPeer);
  s.at(62000).out(kAskPeer);
  s.at(63500).silence().open();
  s.at(70000).app("write 10").maybe(kAskPeer).silence().open();
  s.at(70010).in("arp who-has 10.0.0.1 tell 10.0.0.2").out(kWeAre);
  s.out_by(80000, "P. 1:11 ack 1").in(". 1 ack 11").silence();
}

TEST(SceneArp, AnAttemptThatWaitsForTheAddressCanBeAborted) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).app("connect").out(kAskPeer).app("abort").silence().closed("local-abort");
  s.connections(0).at(5).in(kPeerIs).silence();
}

TEST(SceneArp, WhatIsWrittenWhileWaitingFollowsTheSyn) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).app("connect").out(kAskPeer).app("write 10").silence();
  s.at(5).in(kPeerIs).out("S 0").in("S. 0 ack 1 <mss 1460>").out("P. 1:11 ack 1");
}

TEST(SceneArp, AFailedConnectCanBeTriedAgain) {
  Scene s(client().arp_by_hand().tune_shard(silent_start));
  s.at(0).app("connect").out(kAskPeer);
  s.at(1000).out(kAskPeer);
  s.at(2000).out(kAskPeer);
  s.at(3001).silence().closed("neighbor-unreachable");
  s.at(5000).app("connect").out(kAskPeer).in(kPeerIs).out("S 0").silence();
}

// --- Routes
// ---------------------------------------------------------------------------------------

TEST(SceneRoute, ADistantPeerIsReachedThroughTheGateway) {
  Scene s(client().arp_by_hand().tune_shard([](ShardConfig& c) {
    silent_start(c);
    c.interface.routes = {{Prefix{IpAddress::v4(0), 0}, IpAddress::v4(0x0a0000fe)}};
  }));
  const auto id = s.host().connect({IpAddress::v4(0xc0a80101), 80});
  s.claim(id.ok(), "there is a route");
  s.at(0).out("arp who-has 10.0.0.254 tell 10.0.0.1").silence();
  if (id.ok()) s.host().abort(id.value());
  s.silence();
}

TEST(SceneRoute, WithoutARouteConnectIsAnError) {
  Scene s(client());
  s.claim(!s.host().connect({IpAddress::v4(0xc0a80101), 80}).ok(), "there is no route");
  s.silence().drained();
}

TEST(SceneRoute, TheLongestPrefixWins) {
  Scene s(client().arp_by_hand().tune_shard([](ShardConfig& c) {
    silent_start(c);
    c.interface.routes = {{Prefix{IpAddress::v4(0), 0}, IpAddress::v4(0x0a0000fe)},
                          {Prefix{IpAddress::v4(0xc0a80100), 24}, IpAddress::v4(0x0a0000fd)}};
  }));
  const auto id = s.host().connect({IpAddress::v4(0xc0a80101), 80});
  s.at(0).out("arp who-has 10.0.0.253 tell 10.0.0.1").silence();
  if (id.ok()) s.host().abort(id.value());
  s.silence();
}

// --- ICMP
// -----------------------------------------------------------------------------------------

TEST(SceneIcmp, AnEchoIsAnswered) {
  Scene s(server());
  s.at(0).in("icmp echo 7 1 56").out("icmp echo-reply 7 1 56").counter("IcmpInEchos", 1);
  s.in("icmp echo 7 2 0").out("icmp echo-reply 7 2 0").counter("IcmpOutEchoReps", 2);
}

TEST(SceneIcmp, ALargeEchoIsAnsweredInFull) {
  Scene s(server());
  s.at(0).in("icmp echo 7 1 1472").out("icmp echo-reply 7 1 1472").silence();
  s.at(1).silence().drained();
}

TEST(SceneIcmp, EchoesAreAnsweredAtABoundedRate) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.icmp_per_second = 2; }));
  s.at(0).in("icmp echo 7 1 8").out("icmp echo-reply 7 1 8").in("icmp echo 7 2 8");
  s.out("icmp echo-reply 7 2 8").in("icmp echo 7 3 8").silence();
  s.at(1001).in("icmp echo 7 4 8").out("icmp echo-reply 7 4 8");
}

TEST(SceneIcmp, ABadChecksumIsDropped) {
  Scene s(server());
  Bytes frame = s.frame("icmp echo 7 1 8");
  put8(frame, 36, 0x55);
  s.at(0).in(frame).silence().counter("DropIcmpChecksum", 1);
}

TEST(SceneIcmp, AMessageThatIsTooShortIsDropped) {
  Scene s(server());
  Bytes frame = build(NaiveIcmp{kLocalMac, kPeerMac, kPeerIp, kLocalIp, 8, 0, Bytes(2)});
  s.host().inject(frame);
  s.silence().counter("DropIcmpMalformed", 1);
}

TEST(SceneIcmp, OtherMessagesAreIgnored) {
  Scene s(server());
  Bytes frame = build(NaiveIcmp{kLocalMac, kPeerMac, kPeerIp, kLocalIp, 13, 0, Bytes(16)});
  s.at(0).in(frame).silence().counter("IcmpIgnored", 1);
}

TEST(SceneIcmp, UdpIsAnsweredByPortUnreachable) {
  Scene s(server());
  Bytes frame = s.frame("S 0");
  put8(frame, 23, 17);
  fix_ip_checksum(frame);
  s.at(0).in(frame).out("icmp 3 3").silence().counter("DropIpProtocol", 1);
}

TEST(SceneIcmp, AProtocolThatWeDoNotSpeakIsAnsweredByProtocolUnreachable) {
  Scene s(server());
  Bytes frame = s.frame("S 0");
  put8(frame, 23, 47);
  fix_ip_checksum(frame);
  s.at(0).in(frame).out("icmp 3 2").silence();
}

}  // namespace
}  // namespace millrace::test
