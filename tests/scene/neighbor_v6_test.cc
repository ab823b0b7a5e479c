// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery: who is asked, who is answered, who is believed, and when a neighbour is
// given up (RFC 4861 section 7; RFC 4862 section 5.4; RFC 4429).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/scene.h"

namespace millrace::test {
namespace {

constexpr const char* kAskPeer = "nd who-has 2001:db8::2 tell 2001:db8::1";
constexpr const char* kPeerAnswers = "nd 2001:db8::2 is-at 02:00:00:00:00:02 solicited override";
constexpr const char* kWeAnswer =
    "nd 2001:db8::1 is-at 02:00:00:00:00:01 solicited override to 2001:db8::2";
constexpr const char* kWeAnnounce = "nd 2001:db8::1 is-at 02:00:00:00:00:01 override to ff02::1";
constexpr const char* kOurLinkLocal = "fe80::ff:fe00:1";

// 2001:db8::1/64 and fe80::1/64 beside the IPv4 address, neither announced nor checked.
Stage on_v6(Stage stage = server(), AddressCheck check = AddressCheck::kOff) {
  return stage.own_family().arp_by_hand().tune_shard([check](ShardConfig& c) {
    c.interface.addresses.push_back(Prefix::parse("2001:db8::1/64").value());
    c.interface.address_check = check;
    c.interface.gratuitous_arp = false;
  });
}

const auto kSpeakOfIt = [](ShardConfig& c) { c.interface.gratuitous_arp = true; };

Bytes udp_to_us() {
  Bytes frame(14 + 40 + 16);
  const NaiveIcmp6 around{kLocalMac, kPeerMac, ip(kPeerIp6), ip(kLocalIp6), 64, {},
                          0,         0,        Bytes(12)};
  frame = build(around);
  put8(frame, 20, 17);
  return frame;
}

// --- Answers ------------------------------------------------------------------------------------

TEST(SceneNeighborV6, WhoAsksForUsIsAnsweredWithASolicitedAdvertisement) {
  Scene s(on_v6());
  s.at(0).in("nd who-has 2001:db8::1 tell 2001:db8::2").out(kWeAnswer).silence();
  s.counter("Icmp6InNeighborSolicits", 1).counter("Icmp6OutNeighborAdvertisements", 1);
  s.in("nd who-has fe80::ff:fe00:1 tell fe80::2 to fe80::ff:fe00:1");
  s.out("nd fe80::ff:fe00:1 is-at 02:00:00:00:00:01 solicited override to fe80::2");
}

TEST(SceneNeighborV6, WhoAsksWithoutAnAddressIsAnsweredBeforeAll) {
  Scene s(on_v6());
  s.at(0).in("nd probe 2001:db8::1").out(kWeAnnounce).silence();
}

TEST(SceneNeighborV6, WhoAsksForSomebodyElseIsNotAnswered) {
  Scene s(on_v6());
  s.at(0).in("nd who-has 2001:db8::9 tell 2001:db8::2").silence().counter("DropNotForUsL2", 1);
  // Another address with the same group: heard, and nothing to say.
  s.in("nd who-has 2001:db8::1:0:1 tell 2001:db8::2").silence().counter("DropNotForUsL2", 1);
}

TEST(SceneNeighborV6, WhatARouterForwardedIsDroppedUnderItsOwnCounter) {
  Scene s(on_v6());
  s.at(0).in("nd who-has 2001:db8::1 tell 2001:db8::2 limit 254").silence();
  s.in("nd 2001:db8::2 is-at 02:00:00:00:00:02 limit 254").silence();
  s.counter("DropNdHopLimit", 2).counter("Icmp6InErrors", 2).counter("DropNdMalformed", 0);
}

TEST(SceneNeighborV6, ASourceRangeIsAnsweredFor) {
  Scene s(on_v6().tune_shard([](ShardConfig& c) {
    c.interface.ranges = {AddressRange::parse("2001:db8:5::/108").value()};
  }));
  s.at(0).in("nd who-has 2001:db8:5::f:fffe tell 2001:db8::2");
  s.out("nd 2001:db8:5::f:fffe is-at 02:00:00:00:00:01 solicited override to 2001:db8::2");
}

TEST(SceneNeighborV6, SpoiltOrMalformedMessagesAreDropped) {
  Scene s(on_v6());
  Bytes spoilt = s.frame("nd who-has 2001:db8::1 tell 2001:db8::2");
  put8(spoilt, 60, 0x55);
  s.at(0).in(spoilt).silence().counter("DropIcmpChecksum", 1);
  Bytes endless = s.frame("nd who-has 2001:db8::1 tell 2001:db8::2");
  put8(endless, 14 + 40 + 24 + 1, 0);  // an option of no length
  fix_icmp6_checksum(endless);
  s.in(endless).silence().counter("DropNdMalformed", 1).counter("Icmp6InErrors", 2);
}

// --- Echo ---------------------------------------------------------------------------------------

TEST(SceneNeighborV6, AnEchoIsAnsweredOnceThePeersAddressIsKnown) {
  Scene s(on_v6());
  s.at(0).in("icmp6 echo 7 1 56").out(kAskPeer).silence();
  s.at(5).in(kPeerAnswers).out("icmp6 echo-reply 7 1 56").silence();
  s.in("icmp6 echo 7 2 1452").out("icmp6 echo-reply 7 2 1452").counter("Icmp6InEchos", 2);
  s.counter("Icmp6OutEchoReplies", 2).at(6).silence().drained();
}

TEST(SceneNeighborV6, AnEchoToAllNodesIsAnsweredFromAnAddressOfOurs) {
  Scene s(on_v6());
  s.at(0).in("nd who-has fe80::ff:fe00:1 tell fe80::2").whatever();
  s.in("icmp6 echo 7 1 8 from fe80::2 to ff02::1").out("icmp6 echo-reply 7 1 8").silence();
  s.in("icmp6 echo 7 1 8 from fe80::2 to ff02::2").silence().counter("DropNotForUsL2", 1);
}

TEST(SceneNeighborV6, EchoesAreAnsweredAtABoundedRate) {
  Scene s(on_v6().tune_shard([](ShardConfig& c) { c.icmp_per_second = 2; }));
  s.at(0).in("nd who-has 2001:db8::1 tell 2001:db8::2").out(kWeAnswer);
  s.in("icmp6 echo 7 1 8").out("icmp6 echo-reply 7 1 8").in("icmp6 echo 7 2 8");
  s.out("icmp6 echo-reply 7 2 8").in("icmp6 echo 7 3 8").silence();
  s.at(1001).in("icmp6 echo 7 4 8").out("icmp6 echo-reply 7 4 8");
}

// --- Errors that we send ------------------------------------------------------------------------

TEST(SceneNeighborV6, UdpIsAnsweredByPortUnreachable) {
  Scene s(on_v6());
  s.at(0).in("nd who-has 2001:db8::1 tell 2001:db8::2").out(kWeAnswer);
  s.in(udp_to_us()).out("icmp6 1 4").silence().counter("Icmp6OutDestUnreachs", 1);
  s.counter("DropIpProtocol", 1);
}

TEST(SceneNeighborV6, AnUnknownProtocolIsAParameterProblem) {
  Scene s(on_v6());
  s.at(0).in("nd who-has 2001:db8::1 tell 2001:db8::2").out(kWeAnswer);
  Bytes frame = udp_to_us();
  put8(frame, 20, 47);
  s.in(frame).out("icmp6 4 1").silence().counter("Icmp6OutParmProblems", 1);
}

TEST(SceneNeighborV6, NothingSentToAGroupOrFromNobodyIsAnsweredByAnError) {
  // RFC 4443 section 2.4(e).
  Scene s(on_v6());
  Bytes to_group = udp_to_us();
  const Bytes all = build(NaiveIcmp6{
      mac_of_group(ip("ff02::1")), kPeerMac, ip(kPeerIp6), ip("ff02::1"), 64, {}, 0, 0, Bytes(12)});
  std::copy(all.begin(), all.begin() + 6, to_group.begin());
  std::copy(all.begin() + 38, all.begin() + 54, to_group.begin() + 38);
  s.at(0).in(to_group).silence();
  Bytes anonymous = udp_to_us();
  std::fill(anonymous.begin() + 22, anonymous.begin() + 38, std::byte{0});
  s.in(anonymous).silence().counter("Icmp6OutDestUnreachs", 0).counter("Icmp6OutMsgs", 0);
}

TEST(SceneNeighborV6, AnErrorIsNotAnswered) {
  Scene s(on_v6());
  NaiveIcmp6 error{kLocalMac, kPeerMac, ip(kPeerIp6), ip(kLocalIp6), 64, {}, 1, 4, Bytes(4)};
  const Bytes about = udp_to_us();
  error.body.insert(error.body.end(), about.begin() + 14, about.end());
  s.at(0).in(build(error)).silence().counter("Icmp6InDestUnreachs", 1);
  s.counter("Icmp6OutMsgs", 0);
}

// --- Believing ----------------------------------------------------------------------------------

// The peer has asked for us and so is known; then it is asked something itself.
TEST(SceneNeighborV6, WhoAskedIsUsedAndProbedFiveSecondsLater) {
  Scene s(on_v6());
  s.at(0).in("nd who-has 2001:db8::1 tell 2001:db8::2").out(kWeAnswer);
  s.in("icmp6 echo 7 1 8").out("icmp6 echo-reply 7 1 8").silence();
  s.at(5000).out(std::string(kAskPeer) + " to 2001:db8::2");
  s.in(kPeerAnswers).silence();
  s.at(34999).silence();
  s.in("icmp6 echo 7 2 8").out("icmp6 echo-reply 7 2 8").at(70000).silence();
}

TEST(SceneNeighborV6, AProbeThatNobodyAnswersIsSentThreeTimes) {
  Scene s(on_v6());
  const std::string probe = std::string(kAskPeer) + " to 2001:db8::2";
  s.at(0).in("nd who-has 2001:db8::1 tell 2001:db8::2").out(kWeAnswer);
  s.in("icmp6 echo 7 1 8").out("icmp6 echo-reply 7 1 8");
  s.at(5000).out(probe).at(6000).out(probe).at(7000).out(probe).at(8000).silence();
  s.claim(s.host().shard().use().neighbors == 0, "it is forgotten");
  s.in("icmp6 echo 7 2 8").out(kAskPeer);  // and asked for, of all, when it is needed
  s.in(kPeerAnswers).out("icmp6 echo-reply 7 2 8");
}

TEST(SceneNeighborV6, AnAdvertisementWithoutOverrideDoesNotMoveANeighbour) {
  Scene s(on_v6());
  s.at(0).in("icmp6 echo 7 1 8").out(kAskPeer).in(kPeerAnswers).out("icmp6 echo-reply 7 1 8");
  s.at(10).in("nd 2001:db8::2 is-at 02:00:00:00:00:66").silence();
  s.in("nd 2001:db8::2 is-at 02:00:00:00:00:66 solicited").silence();
  s.in("icmp6 echo 7 2 8").out("icmp6 echo-reply 7 2 8");  // a scene fails on another MAC
  // But it is doubted, and so asked, itself.
  s.at(5010).out(std::string(kAskPeer) + " to 2001:db8::2").in(kPeerAnswers).silence();
}

TEST(SceneNeighborV6, AnUnsolicitedAdvertisementWithOverrideMovesIt) {
  Scene s(on_v6());
  s.at(0).in("icmp6 echo 7 1 8").out(kAskPeer);
  s.in("nd 2001:db8::2 is-at 02:00:00:00:00:66 solicited override");
  for (const Bytes& bytes : s.host().collect()) {
    EXPECT_EQ(get16(bytes, 4), 0x66) << "the reply goes there";
  }
  s.whatever().at(10).in("nd 2001:db8::2 is-at 02:00:00:00:00:02 override to ff02::1").silence();
  s.in("icmp6 echo 7 2 8").out("icmp6 echo-reply 7 2 8");
}

TEST(SceneNeighborV6, AnAdvertisementThatNobodyAskedForIsNotRemembered) {
  Scene s(on_v6());
  s.at(0).in("nd 2001:db8::2 is-at 02:00:00:00:00:02 override to ff02::1").silence();
  s.claim(s.host().shard().use().neighbors == 0, "no neighbour");
}

TEST(SceneNeighborV6, WhatWaitsForNobodyIsDroppedAndCounted) {
  Scene s(on_v6());
  s.at(0).in("icmp6 echo 7 1 8").out(kAskPeer).silence();
  s.at(1000).out(kAskPeer).at(2000).out(kAskPeer).at(3001).silence();
  s.counter("DropNeighborFailed", 1).drained();
}

// --- Addresses of ours --------------------------------------------------------------------------

TEST(SceneAddressCheck, OurAddressesAreAnnouncedAtStart) {
  Scene s(on_v6().tune_shard(kSpeakOfIt));
  s.out("arp who-has 10.0.0.1 tell 10.0.0.1").out(kWeAnnounce);
  s.out("nd fe80::ff:fe00:1 is-at 02:00:00:00:00:01 override to ff02::1");
  s.out("mld joins ff02::1:ff00:1").silence().at(1001).whatever();
}

TEST(SceneAddressCheck, AnOptimisticAddressWorksAtOnceAndOverridesNobody) {
  // RFC 4429 section 3.3.
  Scene s(on_v6(server(), AddressCheck::kOptimistic).tune_shard(kSpeakOfIt));
  s.out("arp who-has 10.0.0.1 tell 10.0.0.1").out("mld joins ff02::1:ff00:1");
  s.out("nd probe 2001:db8::1").out("nd probe fe80::ff:fe00:1").silence();
  s.at(10).in("nd who-has 2001:db8::1 tell 2001:db8::2");
  s.out("nd 2001:db8::1 is-at 02:00:00:00:00:01 solicited to 2001:db8::2");
  s.in("icmp6 echo 7 1 8").out("icmp6 echo-reply 7 1 8").silence();
  s.in("icmp6 echo 7 1 8 from 2001:db8::3");
  s.out("nd who-has 2001:db8::3 tell 2001:db8::1 no-mac");
  s.out_by(999, "mld joins ff02::1:ff00:1").at(1000).out(kWeAnnounce);
  s.out("nd fe80::ff:fe00:1 is-at 02:00:00:00:00:01 override to ff02::1");
  s.at(1010).out("nd who-has 2001:db8::3 tell 2001:db8::1").at(1200).silence().at(2000).whatever();
}

TEST(SceneAddressCheck, WhoClaimsATentativeAddressKeepsIt) {
  for (const char* claim :
       {"nd 2001:db8::1 is-at 02:00:00:00:00:99 override to ff02::1", "nd probe 2001:db8::1"}) {
    for (const AddressCheck check : {AddressCheck::kOptimistic, AddressCheck::kFirst}) {
      SCOPED_TRACE(claim);
      Scene s(on_v6(server(), check));
      s.out("nd probe 2001:db8::1").out("nd probe fe80::ff:fe00:1").silence();
      s.at(500).in(claim).silence().counter("AddressDuplicates", 1);
      s.claim(s.host().shard().use().addresses_duplicate == 1, "one is another's");
      s.claim(s.host().shard().use().address_duplicate == ip(kLocalIp6), "and named");
      s.at(1100).in("nd who-has 2001:db8::1 tell 2001:db8::2").silence();
      s.in("icmp6 echo 7 1 8").silence().counter("DropIpNotForUs", 1);
    }
  }
}

TEST(SceneAddressCheck, AStrictAddressIsSilentUntilItIsChecked) {
  Scene s(on_v6(server(), AddressCheck::kFirst));
  s.out("nd probe 2001:db8::1").out("nd probe fe80::ff:fe00:1").silence();
  s.claim(s.host().shard().use().addresses_tentative == 2, "two wait");
  s.at(500).in("nd who-has 2001:db8::1 tell 2001:db8::2").silence();  // no answer, no conflict
  s.at(1001).in("nd who-has 2001:db8::1 tell 2001:db8::2").out(kWeAnswer);
  s.claim(s.host().shard().use().addresses_tentative == 0, "none waits");
}

TEST(SceneAddressCheck, ALateClaimIsCountedAndTheAddressKept) {
  Scene s(on_v6());
  s.at(0).in("nd 2001:db8::1 is-at 02:00:00:00:00:99 override to ff02::1").silence();
  s.counter("NdConflicts", 1).counter("AddressDuplicates", 0);
  s.in("nd who-has 2001:db8::1 tell 2001:db8::2").out(kWeAnswer);
}

TEST(SceneAddressCheck, OurOwnProbeReflectedIsNoConflict) {
  Scene s(on_v6(server(), AddressCheck::kFirst));
  s.out("nd probe 2001:db8::1").out("nd probe fe80::ff:fe00:1");
  Bytes reflected = s.frame("nd probe 2001:db8::1");
  std::copy(kLocalMac.bytes.begin(), kLocalMac.bytes.end(),
            reinterpret_cast<uint8_t*>(reflected.data()) + 6);
  s.at(100).in(reflected).silence().counter("AddressDuplicates", 0).at(1000).silence();
}

TEST(SceneAddressCheck, Ipv4IsProbedForBeforeItIsUsed) {
  // RFC 5227 section 2.1.
  const auto probing = [](ShardConfig& c) { c.interface.arp_probe = true; };
  const char* probe = "arp who-has 10.0.0.1 tell 0.0.0.0";
  Scene s(server().own_family().arp_by_hand().tune_shard(probing));
  s.out(probe).at(500).in("arp who-has 10.0.0.1 tell 10.0.0.2").silence();
  s.at(1000).out(probe).at(2000).out(probe).at(3999).silence();
  s.at(4000).out("arp who-has 10.0.0.1 tell 10.0.0.1").silence();
  s.in("arp who-has 10.0.0.1 tell 10.0.0.2").out("arp reply 10.0.0.1 is-at 02:00:00:00:00:01");
}

TEST(SceneAddressCheck, WhatIsToBeSentWaitsForTheAddress) {
  const auto probing = [](ShardConfig& c) { c.interface.arp_probe = true; };
  const char* probe = "arp who-has 10.0.0.1 tell 0.0.0.0";
  Scene s(client().own_family().arp_by_hand().tune_shard(probing));
  s.out(probe).app("connect").silence();
  s.at(1000).out(probe).at(2000).out(probe).at(3999).silence().state("SYN-SENT");
  s.at(4000).out("arp who-has 10.0.0.1 tell 10.0.0.1").out("arp who-has 10.0.0.2 tell 10.0.0.1");
  s.in("arp reply 10.0.0.2 is-at 02:00:00:00:00:02").out("S 0").silence();
}

TEST(SceneAddressCheck, ConnectionsOfAnAddressThatIsGivenUpEnd) {
  const auto probing = [](ShardConfig& c) { c.interface.arp_probe = true; };
  Scene s(client().own_family().arp_by_hand().tune_shard(probing));
  s.out("arp who-has 10.0.0.1 tell 0.0.0.0").app("connect").silence();
  s.at(500).in("arp reply 10.0.0.1 is-at 02:00:00:00:00:99").silence().closed("unreachable");
  s.connections(0).at(10000).silence();
}

TEST(SceneAddressCheck, AnIpv4AddressThatAnotherHostHasIsGivenUp) {
  const auto probing = [](ShardConfig& c) { c.interface.arp_probe = true; };
  for (const char* claim :
       {"arp reply 10.0.0.1 is-at 02:00:00:00:00:99", "arp who-has 10.0.0.1 tell 0.0.0.0"}) {
    SCOPED_TRACE(claim);
    Scene s(server().own_family().arp_by_hand().tune_shard(probing));
    s.out("arp who-has 10.0.0.1 tell 0.0.0.0").at(500).in(claim).silence();
    s.counter("AddressDuplicates", 1).at(5000).silence();
    s.in("arp who-has 10.0.0.1 tell 10.0.0.2").silence();
  }
}

// --- Routers ------------------------------------------------------------------------------------

Stage routed(Autoconfigure what = Autoconfigure::kRouters) {
  return on_v6().tune_shard([what](ShardConfig& c) { c.interface.autoconfigure = what; });
}

TEST(SceneRouterDiscovery, ARouterIsSolicitedAndUsedForItsLifetime) {
  Scene s(routed());
  s.out(std::string("nd router-solicit from ") + kOurLinkLocal).silence();
  s.at(10).in("nd router-advert lifetime 60").silence();
  s.in("icmp6 echo 7 1 8 from 2001:db8:9::9").out("icmp6 echo-reply 7 1 8");
  // The first packet through it finds out whether it is there.
  s.at(5010).out("nd who-has fe80::2 tell fe80::ff:fe00:1 to fe80::2");
  s.in("nd fe80::2 is-at 02:00:00:00:00:02 router solicited override to fe80::ff:fe00:1");
  s.at(60011).in("icmp6 echo 7 2 8 from 2001:db8:9::9").silence().counter("DropNoRoute", 1);
  s.counter("Icmp6InRouterAdvertisements", 1).counter("Icmp6OutRouterSolicits", 0);
}

TEST(SceneRouterDiscovery, WithoutAnAnswerItIsSolicitedThreeTimes) {
  Scene s(routed());
  const std::string solicit = std::string("nd router-solicit from ") + kOurLinkLocal;
  s.out(solicit).at(4000).out(solicit).at(8000).out(solicit).at(100000).silence();
}

TEST(SceneRouterDiscovery, ARouterThatSaysItIsNoneIsNotUsedAnyMore) {
  Scene s(routed());
  s.whatever().at(10).in("nd router-advert lifetime 60");
  s.in("icmp6 echo 7 1 8 from 2001:db8:9::9").out("icmp6 echo-reply 7 1 8");
  s.in("nd fe80::2 is-at 02:00:00:00:00:02 solicited override to fe80::ff:fe00:1");
  s.in("icmp6 echo 7 2 8 from 2001:db8:9::9").silence().counter("DropNoRoute", 1);
}

TEST(SceneRouterDiscovery, RoutersAreNotHeardUnlessTheyShallBe) {
  Scene s(on_v6());
  s.at(0).in("nd router-advert lifetime 60").silence().counter("IcmpIgnored", 1);
  s.in("icmp6 echo 7 1 8 from 2001:db8:9::9").silence().counter("DropNoRoute", 1);
}

TEST(SceneRouterDiscovery, AnAnnouncedPrefixGivesAnAddressThatIsCheckedAndAnswers) {
  Scene s(on_v6(server(), AddressCheck::kFirst).tune_shard([](ShardConfig& c) {
    c.interface.autoconfigure = Autoconfigure::kAddresses;
  }));
  s.whatever().at(2000).in("nd router-advert lifetime 600 prefix 2001:db8:7::/64 for 600");
  s.out("nd probe 2001:db8:7::ff:fe00:1").silence();
  s.at(3000).in("nd who-has 2001:db8:7::ff:fe00:1 tell fe80::2");
  s.out("nd 2001:db8:7::ff:fe00:1 is-at 02:00:00:00:00:01 solicited override to fe80::2");
  s.in("icmp6 echo 7 1 8 to 2001:db8:7::ff:fe00:1 from 2001:db8:9::9");
  s.out("icmp6 echo-reply 7 1 8").silence().at(9000).whatever();
}

// --- Gateways -----------------------------------------------------------------------------------

TEST(SceneGateway, WhenItDoesNotAnswerTheNextOneIsUsedUntilItIsBack) {
  Scene s(on_v6().tune_shard([](ShardConfig& c) {
    c.interface.routes = {{Prefix::parse("::/0").value(), ip("2001:db8::fe")},
                          {Prefix::parse("::/0").value(), ip("2001:db8::2")}};
  }));
  const std::string ask = "nd who-has 2001:db8::fe tell 2001:db8::1";
  s.at(0).in("icmp6 echo 7 1 8 from 2001:db8:9::9").out(ask).at(1000).out(ask).at(2000).out(ask);
  s.at(3000).silence().counter("GatewaysLost", 1).counter("DropNeighborFailed", 1);
  s.claim(s.host().shard().use().gateway_lost == ip("2001:db8::fe"), "it is named");
  s.in("icmp6 echo 7 2 8 from 2001:db8:9::9").out(kAskPeer).in(kPeerAnswers);
  s.out("icmp6 echo-reply 7 2 8").silence();
  // It is asked again once in a while, and used when it is back.
  s.at(33000).out(ask).in("nd 2001:db8::fe is-at 02:00:00:00:00:fe solicited override").silence();
  s.counter("GatewaysBack", 1).claim(s.host().shard().use().gateways_lost == 0, "none is lost");
  s.host().inject(s.frame("icmp6 echo 7 3 8 from 2001:db8:9::9"));
  const std::vector<Bytes> answers = s.host().collect();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(get16(answers.front(), 4), 0xfe);
}

TEST(SceneGateway, AConnectionGoesOnThroughAnother) {
  Scene s(client().own_family().arp_by_hand().tune_shard([](ShardConfig& c) {
    c.interface.gratuitous_arp = false;
    c.interface.routes = {{Prefix::parse("10.0.0.2/32").value(), IpAddress::v4(0x0a0000fe)},
                          {Prefix::parse("10.0.0.2/32").value(), IpAddress::v4(kPeerIp)}};
  }));
  const char* ask = "arp who-has 10.0.0.254 tell 10.0.0.1";
  s.at(0).app("connect").out(ask).at(1000).out(ask).at(2000).out(ask);
  s.at(3000).out("arp who-has 10.0.0.2 tell 10.0.0.1").counter("GatewaysLost", 1);
  s.in("arp reply 10.0.0.2 is-at 02:00:00:00:00:02").out("S 0").in("S. 0 ack 1 <mss 1460>");
  s.out(". 1 ack 1").state("ESTABLISHED").silence();
}

}  // namespace
}  // namespace millrace::test
