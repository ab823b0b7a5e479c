// SPDX-License-Identifier: BSD-3-Clause
// Networks on VLANs: which routes and which addresses serve on which.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "net/interface.h"
#include "net/neighbor.h"

namespace millrace::net {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

InterfaceConfig with(std::initializer_list<const char*> addresses) {
  InterfaceConfig config;
  config.mac = {{2, 0, 0, 0, 0, 1}};
  for (const char* one : addresses) {
    config.addresses.push_back(InterfaceAddress::parse(one).value());
  }
  return config;
}

TEST(VlanRoutes, AreThoseOfTheVlanOfTheGateway) {
  InterfaceConfig config = with({"10.1.0.1/24@100", "10.2.0.1/24@200"});
  const Prefix all{IpAddress::v4(0), 0};
  config.routes = {{all, ip("10.1.0.254")}, {all, ip("10.2.0.254")}};
  const Interface interface(config, {});
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8"), Vlan(100)), Station(ip("10.1.0.254"), Vlan(100)));
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8"), Vlan(200)), Station(ip("10.2.0.254"), Vlan(200)));
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8")), Station(ip("10.1.0.254"), Vlan(100))) << "the first";
  EXPECT_EQ(interface.next_hop(ip("10.2.0.9")), Station(ip("10.2.0.9"), Vlan(200)));
  EXPECT_EQ(interface.next_hop(ip("10.2.0.9"), Vlan(100)), Station(ip("10.1.0.254"), Vlan(100)))
      << "the other network is not on this VLAN, but behind its gateway";
}

TEST(VlanRoutes, AGatewayThatTwoNetworksHaveIsNamedWithItsVlan) {
  InterfaceConfig config = with({"10.1.0.1/24@100", "10.1.0.2/24@200"});
  const Prefix all{IpAddress::v4(0), 0};
  config.routes = {{all, ip("10.1.0.254"), Vlan(200)}};
  const Interface interface(config, {});
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8")), Station(ip("10.1.0.254"), Vlan(200)));
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8"), Vlan(100)), std::nullopt);
}

TEST(VlanRedirects, HoldOnTheVlanOfTheGatewayThatSaysSo) {
  InterfaceConfig config = with({"10.1.0.1/24@100", "10.2.0.1/24@200"});
  const Prefix all{IpAddress::v4(0), 0};
  config.routes = {{all, ip("10.1.0.254")}, {all, ip("10.2.0.254")}};
  Interface interface(config, {});
  const IpAddress far = ip("8.8.8.8");
  EXPECT_FALSE(interface.on_redirect({ip("10.1.0.254"), Vlan(200)}, far, ip("10.1.0.253"), {}))
      << "no gateway on that VLAN";
  EXPECT_FALSE(interface.on_redirect({ip("10.1.0.254"), Vlan(100)}, far, ip("10.2.0.253"), {}))
      << "to a network of another VLAN";
  EXPECT_TRUE(interface.on_redirect({ip("10.1.0.254"), Vlan(100)}, far, ip("10.1.0.253"), {}));
  EXPECT_EQ(interface.next_hop(far, Vlan(100)), Station(ip("10.1.0.253"), Vlan(100)));
  EXPECT_EQ(interface.next_hop(far, Vlan(200)), Station(ip("10.2.0.254"), Vlan(200)));
  interface.on_unreachable({ip("10.1.0.253"), Vlan(200)});
  EXPECT_EQ(interface.next_hop(far, Vlan(100)), Station(ip("10.1.0.253"), Vlan(100)));
  interface.on_unreachable({ip("10.1.0.253"), Vlan(100)});
  EXPECT_EQ(interface.next_hop(far, Vlan(100)), Station(ip("10.1.0.254"), Vlan(100)));
}

TEST(VlanSources, AreOnTheVlanThatLeadsThere) {
  InterfaceConfig config = with({"10.0.0.1/24", "10.1.0.1/24@100", "10.2.0.1/24@200"});
  config.routes = {{{IpAddress::v4(0), 0}, ip("10.2.0.254")}};
  const Interface interface(config, {});
  EXPECT_EQ(interface.source_for(ip("10.1.0.9")), ip("10.1.0.1"));
  EXPECT_EQ(interface.source_for(ip("8.8.8.8")), ip("10.2.0.1"));
  EXPECT_EQ(interface.source_for(ip("8.8.8.8"), Vlan(100)), ip("10.1.0.1"));
  EXPECT_EQ(interface.vlan_of(ip("10.1.0.1")), Vlan(100));
  EXPECT_EQ(interface.vlan_of(ip("10.0.0.1")), Vlan());
}

TEST(VlanSources, ARangeIsWhereItsNetworkIs) {
  InterfaceConfig config = with({"10.0.0.1/24", "10.2.0.1/16@100.200"});
  config.ranges = {{ip("10.2.8.1"), ip("10.2.8.254")}, {ip("10.9.0.1"), ip("10.9.0.254")}};
  const Interface interface(config, {});
  EXPECT_EQ(interface.vlan_of(ip("10.2.8.77")), Vlan(100, 200));
  EXPECT_EQ(interface.vlan_of(ip("10.9.0.7")), Vlan()) << "of none: where our first address is";
}

TEST(VlanSources, ARangeIsAnnouncedWhereItIs) {
  InterfaceConfig config = with({"10.0.0.1/24", "10.2.0.1/16@100.200"});
  config.ranges = {{ip("10.2.8.1"), ip("10.2.8.3")}};
  Interface interface(config, {});
  std::vector<Station> announced;
  interface.advance(
      {}, [](const auto&) {},
      [&](const OwnAddress& own) { announced.emplace_back(own.prefix.address, own.vlan); },
      [](Vlan) {});
  for (const char* one : {"10.2.8.1", "10.2.8.2", "10.2.8.3"}) {
    EXPECT_EQ(std::count(announced.begin(), announced.end(), Station(ip(one), Vlan(100, 200))), 1);
  }
}

TEST(VlanLinkLocal, EachVlanHasOneOfItsOwn) {
  const Interface interface(with({"10.0.0.1/24", "2001:db8:1::1/64@100", "2001:db8:2::1/64@7.9"}),
                            {});
  EXPECT_EQ(interface.vlans_v6().size(), 2u);
  EXPECT_EQ(interface.vlan_of(ip("fe80::ff:9a00:1")), Vlan(100));
  EXPECT_EQ(interface.vlan_of(ip("fe80::ff:f900:8")), Vlan(7, 9));
  EXPECT_FALSE(interface.is_ours(ip("fe80::ff:fe00:1"))) << "no IPv6 is untagged";
}

TEST(VlanRouters, ServeTheVlanOnWhichTheyAre) {
  InterfaceConfig config = with({"2001:db8:1::1/64@100", "2001:db8:2::1/64@200"});
  config.autoconfigure = Autoconfigure::kRouters;
  Interface interface(config, {});
  wire::NdMessage said{.type = wire::kIcmpV6RouterAdvertisement};
  said.router_lifetime_seconds = 100;
  interface.on_router({ip("fe80::1"), Vlan(200)}, said, {});
  EXPECT_EQ(interface.next_hop(ip("2001:db8:9::9"), Vlan(200)), Station(ip("fe80::1"), Vlan(200)));
  EXPECT_EQ(interface.next_hop(ip("2001:db8:9::9"), Vlan(100)), std::nullopt);
  int asked = 0;
  interface.advance(
      {}, [](const OwnAddress&) {}, [](const OwnAddress&) {},
      [&](Vlan vlan) {
        EXPECT_EQ(vlan, Vlan(100)) << "where nobody has answered";
        ++asked;
      });
  EXPECT_EQ(asked, 1);
}

TEST(VlanNeighbors, TheSameAddressOnTwoVlansIsTwoHosts) {
  Neighbors neighbors(8, {{2, 0, 0, 0, 0, 1}}, {});
  const MacAddress one{{2, 0, 0, 0, 0, 0x11}};
  const MacAddress two{{2, 0, 0, 0, 0, 0x22}};
  const uint32_t a = neighbors.acquire({ip("fe80::1"), Vlan(100)}, 0);
  const uint32_t b = neighbors.acquire({ip("fe80::1"), Vlan(200)}, 0);
  ASSERT_NE(a, b);
  neighbors.learn({ip("fe80::1"), Vlan(100)}, one, 0, false);
  neighbors.learn({ip("fe80::1"), Vlan(200)}, two, 0, false);
  EXPECT_EQ(neighbors[a].mac(), one);
  EXPECT_EQ(neighbors[b].mac(), two);
  EXPECT_EQ(neighbors[b].ethernet.vlan, Vlan(200));
  EXPECT_EQ(neighbors.find(ip("fe80::1")), base::kNil) << "untagged it is a third";
}

}  // namespace
}  // namespace millrace::net
