// SPDX-License-Identifier: BSD-3-Clause
// What routers and switches are told of groups (RFC 3810), and what gateways say of better ways
// (RFC 4861 section 8, RFC 1122 section 3.2.2.2).
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

constexpr const char* kOurGroups = "ff02::1:ff00:1";  // of 2001:db8::1 and fe80::ff:fe00:1

Stage on_v6(bool announced, AddressCheck check = AddressCheck::kOff) {
  return server().own_family().arp_by_hand().tune_shard([=](ShardConfig& c) {
    c.interface.addresses = {Prefix::parse("2001:db8::1/64").value()};
    c.interface.address_check = check;
    c.interface.gratuitous_arp = announced;
  });
}

// --- Groups -------------------------------------------------------------------------------------

TEST(SceneGroups, AreJoinedAtStartAndOnceMore) {
  Scene s(on_v6(true));
  s.whatever().at(0).out_by(1000, std::string("mld joins ") + kOurGroups).silence();
  s.at(1001).silence().at(9000).silence();
  s.counter("Icmp6OutMLDv2Reports", 1);  // the other was before the scene began
}

TEST(SceneGroups, WhoChecksAddressesJoinsFirstAndSpeaksFromNobody) {
  // RFC 4862 section 5.4.2, RFC 3590.
  Scene s(on_v6(true, AddressCheck::kFirst));
  s.out(std::string("mld joins ") + kOurGroups + " from ::");
  s.out("nd probe 2001:db8::1").out("nd probe fe80::ff:fe00:1");
  s.at(1000).whatever().at(1001).whatever();
}

TEST(SceneGroups, AQueryIsAnsweredInItsTime) {
  Scene s(on_v6(false));
  s.at(0).silence();
  s.in("mld query max 500").out_by(500, std::string("mld has ") + kOurGroups).silence();
  s.counter("Icmp6InGroupMembQueries", 1).at(9000).silence();
  s.in("mld query ff02::1:ff00:1").out(std::string("mld has ") + kOurGroups);
  s.in("mld query ff02::1:ff00:1 v1").out(std::string("mld has ") + kOurGroups + " v1");
  s.counter("Icmp6OutGroupMembResponses", 1).silence();
}

TEST(SceneGroups, WhatIsNoQueryOrOfAnotherGroupIsNotAnswered) {
  Scene s(on_v6(false));
  s.at(0).in("mld query ff02::1:ff00:2").silence().in("mld query ff02::1:ff00:2 to ff02::1");
  s.in("mld query limit 2").in("mld query no-alert").in("mld query from 2001:db8::2").silence();
  s.counter("Icmp6InErrors", 3).at(9000).silence();
}

TEST(SceneGroups, OfAMillionAddressesTheFirstThousandGroupsAreJoined) {
  Scene s(on_v6(true).tune_shard([](ShardConfig& c) {
    c.interface.ranges = {AddressRange::parse("2001:db8::1:0:0/108").value()};
  }));
  // 1024 groups, our own address's among them, in reports of 60; as many addresses are announced.
  s.whatever().at(5000).whatever();
  s.claim(s.host().shard().counters().get(Counter::kIcmp6OutMLDv2Reports) == 2 * 18, "reports");
  s.claim(s.host().shard().counters().get(Counter::kIcmp6OutNeighborAdvertisements) == 2 + 1024,
          "announcements");
  s.in("mld query ff02::1:ff0f:f000").out("mld has ff02::1:ff0f:f000");  // ours all the same
  s.in("nd who-has 2001:db8::1:f:f000 tell 2001:db8::2");
  s.out("nd 2001:db8::1:f:f000 is-at 02:00:00:00:00:01 solicited override to 2001:db8::2");
}

// --- Redirects ----------------------------------------------------------------------------------

// Everything beyond the link goes by fe80::2, whose MAC is the peer's.
Stage behind_a_router(Redirects redirects) {
  return on_v6(false).tune_shard([=](ShardConfig& c) {
    c.interface.routes = {{Prefix::parse("::/0").value(), ip("fe80::2")}};
    c.interface.redirects = redirects;
  });
}

