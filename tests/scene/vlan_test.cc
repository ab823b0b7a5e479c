// SPDX-License-Identifier: BSD-3-Clause
// One link with three networks: untagged, with one tag (IEEE 802.1Q) and with two (802.1ad). Each
// address of ours is on one of them, and so is all that is said from it. The scenes of the other
// files are played on a VLAN as a whole (suite scene-vlan).
#include <gtest/gtest.h>

#include <utility>

#include "support/scene.h"
#include "support/tags.h"

namespace millrace::test {
namespace {

constexpr uint32_t kOurs = 0x0a010001;     // 10.1.0.1, on VLAN 100
constexpr uint32_t kPeer = 0x0a010002;     //
constexpr uint32_t kOursTwo = 0x0a020001;  // 10.2.0.1, on VLAN 100.200
constexpr uint32_t kPeerTwo = 0x0a020002;  //
constexpr uint32_t kFar = 0x08080808;      // 8.8.8.8, behind the gateways of both
constexpr const char* kPeerIs = "arp reply 10.1.0.2 is-at 02:00:00:00:00:02";

void three_networks(ShardConfig& c) {
  c.interface.gratuitous_arp = false;
  c.interface.addresses = {InterfaceAddress::parse("10.0.0.1/24").value(),
                           InterfaceAddress::parse("10.1.0.1/24@100").value(),
                           InterfaceAddress::parse("10.2.0.1/24@100.200").value()};
  const Prefix all{IpAddress::v4(0), 0};
  c.interface.routes = {{all, IpAddress::parse("10.1.0.254").value()},
                        {all, IpAddress::parse("10.2.0.254").value()}};
}

Stage vlans(Stage stage) { return stage.own_family().arp_by_hand().tune_shard(three_networks); }

// Our listener's neighbour on VLAN 100 is known already.
void meet(Scene& s) {
  s.on("100", kOurs, kPeer).in("arp who-has 10.1.0.1 tell 10.1.0.2");
  s.out("arp reply 10.1.0.1 is-at 02:00:00:00:00:01").silence();
}

// --- Whose frames -------------------------------------------------------------------------------

TEST(SceneVlan, WhoAsksForAnAddressIsAnsweredOnItsVlan) {
  Scene s(vlans(server()));
  s.on("").in("arp who-has 10.0.0.1 tell 10.0.0.2");
  s.out("arp reply 10.0.0.1 is-at 02:00:00:00:00:01");
  s.on("100").in("arp who-has 10.1.0.1 tell 10.1.0.2");
  s.out("arp reply 10.1.0.1 is-at 02:00:00:00:00:01");
  s.on("100.200").in("arp who-has 10.2.0.1 tell 10.2.0.2");
  s.out("arp reply 10.2.0.1 is-at 02:00:00:00:00:01").silence();
}

TEST(SceneVlan, WhoAsksOnAnotherVlanIsNot) {
  Scene s(vlans(server()));
  s.on("100").in("arp who-has 10.0.0.1 tell 10.1.0.2").in("arp who-has 10.2.0.1 tell 10.1.0.2");
  s.on("").in("arp who-has 10.1.0.1 tell 10.0.0.2");
  s.on("100.200").in("arp who-has 10.1.0.1 tell 10.2.0.2").silence();
  s.counter("DropVlanMismatch", 4).counter("ArpRepliesOut", 0);
}

TEST(SceneVlan, AVlanWithoutANetworkOfOursIsNotListenedTo) {
  Scene s(vlans(server()));
  for (const char* other : {"300", "200", "200.100", "100.300", "4095"}) {
    s.on(other).in("arp who-has 10.1.0.1 tell 10.1.0.2").in("icmp echo 1 1 8").silence();
  }
  s.counter("DropVlanUnknown", 10);
}

TEST(SceneVlan, WhereAllNetworksAreTaggedNothingUntaggedIsHeard) {
  Scene s(vlans(server()).tune_shard(
      [](ShardConfig& c) { c.interface.addresses.erase(c.interface.addresses.begin()); }));
  s.on("", kOurs, kPeer).in("arp who-has 10.1.0.1 tell 10.1.0.2").in("S 0").silence();
  s.counter("DropVlanUnknown", 2);
}

TEST(SceneVlan, WhereNoneIsNothingTaggedIsHeard) {
  Scene s(server().own_family().arp_by_hand());
  s.on("").out("arp who-has 10.0.0.1 tell 10.0.0.1");
  s.on("100").in("arp who-has 10.0.0.1 tell 10.0.0.2").in("S 0").silence();
  s.counter("DropVlanUnknown", 2);
}

TEST(SceneVlan, ATagThatNamesNoVlanIsNone) {
  // VID 0 tells a priority only (IEEE 802.1Q section 9.6).
  Scene s(vlans(server()));
  s.on("");
  for (const char* priority : {"0", "0.0"}) {
    s.in(tagged(s.frame("arp who-has 10.0.0.1 tell 10.0.0.2"), priority));
    s.out("arp reply 10.0.0.1 is-at 02:00:00:00:00:01").silence();
  }
  s.on("100", kOurs, kPeer);
  s.host().inject(tagged(s.frame("arp who-has 10.1.0.1 tell 10.1.0.2"), "0.100"));
  s.out("arp reply 10.1.0.1 is-at 02:00:00:00:00:01").silence();
}

TEST(SceneVlan, AProvidersTagAloneIsNone) {
  Scene s(vlans(server()));
  s.on("100", kOurs, kPeer);
  Bytes frame = tagged(s.frame("arp who-has 10.1.0.1 tell 10.1.0.2"), "100");
  put16(frame, 12, 0x88a8);
  s.host().inject(frame);
  s.silence().counter("DropVlanMalformed", 1);
}

TEST(SceneVlan, AFrameThatEndsWithinItsTagsIsDropped) {
  Scene s(vlans(server()));
  s.on("100.200", kOursTwo, kPeerTwo);
  const Bytes frame = tagged(s.frame("arp who-has 10.2.0.1 tell 10.2.0.2"), "100.200");
  for (size_t bytes = 14; bytes < 12 + 8 + 2; ++bytes) {
    s.host().inject(Bytes(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(bytes)));
  }
  s.silence().counter("DropVlanMalformed", 8);
}

TEST(SceneVlan, TheOuterTagMayBeOfEitherKind) {
  // 8100 in 8100 is what switches write that know no 802.1ad; 88a8 is what we write unless told.
  Scene s(vlans(server()));
  s.on("100.200", kOursTwo, kPeerTwo);
  s.host().inject(tagged(s.frame("arp who-has 10.2.0.1 tell 10.2.0.2"), "100.200", 0x8100));
  s.out("arp reply 10.2.0.1 is-at 02:00:00:00:00:01").silence();
}

TEST(SceneVlan, TheOuterTagIsWrittenAsItIsWished) {
  Stage stage = vlans(server());
  stage.shard.interface.qinq = Qinq::k8021q;
  const auto host = std::move(Host::create(stage.shard, {}).value());
  const Bytes asks =
      build(NaiveArp{MacAddress::broadcast(), kPeerMac, 1, kPeerMac, {}, kPeerTwo, kOursTwo});
  host->inject(tagged(asks, "100.200"));
  auto sent = host->collect();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(untag(sent[0], 0x8100), "100.200");
}

TEST(SceneVlan, ADeviceMayHaveTakenTheTagsOff) {
  Scene s(vlans(server()));
  s.on("100.200", kOursTwo, kPeerTwo);
  const Bytes whole = s.frame("arp who-has 10.2.0.1 tell 10.2.0.2");
  const Bytes rest = tagged(whole, "200");  // the inner tag is left
  const auto view = [](const Bytes& bytes, Vlan vlan) {
    return RxFrame{
        .data = bytes.data(), .length = static_cast<uint32_t>(bytes.size()), .vlan = vlan};
  };
  for (const RxFrame& frame : {view(whole, Vlan(100, 200)), view(rest, Vlan(100))}) {
    s.host().receive({&frame, 1});
    s.out("arp reply 10.2.0.1 is-at 02:00:00:00:00:01").silence();
  }
}

// --- Connections --------------------------------------------------------------------------------

TEST(SceneVlan, AConnectionStaysOnTheVlanOfItsAddress) {
  Scene s(vlans(server()));
  meet(s);
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").state("ESTABLISHED");
  s.in("1:1001 ack 1").in("1001:2001 ack 1").out(". 1 ack 2001").received(2000);
  s.app("write 3000").out("1:1461 ack 2001").out("1461:2921 ack 2001");
  s.in(". 2001 ack 2921")
      .out("P. 2921:3001 ack 2001")
      .in(". 2001 ack 3001")
      .app("shutdown")
      .out("F. 3001 ack 2001")
      .in("F. 2001 ack 3002");
  s.out(". 3002 ack 2002").state("TIME-WAIT");
  s.in("F. 2001 ack 3002").out(". 3002 ack 2002").silence();  // by the TIME-WAIT record
}

TEST(SceneVlan, ItsSegmentsOnAnotherVlanAreNotItsSegments) {
  Scene s(vlans(server()));
  meet(s);
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").state("ESTABLISHED");
  for (const char* other : {"", "100.200"}) {
    s.on(other, kOurs, kPeer).in("1:1001 ack 1").in("F. 1 ack 1").in("R 1").silence();
  }
  s.counter("DropVlanMismatch", 6).state("ESTABLISHED");
  s.on("100", kOurs, kPeer).in("1:1001 ack 1").in("1001:2001 ack 1").out(". 1 ack 2001");
  s.received(2000);
}

TEST(SceneVlan, ARefusalGoesWhereTheSegmentCameFrom) {
  Scene s(vlans(server()));
  meet(s);
  s.flow(5000, 81).in("S 0").out("R. =0 ack 1").silence();
}

TEST(SceneVlan, ACookieToo) {
  Scene s(vlans(server()).tune_shard([](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; }));
  meet(s);
  s.in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").state("ESTABLISHED").silence();
}

TEST(SceneVlan, AnEchoToo) {
  Scene s(vlans(server()));
  meet(s);
  s.in("icmp echo 7 1 56").out("icmp echo-reply 7 1 56").silence();
  s.on("", kOurs, kPeer).in("icmp echo 7 1 56").silence().counter("DropVlanMismatch", 1);
}

TEST(SceneVlan, AnActiveOpenGoesByTheVlanOfItsAddress) {
  Scene s(vlans(client()));
  s.on("100", kOurs, kPeer).app("connect").out("arp who-has 10.1.0.2 tell 10.1.0.1").silence();
  s.in(kPeerIs).out("S 0").in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1").state("ESTABLISHED");
}

// --- Routes -------------------------------------------------------------------------------------

TEST(SceneVlan, EachVlanHasAGatewayOfItsOwn) {
  // Who answers a far host does so by the gateway of the VLAN on which the address is that it
  // called.
  Scene s(vlans(server()));
  s.on("100", kOurs, kFar).in("S 0 <mss 1460>").out("arp who-has 10.1.0.254 tell 10.1.0.1");
  s.in("arp reply 10.1.0.254 is-at 02:00:00:00:00:02").out("S. 0 ack 1").silence();
  s.flow(6000).on("100.200", kOursTwo, kFar).in("S 0 <mss 1460>");
  s.out("arp who-has 10.2.0.254 tell 10.2.0.1");
  s.in("arp reply 10.2.0.254 is-at 02:00:00:00:00:02").out("S. 0 ack 1").silence();
  s.in(". 1 ack 1").in("1:11 ack 1").out_by(100, ". 1 ack 11");
}

TEST(SceneVlan, WhereTheVlanHasNoWayThereIsNone) {
  Scene s(vlans(server()));
  s.on("", kLocalIp, kFar).in("S 0 <mss 1460>").silence().counter("DropNoRoute", 1);
}

TEST(SceneVlan, TheSameAddressOnAnotherVlanIsAnotherHosts) {
  // Both networks have their 10.9.0.9, behind routes of length 32.
  Stage stage = vlans(server());
  const Prefix theirs{IpAddress::parse("10.9.0.9").value(), 32};
  stage.shard.interface.routes = {{theirs, IpAddress{}, Vlan(100)},
                                  {theirs, IpAddress{}, Vlan(100, 200)}};
  Scene s(stage);
  constexpr uint32_t kBoth = 0x0a090009;
  s.on("100", kOurs, kBoth).in("S 0 <mss 1460>").out("arp who-has 10.9.0.9 tell 10.1.0.1");
  s.flow(6000).on("100.200", kOursTwo, kBoth).in("S 0 <mss 1460>");
  s.out("arp who-has 10.9.0.9 tell 10.2.0.1");
  s.in("arp reply 10.9.0.9 is-at 02:00:00:00:00:02").out("S. 0 ack 1").silence();
  s.flow(5000).on("100", kOurs, kBoth).in("arp reply 10.9.0.9 is-at 02:00:00:00:00:02");
  s.out("S. 0 ack 1").silence();
}

TEST(SceneVlan, SomebodyElsesClaimOnAnotherVlanIsNoConflict) {
  Scene s(vlans(server()));
  s.on("100.200").in("arp reply 10.1.0.1 is-at 02:00:00:00:00:99").silence();
  s.counter("ArpConflicts", 0);
  s.on("100").in("arp reply 10.1.0.1 is-at 02:00:00:00:00:99");
  s.out("arp who-has 10.1.0.1 tell 10.1.0.1").counter("ArpConflicts", 1);
}

// --- IPv6 ---------------------------------------------------------------------------------------

Stage vlans_v6(Stage stage) {
  return stage.own_family().arp_by_hand().tune_shard([](ShardConfig& c) {
    c.interface.gratuitous_arp = false;
    c.interface.address_check = AddressCheck::kOff;
    c.interface.addresses = {InterfaceAddress::parse("2001:db8::1/64@100").value(),
                             InterfaceAddress::parse("2001:db8:2::1/64@200").value()};
  });
}

TEST(SceneVlan, ASolicitationIsAnsweredOnItsVlanOnly) {
  Scene s(vlans_v6(server()));
  s.on("100").in("nd who-has 2001:db8::1 tell 2001:db8::2");
  s.out("nd 2001:db8::1 is-at 02:00:00:00:00:01 solicited override to 2001:db8::2").silence();
  s.on("200").in("nd who-has 2001:db8::1 tell 2001:db8::2").silence();
  s.counter("DropVlanMismatch", 1);
}

TEST(SceneVlan, EachVlanHasALinkLocalAddressOfItsOwn) {
  // The VLAN's id is in the middle of the interface identifier: fffe where there is none.
  Scene s(vlans_v6(server()));
  for (const auto& [vlan, address] : {std::pair("100", std::string("fe80::ff:9a00:1")),
                                      std::pair("200", std::string("fe80::ff:3600:1"))}) {
    s.on(vlan).in("nd who-has " + address + " tell 2001:db8::2");
    s.out("nd " + address + " is-at 02:00:00:00:00:01 solicited override to 2001:db8::2");
  }
  s.on("200").in("nd who-has fe80::ff:9a00:1 tell 2001:db8::2").silence();
}

TEST(SceneVlan, RoutersAreAskedForOnEach) {
  Scene s(vlans_v6(server()).tune_shard(
      [](ShardConfig& c) { c.interface.autoconfigure = Autoconfigure::kRouters; }));
  s.on("100")
      .out("nd router-solicit from fe80::ff:9a00:1")
      .on("200")
      .out("nd router-solicit from fe80::ff:3600:1")
      .silence();
}

TEST(SceneVlan, GroupsAreReportedOnEach) {
  Scene s(vlans_v6(server()));
  s.at(0).silence();
  s.on("100").in("mld query ff02::1:ff00:1");
  s.out("mld has ff02::1:ff00:1");
  s.on("200").out("mld has ff02::1:ff00:1").silence();
}

}  // namespace
}  // namespace millrace::test
