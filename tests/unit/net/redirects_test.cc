// SPDX-License-Identifier: BSD-3-Clause
// Which redirect is believed, for how long, and how many are remembered (RFC 4861 section 8.1, RFC
// 1122 section 3.2.2.2).
#include "net/redirects.h"

#include <gtest/gtest.h>

#include "net/interface.h"

namespace millrace::net {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Prefix prefix(const char* text) { return Prefix::parse(text).value(); }
Instant at(int64_t ms) { return Instant{} + milliseconds(ms); }

Interface with_gateways() {
  InterfaceConfig config;
  config.mac = {{2, 0, 0, 0, 0, 1}};
  config.addresses = {prefix("10.0.0.1/24"), prefix("2001:db8::1/64")};
  config.routes = {{prefix("0.0.0.0/0"), ip("10.0.0.254")}, {prefix("::/0"), ip("fe80::fe")}};
  config.ranges = {AddressRange::parse("10.0.0.64/26").value()};
  config.gratuitous_arp = false;
  config.address_check = AddressCheck::kOff;
  return {config, at(0)};
}

void pass(Interface& interface, Instant now) {
  interface.advance(
      now, [](const auto&) {}, [](const auto&) {}, [](Vlan) {});
}

TEST(NetRedirects, TheGatewayInUseMayNameAnotherOnTheLink) {
  Interface interface = with_gateways();
  const uint32_t before = interface.changes();
  EXPECT_TRUE(interface.on_redirect(ip("10.0.0.254"), ip("11.0.0.9"), ip("10.0.0.253"), at(0)));
  EXPECT_EQ(interface.next_hop(ip("11.0.0.9")), ip("10.0.0.253"));
  EXPECT_EQ(interface.next_hop(ip("11.0.0.8")), ip("10.0.0.254"));
  EXPECT_EQ(interface.changes(), before + 1);
  // Said again, for another connection, and by the one that is in use by now.
  EXPECT_TRUE(interface.on_redirect(ip("10.0.0.254"), ip("11.0.0.9"), ip("10.0.0.253"), at(0)));
  EXPECT_EQ(interface.changes(), before + 1);
  EXPECT_TRUE(interface.on_redirect(ip("10.0.0.253"), ip("11.0.0.9"), ip("10.0.0.252"), at(0)));
  EXPECT_EQ(interface.next_hop(ip("11.0.0.9")), ip("10.0.0.252"));
}

TEST(NetRedirects, OfIpv6ItMayBeTheDestinationItselfOrALinkLocalRouter) {
  Interface interface = with_gateways();
  const IpAddress far = ip("2001:db8:9::9");
  EXPECT_TRUE(interface.on_redirect(ip("fe80::fe"), far, ip("fe80::fd"), at(0)));
  EXPECT_EQ(interface.next_hop(far), ip("fe80::fd"));
  EXPECT_TRUE(interface.on_redirect(ip("fe80::fe"), far, far, at(0)));
  EXPECT_EQ(interface.next_hop(far), far);
}

TEST(NetRedirects, NobodyElseIsBelievedAndNothingElseWouldDo) {
  Interface interface = with_gateways();
  struct Row {
    const char* gateway;
    const char* destination;
    const char* target;
  };
  for (const Row& row :
       {Row{"10.0.0.253", "11.0.0.9", "10.0.0.252"},  // not the gateway
        Row{"10.0.0.254", "10.0.0.9", "10.0.0.253"},  // not by way of it
        Row{"10.0.0.254", "11.0.0.9", "12.0.0.1"},    // not on the link
        Row{"10.0.0.254", "11.0.0.9", "10.0.0.254"},  // itself
        Row{"10.0.0.254", "11.0.0.9", "10.0.0.1"},    // we
        Row{"10.0.0.254", "11.0.0.9", "10.0.0.70"},   // the same
        Row{"10.0.0.254", "11.0.0.9", "10.0.0.255"}, Row{"10.0.0.254", "11.0.0.9", "0.0.0.0"},
        Row{"10.0.0.254", "224.0.0.9", "10.0.0.253"}, Row{"10.0.0.254", "10.0.0.254", "10.0.0.253"},
        Row{"10.0.0.254", "11.0.0.9", "fe80::fd"}, Row{"10.0.0.254", "2001:db8:9::9", "fe80::fd"},
        Row{"fe80::fe", "2001:db8:9::9", "2001:db8::5"},  // a router by its global
        Row{"fe80::fe", "2001:db8:9::9", "ff02::2"},
        Row{"fe80::fe", "2001:db8:9::9", "fe80::ff:fe00:1"},
        Row{"fe80::fd", "2001:db8:9::9", "fe80::fc"}}) {
    EXPECT_FALSE(interface.on_redirect(ip(row.gateway), ip(row.destination), ip(row.target), at(0)))
        << row.gateway << " " << row.destination << " " << row.target;
  }
  EXPECT_EQ(interface.next_hop(ip("11.0.0.9")), ip("10.0.0.254"));
  EXPECT_EQ(interface.next_hop(ip("2001:db8:9::9")), ip("fe80::fe"));
}

TEST(NetRedirects, ItHoldsForTenMinutes) {
  Interface interface = with_gateways();
  interface.on_redirect(ip("10.0.0.254"), ip("11.0.0.9"), ip("10.0.0.253"), at(5));
  EXPECT_EQ(interface.next_deadline(), at(600'005));
  pass(interface, at(600'004));
  EXPECT_EQ(interface.next_hop(ip("11.0.0.9")), ip("10.0.0.253"));
  const uint32_t before = interface.changes();
  pass(interface, at(600'005));
  EXPECT_EQ(interface.next_hop(ip("11.0.0.9")), ip("10.0.0.254"));
  EXPECT_NE(interface.changes(), before);
  EXPECT_EQ(interface.next_deadline(), Instant::never());
}

TEST(NetRedirects, WhereNobodyAnswersTheOldWayIsTheWayAgain) {
  Interface interface = with_gateways();
  interface.on_redirect(ip("10.0.0.254"), ip("11.0.0.9"), ip("10.0.0.253"), at(0));
  interface.on_redirect(ip("10.0.0.254"), ip("11.0.0.8"), ip("10.0.0.253"), at(0));
  interface.on_redirect(ip("10.0.0.254"), ip("11.0.0.7"), ip("10.0.0.252"), at(0));
  interface.on_unreachable(ip("10.0.0.253"));
  EXPECT_EQ(interface.next_hop(ip("11.0.0.9")), ip("10.0.0.254"));
  EXPECT_EQ(interface.next_hop(ip("11.0.0.8")), ip("10.0.0.254"));
  EXPECT_EQ(interface.next_hop(ip("11.0.0.7")), ip("10.0.0.252"));
}

TEST(NetRedirects, OfTooManyTheOldestIsForgotten) {
  RedirectTable table;
  const IpAddress base = ip("11.0.0.0");
  for (uint32_t i = 0; i < RedirectTable::kMax; ++i) {
    table.learn(base.plus(i), ip("10.0.0.253"), at(i));
  }
  table.learn(base, ip("10.0.0.252"), at(100));  // the oldest no more
  table.learn(ip("12.0.0.1"), ip("10.0.0.253"), at(101));
  EXPECT_EQ(table.find(base.plus(1), {}), nullptr);
  ASSERT_NE(table.find(base, {}), nullptr);
  EXPECT_EQ(*table.find(base, {}), ip("10.0.0.252"));
  EXPECT_NE(table.find(base.plus(2), {}), nullptr);
  EXPECT_NE(table.find(ip("12.0.0.1"), {}), nullptr);
  EXPECT_EQ(table.next_deadline(), at(600'002));
}

}  // namespace
}  // namespace millrace::net