constexpr const char* kFar = "2001:db8:9::9";
const std::string kAskRouter = "nd who-has fe80::2 tell fe80::ff:fe00:1";
const std::string kRouterAnswers = "nd fe80::2 is-at 02:00:00:00:00:02 solicited override router";
const std::string kEcho = std::string("icmp6 echo 7 1 8 from ") + kFar;
constexpr const char* kEchoReply = "icmp6 echo-reply 7 1 8";

// The end of the MAC address to which the answer to `line` goes; 0 when none does.
uint16_t answered_to(Scene& s, const std::string& line) {
  s.host().inject(s.frame(line));
  uint16_t mac = 0;
  for (const Bytes& frame : s.host().collect()) mac = get16(frame, 4);
  return mac;
}

TEST(SceneRedirect, TheBetterRouterIsUsedForThatDestination) {
  Scene s(behind_a_router(Redirects::kIpv6));
  s.at(0).in(kEcho).out(kAskRouter).in(kRouterAnswers).out(kEchoReply);
  s.in(std::string("nd redirect ") + kFar + " by fe80::77 mac 02:00:00:00:00:77").silence();
  s.counter("Icmp6InRedirects", 1).counter("RedirectsFollowed", 1);
  EXPECT_EQ(answered_to(s, kEcho), 0x77);
  EXPECT_EQ(answered_to(s, "icmp6 echo 7 1 8 from 2001:db8:9::8"), 2);
  // Nobody answers there, when it is asked: the old way is the way again.
  const std::string ask = "nd who-has fe80::77 tell fe80::ff:fe00:1 to fe80::77";
  s.at(5000).out(ask).at(6000).out(ask).at(7000).out(ask).at(8000).whatever();
  EXPECT_EQ(answered_to(s, kEcho), 2);
  s.at(20'000).whatever();
}

TEST(SceneRedirect, WithoutALinkLayerAddressTheNextHopIsAskedFor) {
  Scene s(behind_a_router(Redirects::kIpv6));
  s.at(0).in(kEcho).out(kAskRouter).in(kRouterAnswers).out(kEchoReply);
  s.in(std::string("nd redirect ") + kFar + " by " + kFar).in(kEcho);
  s.out(std::string("nd who-has ") + kFar + " tell 2001:db8::1");
  s.in(std::string("nd ") + kFar + " is-at 02:00:00:00:00:99 solicited override").out(kEchoReply);
  s.silence();
}

TEST(SceneRedirect, NobodyButTheRouterInUseIsHeardAndNoRouterCanForwardOne) {
  Scene s(behind_a_router(Redirects::kIpv6));
  s.at(0).in(kEcho).out(kAskRouter).in(kRouterAnswers).out(kEchoReply);
  const std::string redirect = std::string("nd redirect ") + kFar + " by fe80::77";
  s.in(redirect + " from fe80::3").in(redirect + " limit 254").in(redirect + " from 2001:db8::2");
  s.in("nd redirect ff02::9 by fe80::77").in("nd redirect 2001:db8:9::9 by 2001:db8::77");
  s.counter("RedirectsFollowed", 0).counter("DropNdHopLimit", 1).counter("DropNdMalformed", 3);
  s.in(kEcho).out(kEchoReply).silence();
}

TEST(SceneRedirect, NoneIsFollowedWhereThatIsTurnedOff) {
  Scene s(behind_a_router(Redirects::kOff));
  s.at(0).in(kEcho).out(kAskRouter).in(kRouterAnswers).out(kEchoReply);
  s.in(std::string("nd redirect ") + kFar + " by fe80::77");
  s.counter("Icmp6InRedirects", 1).counter("RedirectsFollowed", 0).counter("IcmpIgnored", 1);
  s.in(kEcho).out(kEchoReply).silence();
}

// Of IPv4: the peer, 10.0.0.2, is reached by way of 10.0.0.254, which says that 10.0.0.253 is
// better, quoting the segment of ours with that sequence number.
Bytes redirect_v4(Scene& s, int seq, const char* from, const char* target) {
  constexpr size_t kIpAt = 14;
  constexpr size_t kIcmpAt = 34;
  Bytes frame = s.frame("icmp 5 1 quote " + std::to_string(seq));
  put32(frame, kIpAt + 12, ip(from).v4_value());
  put16(frame, kIpAt + 10, 0);
  put16(frame, kIpAt + 10, internet_checksum(frame, kIpAt, 20));
  put32(frame, kIcmpAt + 4, ip(target).v4_value());
  put16(frame, kIcmpAt + 2, 0);
  put16(frame, kIcmpAt + 2, internet_checksum(frame, kIcmpAt, frame.size() - kIcmpAt));
  return frame;
}

Stage by_way_of(Redirects redirects) {
  return client().own_family().arp_by_hand().tune_shard([=](ShardConfig& c) {
    c.interface.addresses = {Prefix::parse("10.0.0.1/24").value()};
    c.interface.gratuitous_arp = false;
    c.interface.redirects = redirects;
    c.interface.routes = {{Prefix::parse("10.0.0.2/32").value(), ip("10.0.0.254")}};
  });
}

void connect_by_the_gateway(Scene& s) {
  s.at(0).app("connect").out("arp who-has 10.0.0.254 tell 10.0.0.1");
  s.in("arp reply 10.0.0.254 is-at 02:00:00:00:00:02").out("S 0");
  s.in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1").app("write 100").out("P. 1:101 ack 1");
}

TEST(SceneRedirect, OfIpv4ItHasToQuoteWhatIsInFlight) {
  Scene s(by_way_of(Redirects::kAll));
  connect_by_the_gateway(s);
  s.in(redirect_v4(s, 102, "10.0.0.254", "10.0.0.253"));
  s.in(redirect_v4(s, 0, "10.0.0.254", "10.0.0.253"));
  s.in(redirect_v4(s, 1, "10.0.0.9", "10.0.0.253"));
  s.in(redirect_v4(s, 1, "10.0.0.254", "12.0.0.1"));
  s.counter("IcmpInRedirects", 4).counter("RedirectsFollowed", 0).silence();
  s.in(redirect_v4(s, 1, "10.0.0.254", "10.0.0.253"));
  s.counter("RedirectsFollowed", 1);
  // The connection that was quoted waits for the new gateway with its next segment.
  s.out("arp who-has 10.0.0.253 tell 10.0.0.1").in(". 1 ack 101").app("write 100").silence();
  s.in("arp reply 10.0.0.253 is-at 02:00:00:00:00:02").out("P. 101:201 ack 1").silence();
}

TEST(SceneRedirect, OfIpv4ItIsNotFollowedUnlessAsked) {
  Scene s(by_way_of(Redirects::kIpv6));
  connect_by_the_gateway(s);
  s.in(redirect_v4(s, 1, "10.0.0.254", "10.0.0.253"));
  s.counter("IcmpInRedirects", 1).counter("RedirectsFollowed", 0).counter("IcmpIgnored", 1);
  s.in(". 1 ack 101").app("write 100").out("P. 101:201 ack 1").silence();
}

TEST(SceneRedirect, AConnectionThatWasSentAwayComesBackWhenNobodyIsThere) {
  Scene s(by_way_of(Redirects::kAll));
  connect_by_the_gateway(s);
  s.in(redirect_v4(s, 1, "10.0.0.254", "10.0.0.253"));
  const char* ask = "arp who-has 10.0.0.253 tell 10.0.0.1";
  s.out(ask)
      .in(". 1 ack 101")
      .app("write 100")
      .at(1000)
      .out(ask)
      .at(2000)
      .out(ask)
      .at(3000)
      .out("P. 101:201 ack 1");
  s.state("ESTABLISHED").silence();
}

}  // namespace
}  // namespace millrace::test
