// SPDX-License-Identifier: BSD-3-Clause
// Whose address is it, and where does a packet go next?
#include "net/interface.h"

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

InterfaceConfig two_networks() {
  InterfaceConfig config;
  config.addresses = {prefix("10.0.0.1/24"), prefix("192.168.5.7/16")};
  config.ranges = {AddressRange::parse("172.16.0.0/12").value()};
  config.routes = {{prefix("0.0.0.0/0"), ip("10.0.0.254")},
                   {prefix("10.9.0.0/16"), ip("192.168.1.1")},
                   {prefix("10.9.8.0/24"), ip("10.0.0.253")}};
  return config;
}

TEST(NetInterface, KnowsItsAddressesAndRanges) {
  const Interface interface(two_networks(), Instant{});
  EXPECT_TRUE(interface.is_local(ip("10.0.0.1")));
  EXPECT_TRUE(interface.is_local(ip("192.168.5.7")));
  EXPECT_TRUE(interface.is_local(ip("172.16.0.1")));
  EXPECT_TRUE(interface.is_local(ip("172.31.255.254")));
  EXPECT_FALSE(interface.is_local(ip("10.0.0.2")));
  EXPECT_FALSE(interface.is_local(ip("192.168.5.8")));
  EXPECT_FALSE(interface.is_local(ip("172.32.0.1")));
}

TEST(NetInterface, BroadcastsAreThoseOfItsNetworksAndTheLimitedOne) {
  const Interface interface(two_networks(), Instant{});
  EXPECT_TRUE(interface.is_broadcast(ip("255.255.255.255")));
  EXPECT_TRUE(interface.is_broadcast(ip("10.0.0.255")));
  EXPECT_TRUE(interface.is_broadcast(ip("192.168.255.255")));
  EXPECT_FALSE(interface.is_broadcast(ip("10.0.1.255")));
  EXPECT_FALSE(interface.is_broadcast(ip("192.168.5.255")));
}

TEST(NetInterface, PointToPointNetworksHaveNoBroadcast) {
  InterfaceConfig config;
  config.addresses = {prefix("10.0.0.0/31")};
  const Interface interface(config, Instant{});
  EXPECT_FALSE(interface.is_broadcast(ip("10.0.0.1")));
  EXPECT_EQ(interface.next_hop(ip("10.0.0.1")), ip("10.0.0.1"));
}

TEST(NetInterface, TheLongestPrefixDecidesTheNextHop) {
  const Interface interface(two_networks(), Instant{});
  EXPECT_EQ(interface.next_hop(ip("10.0.0.77")), ip("10.0.0.77"));      // on link
  EXPECT_EQ(interface.next_hop(ip("192.168.9.9")), ip("192.168.9.9"));  // on link
  EXPECT_EQ(interface.next_hop(ip("10.9.8.1")), ip("10.0.0.253"));      // /24 before /16
  EXPECT_EQ(interface.next_hop(ip("10.9.7.1")), ip("192.168.1.1"));
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8")), ip("10.0.0.254"));
}

TEST(NetInterface, WithoutADefaultRouteThereIsNoWayOut) {
  InterfaceConfig config = two_networks();
  config.routes.clear();
  const Interface interface(config, Instant{});
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8")), std::nullopt);
}

TEST(NetInterface, SpeaksFromTheAddressOfTheNextHopsNetwork) {
  const Interface interface(two_networks(), Instant{});
  EXPECT_EQ(interface.source_for(ip("192.168.44.1")), ip("192.168.5.7"));
  EXPECT_EQ(interface.source_for(ip("10.9.7.1")), ip("192.168.5.7"));
  EXPECT_EQ(interface.source_for(ip("8.8.8.8")), ip("10.0.0.1"));
}

}  // namespace
}  // namespace millrace::net
