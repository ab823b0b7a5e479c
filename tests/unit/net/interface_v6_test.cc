// SPDX-License-Identifier: BSD-3-Clause
// IPv6: addresses that are checked, formed and given up, routers that come and go, and from which
// address to speak (RFC 4861 section 6.3, RFC 4862, RFC 4429, RFC 6724).
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/interface.h"

namespace millrace::net {
namespace {

constexpr MacAddress kOwn{{2, 0, 0, 0, 0, 1}};

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Prefix prefix(const char* text) { return Prefix::parse(text).value(); }
AddressRange range(const char* text) { return AddressRange::parse(text).value(); }
Instant at(int64_t ms) { return Instant{} + milliseconds(ms); }

InterfaceConfig with(std::vector<const char*> addresses) {
  InterfaceConfig config;
  config.mac = kOwn;
  config.gratuitous_arp = false;
  for (const char* address : addresses) config.addresses.push_back(prefix(address));
  return config;
}

InterfaceConfig checked(InterfaceConfig config, AddressCheck check) {
  config.address_check = check;
  return config;
}

InterfaceConfig autoconfigured(Autoconfigure what) {
  InterfaceConfig config = checked(with({}), AddressCheck::kOff);
  config.autoconfigure = what;
  return config;
}

// What is to be said at `ms`, as words; but of groups, see groups_test.cc.
std::vector<std::string> due(Interface& interface, int64_t ms) {
  std::vector<std::string> words;
  interface.advance(
      at(ms),
      [&](const OwnAddress& own) { words.push_back("probe " + own.prefix.address.to_string()); },
      [&](const OwnAddress& own) { words.push_back("announce " + own.prefix.address.to_string()); },
      [&](Vlan) { words.push_back("solicit"); });
  return words;
}
using Words = std::vector<std::string>;

wire::NdMessage router(uint16_t lifetime) {
  return {.type = wire::kIcmpV6RouterAdvertisement, .router_lifetime_seconds = lifetime};
}

wire::NdMessage announces(const char* network, uint32_t valid, uint32_t preferred,
                          bool autonomous = true) {
  wire::NdMessage said = router(1800);
  said.prefixes[said.prefix_count++] = {prefix(network), true, autonomous, valid, preferred};
  return said;
}

AddressState state_of(const Interface& interface, const char* address) {
  const OwnAddress* own = interface.own(ip(address));
  EXPECT_NE(own, nullptr) << address;
  return own == nullptr ? AddressState::kDuplicate : own->state;
}

// --- Ours ---------------------------------------------------------------------------------------

TEST(NetInterfaceV6, AnyIpv6AddressBringsALinkLocalOne) {
  const Interface interface(with({"10.0.0.1/24", "2001:db8::1/64"}), at(0));
  EXPECT_TRUE(interface.is_local(ip("10.0.0.1")));
  EXPECT_TRUE(interface.is_local(ip("2001:db8::1")));
  EXPECT_TRUE(interface.is_local(ip("fe80::ff:fe00:1")));
  EXPECT_EQ(interface.next_hop(ip("fe80::77")), ip("fe80::77"));
  EXPECT_FALSE(interface.is_local(ip("2001:db8::2")));
  const Interface given(with({"2001:db8::1/64", "fe80::1/64"}), at(0));
  EXPECT_TRUE(given.is_local(ip("fe80::1")));
  EXPECT_FALSE(given.is_local(ip("fe80::ff:fe00:1")));
  const Interface v4(with({"10.0.0.1/24"}), at(0));
  EXPECT_EQ(v4.next_hop(ip("fe80::77")), std::nullopt);
}

TEST(NetInterfaceV6, NobodyIsNotUs) {
  for (const auto& addresses : {std::vector{"2001:db8::1/64"}, std::vector{"10.0.0.1/24"}}) {
    Interface interface(with(addresses), at(0));
    EXPECT_FALSE(interface.is_local(ip("::")));
    EXPECT_FALSE(interface.is_local(ip("0.0.0.0")));
    for (const OwnAddress& own : interface.addresses()) interface.on_conflict(own.prefix.address);
    EXPECT_FALSE(interface.is_local(ip("::")));
    EXPECT_FALSE(interface.is_local(ip("0.0.0.0")));
  }
}

TEST(NetInterfaceV6, RangesOfAnySizeAreOurs) {
  InterfaceConfig config = with({"2001:db8::1/64", "10.0.0.1/8"});
  config.ranges = {{ip("2001:db8:1::"), ip("2001:db8:1:0:ffff:ffff:ffff:ffff")},
                   range("2001:db8::1:0-2001:db8::1:ffff"),
                   range("10.16.0.0-10.31.255.255"),
                   range("2001:db8::1:8000-2001:db8::1:ffff"),
                   range("10.40.0.9")};
  const Interface interface(config, at(0));
  EXPECT_TRUE(interface.is_local(ip("2001:db8:1::")));
  EXPECT_TRUE(interface.is_local(ip("2001:db8:1:0:ffff:ffff:ffff:ffff")));
  EXPECT_TRUE(interface.is_local(ip("2001:db8::1:ffff")));
  EXPECT_TRUE(interface.is_local(ip("10.31.255.255")));
  EXPECT_TRUE(interface.is_local(ip("10.40.0.9")));
  EXPECT_FALSE(interface.is_local(ip("10.40.0.8")));
  EXPECT_FALSE(interface.is_local(ip("10.40.0.10")));
  EXPECT_FALSE(interface.is_local(ip("10.32.0.0")));
  EXPECT_FALSE(interface.is_local(ip("2001:db8::2:0")));
  EXPECT_FALSE(interface.is_local(ip("2001:db8::ffff")));
  EXPECT_FALSE(interface.is_local(ip("2001:db8:0:ffff:ffff:ffff:ffff:ffff")));
}

// Ranges that touch, overlap, lie in one another and reach over the end of 32 bits, of both
// families: ours, and in their groups, are exactly the addresses that they list.
TEST(NetInterfaceV6, AgreesWithAListOfAllItsAddresses) {
  base::Random random(11);
  constexpr uint32_t kUniverse = 3000;
  const std::array bases{ip("10.0.255.0"), ip("2001:db8::ffff:fe00"), ip("2001:db9::ff:fffe:0")};
  for (int round = 0; round < 40; ++round) {
    InterfaceConfig config = with({"10.0.0.1/24", "2001:db8::1/64"});
    std::set<IpAddress> twin{ip("10.0.0.1"), ip("2001:db8::1"), ip("fe80::ff:fe00:1")};
    const uint32_t count = 1 + random.below(40);
    for (uint32_t i = 0; i < count; ++i) {
      const IpAddress& base = bases[random.below(bases.size())];
      const uint32_t first = random.below(kUniverse);
      const uint32_t length = random.below(random.below(3) == 0 ? 200 : 3);
      config.ranges.push_back({base.plus(first), base.plus(first + length)});
      for (uint32_t at = 0; at <= length; ++at) twin.insert(base.plus(first + at));
    }
    std::set<uint32_t> groups;
    for (const IpAddress& address : twin) {
      if (!address.is_v4()) groups.insert(address.last_32_bits() & 0xffffff);
    }
    const Interface interface(config, at(0));
    for (const IpAddress& base : bases) {
      for (uint32_t i = 0; i < kUniverse + 300; ++i) {
        const IpAddress address = base.plus(i - 50);
        ASSERT_EQ(interface.is_local(address), twin.contains(address)) << address.to_string();
        if (address.is_v4()) continue;
        const MacAddress mac = wire::multicast_mac(wire::solicited_node(address));
        ASSERT_EQ(interface.has_joined(reinterpret_cast<const std::byte*>(mac.bytes.data())),
                  groups.contains(address.last_32_bits() & 0xffffff))
            << address.to_string();
      }
    }
  }
}

TEST(NetInterfaceV6, GroupsAreThoseOfItsAddressesAndAllNodes) {
  InterfaceConfig config = with({"2001:db8::12:3456/64"});
  config.ranges = {range("2001:db8::ab:cd00-2001:db8::ab:cdff")};
  const Interface interface(config, at(0));
  const auto joined = [&](const char* group) {
    const MacAddress mac = wire::multicast_mac(ip(group));
    return interface.has_joined(reinterpret_cast<const std::byte*>(mac.bytes.data()));
  };
  EXPECT_TRUE(joined("ff02::1"));
  EXPECT_FALSE(joined("ff02::2"));
  EXPECT_TRUE(joined("ff02::1:ff12:3456"));
  EXPECT_FALSE(joined("ff02::1:ff12:3457"));
  EXPECT_TRUE(joined("ff02::1:ffab:cd00"));
  EXPECT_TRUE(joined("ff02::1:ffab:cdff"));
  EXPECT_FALSE(joined("ff02::1:ffab:ce00"));
  const Interface v4(with({"10.0.0.1/24"}), at(0));
  EXPECT_FALSE(v4.has_joined(
      reinterpret_cast<const std::byte*>(MacAddress{{0x33, 0x33, 0, 0, 0, 1}}.bytes.data())));
}

// --- Checks -------------------------------------------------------------------------------------

TEST(NetInterfaceV6, AnAddressIsUsedWhileItIsCheckedOrBeforeOrAfter) {
  for (const auto& [check, first, last] :
       {std::tuple(AddressCheck::kOff, AddressState::kPreferred, AddressState::kPreferred),
        std::tuple(AddressCheck::kOptimistic, AddressState::kOptimistic, AddressState::kPreferred),
        std::tuple(AddressCheck::kFirst, AddressState::kTentative, AddressState::kPreferred)}) {
    Interface interface(checked(with({"fe80::1/64"}), check), at(0));
    EXPECT_EQ(state_of(interface, "fe80::1"), first);
    EXPECT_EQ(interface.is_local(ip("fe80::1")), check != AddressCheck::kFirst);
    EXPECT_TRUE(interface.is_ours(ip("fe80::1")));
    EXPECT_EQ(interface.settled(), check != AddressCheck::kFirst);
    if (check == AddressCheck::kOff) {
      EXPECT_EQ(interface.next_deadline(), Instant::never());
      continue;
    }
    EXPECT_EQ(due(interface, 0), Words{"probe fe80::1"});
    EXPECT_EQ(due(interface, 999), Words{});
    EXPECT_EQ(interface.next_deadline(), at(1000));
    EXPECT_EQ(due(interface, 1000), Words{"announce fe80::1"});
    EXPECT_EQ(state_of(interface, "fe80::1"), last);
    EXPECT_TRUE(interface.is_local(ip("fe80::1")));
    EXPECT_EQ(interface.next_deadline(), Instant::never());
  }
}

TEST(NetInterfaceV6, AnObjectionInTimeTakesTheAddressAway) {
  Interface interface(with({"2001:db8::1/64", "2001:db8::2/64", "fe80::1/64"}), at(0));
  due(interface, 0);
  EXPECT_TRUE(interface.on_conflict(ip("2001:db8::1")));
  EXPECT_EQ(state_of(interface, "2001:db8::1"), AddressState::kDuplicate);
  EXPECT_FALSE(interface.is_local(ip("2001:db8::1")));
  EXPECT_FALSE(interface.is_ours(ip("2001:db8::1")));
  EXPECT_EQ(interface.source_for(ip("2001:db8::9")), ip("2001:db8::2"));
  EXPECT_EQ(due(interface, 1000), (Words{"announce 2001:db8::2", "announce fe80::1"}));
  EXPECT_FALSE(interface.on_conflict(ip("2001:db8::2"))) << "too late: it is ours";
  EXPECT_TRUE(interface.is_local(ip("2001:db8::2")));
}

TEST(NetInterfaceV6, TheFirstThousandAddressesOfRangesAreAnnouncedAFewAtATime) {
  InterfaceConfig config = with({"10.0.0.1/8", "2001:db8::1/64"});
  config.address_check = AddressCheck::kOff;
  config.gratuitous_arp = true;
  config.ranges = {range("10.1.0.1-10.1.0.2"), range("10.2.0.9"),
                   range("2001:db8::1:0:0-2001:db8::1:f:ffff")};
  Interface interface(config, at(0));
  interface.advance_groups(at(0), [](auto, auto, auto) {});
  const Words begin = due(interface, 0);
  ASSERT_EQ(begin.size(), 32u);
  EXPECT_EQ(begin[0], "announce 10.1.0.1");
  EXPECT_EQ(begin[1], "announce 10.1.0.2");
  EXPECT_EQ(begin[2], "announce 10.2.0.9");
  EXPECT_EQ(begin[3], "announce 2001:db8::1:0:0");
  EXPECT_EQ(due(interface, 9), Words{});
  size_t count = begin.size();
  std::string last;
  for (int64_t ms = 10; ms < 1000; ms += 10) {
    const Words some = due(interface, ms);
    count += some.size();
    if (!some.empty()) last = some.back();
  }
  EXPECT_EQ(count, Interface::kAnnouncedMax);
  EXPECT_EQ(last, "announce 2001:db8::1:0:3fc");  // 1021 of these
}

TEST(NetInterfaceV6, AllAddressesOfFewAreAnnounced) {
  InterfaceConfig config = with({"10.0.0.1/8"});
  config.gratuitous_arp = true;
  config.ranges = {range("10.1.0.1-10.1.0.2"), range("10.2.0.9")};
  Interface interface(config, at(0));
  EXPECT_EQ(due(interface, 0),
            (Words{"announce 10.1.0.1", "announce 10.1.0.2", "announce 10.2.0.9"}));
  EXPECT_EQ(interface.next_deadline(), Instant::never());
}

TEST(NetInterfaceV6, Ipv4IsProbedForThreeTimesWhereThatIsAskedFor) {
  InterfaceConfig config = with({"10.0.0.1/24"});
  config.arp_probe = true;
  Interface interface(config, at(0));
  for (const int64_t ms : {0, 1000, 2000}) EXPECT_EQ(due(interface, ms), Words{"probe 10.0.0.1"});
  EXPECT_FALSE(interface.is_local(ip("10.0.0.1")));
  EXPECT_EQ(due(interface, 3999), Words{});
  EXPECT_EQ(due(interface, 4000), Words{"announce 10.0.0.1"});
  EXPECT_TRUE(interface.is_local(ip("10.0.0.1")));
}

// --- Routers ------------------------------------------------------------------------------------

TEST(NetInterfaceV6, RoutersAreSolicitedThreeTimesAtMost) {
  Interface silent(autoconfigured(Autoconfigure::kRouters), at(0));
  for (const int64_t ms : {0, 4000, 8000}) EXPECT_EQ(due(silent, ms), Words{"solicit"}) << ms;
  EXPECT_EQ(silent.next_deadline(), Instant::never());
  Interface answered(autoconfigured(Autoconfigure::kRouters), at(0));
  due(answered, 0);
  answered.on_router(ip("fe80::9"), router(1800), at(100));
  EXPECT_EQ(due(answered, 4000), Words{});
}

TEST(NetInterfaceV6, ARouterIsOneForItsLifetime) {
  Interface interface(autoconfigured(Autoconfigure::kRouters), at(0));
  EXPECT_EQ(interface.next_hop(ip("2001:db8::1")), std::nullopt);
  interface.on_router(ip("fe80::9"), router(10), at(0));
  EXPECT_EQ(interface.next_hop(ip("2001:db8::1")), ip("fe80::9"));
  interface.on_router(ip("fe80::9"), router(10), at(5000));
  due(interface, 14999);
  EXPECT_EQ(interface.next_hop(ip("2001:db8::1")), ip("fe80::9"));
  due(interface, 15000);
  EXPECT_EQ(interface.next_hop(ip("2001:db8::1")), std::nullopt);
}

TEST(NetInterfaceV6, ALifetimeOfZeroOrAnAdvertisementWithoutTheFlagEndsIt) {
  Interface interface(autoconfigured(Autoconfigure::kRouters), at(0));
  interface.on_router(ip("fe80::9"), router(10), at(0));
  interface.on_router(ip("fe80::a"), router(10), at(0));
  interface.on_router(ip("fe80::9"), router(0), at(1));
  EXPECT_EQ(interface.next_hop(ip("2001:db8::1")), ip("fe80::a"));
  interface.on_no_router(ip("fe80::a"));
  EXPECT_EQ(interface.next_hop(ip("2001:db8::1")), std::nullopt);
}

TEST(NetInterfaceV6, RoutersAreNotListenedToUnlessTheyShallBe) {
  Interface interface(with({"2001:db8::1/64"}), at(0));
  interface.on_router(ip("fe80::9"), router(10), at(0));
  EXPECT_EQ(interface.next_hop(ip("2001:db8:1::1")), std::nullopt);
}

TEST(NetInterfaceV6, AStaticGatewayComesBeforeARouter) {
  InterfaceConfig config = with({"2001:db8::1/64"});
  config.autoconfigure = Autoconfigure::kRouters;
  config.routes = {{prefix("::/0"), ip("2001:db8::fe")}};
  Interface interface(config, at(0));
  interface.on_router(ip("fe80::9"), router(10), at(0));
  EXPECT_EQ(interface.next_hop(ip("2001:db8:1::1")), ip("2001:db8::fe"));
}

TEST(NetInterfaceV6, RoutersAreBounded) {
  Interface interface(autoconfigured(Autoconfigure::kRouters), at(0));
  for (uint32_t i = 0; i < 20; ++i) {
    interface.on_router(ip("fe80::100").plus(i), router(10), at(0));
    interface.on_router(ip("fe80::100").plus(i), announces("2001:db8::/64", 60, 60), at(0));
  }
  size_t distinct = 0;
  for (uint32_t i = 0; i < 20; ++i) {
    const auto hop = interface.next_hop(ip("2001:db8:1::1"));
    if (!hop) break;
    ++distinct;
    interface.on_no_router(*hop);
  }
  EXPECT_EQ(distinct, Interface::kRoutersMax);
}

TEST(NetInterfaceV6, TheLinksMtuIsWhatRoutersSayWithinReason) {
  Interface interface(autoconfigured(Autoconfigure::kRouters), at(0));
  EXPECT_EQ(interface.mtu_v6(), 1500);
  for (const auto& [said, expected] : {std::pair(1400u, 1400), std::pair(1279u, 1400),
                                       std::pair(1501u, 1400), std::pair(1280u, 1280)}) {
    wire::NdMessage message = router(10);
    message.mtu = said;
    interface.on_router(ip("fe80::9"), message, at(0));
    EXPECT_EQ(interface.mtu_v6(), expected) << said;
  }
}

// --- Autoconfiguration --------------------------------------------------------------------------

TEST(NetInterfaceV6, AnAnnouncedPrefixGivesAnAddressAndANetwork) {
  Interface interface(autoconfigured(Autoconfigure::kAddresses), at(0));
  interface.on_router(ip("fe80::9"), announces("2001:db8:7::/64", 100, 50), at(0));
  EXPECT_TRUE(interface.is_local(ip("2001:db8:7::ff:fe00:1")));
  EXPECT_EQ(interface.next_hop(ip("2001:db8:7::77")), ip("2001:db8:7::77")) << "on the link";
  EXPECT_EQ(interface.source_for(ip("2001:db8:9::1")), ip("2001:db8:7::ff:fe00:1"));
  due(interface, 50'000);
  EXPECT_EQ(state_of(interface, "2001:db8:7::ff:fe00:1"), AddressState::kDeprecated);
  EXPECT_TRUE(interface.is_local(ip("2001:db8:7::ff:fe00:1")));
  due(interface, 100'000);
  EXPECT_FALSE(interface.is_local(ip("2001:db8:7::ff:fe00:1")));
  EXPECT_EQ(interface.next_hop(ip("2001:db8:7::77")), ip("fe80::9")) << "no more";
}

TEST(NetInterfaceV6, SomePrefixesGiveNoAddress) {
  Interface only_routers(autoconfigured(Autoconfigure::kRouters), at(0));
  only_routers.on_router(ip("fe80::9"), announces("2001:db8:7::/64", 100, 50), at(0));
  EXPECT_EQ(only_routers.addresses().size(), 1u);
  EXPECT_EQ(only_routers.next_hop(ip("2001:db8:7::77")), ip("2001:db8:7::77"));
  Interface interface(autoconfigured(Autoconfigure::kAddresses), at(0));
  for (const wire::NdMessage& said :
       {announces("2001:db8:7::/64", 100, 50, false), announces("2001:db8:7::/80", 100, 50),
        announces("fe80::/64", 100, 50), announces("2001:db8:7::/64", 50, 100),
        announces("2001:db8:7::/64", 0, 0)}) {
    interface.on_router(ip("fe80::9"), said, at(0));
    EXPECT_EQ(interface.addresses().size(), 1u) << "the link-local one";
  }
}

TEST(NetInterfaceV6, NobodyEndsAnAddressWithinTwoHours) {
  // RFC 4862 section 5.5.3(e).
  Interface interface(autoconfigured(Autoconfigure::kAddresses), at(0));
  const auto valid_until = [&] { return interface.own(ip("2001:db8:7::ff:fe00:1"))->valid_until; };
  interface.on_router(ip("fe80::9"), announces("2001:db8:7::/64", 100'000, 100'000), at(0));
  interface.on_router(ip("fe80::9"), announces("2001:db8:7::/64", 10, 10), at(0));
  EXPECT_EQ(valid_until(), at(7'200'000));
  interface.on_router(ip("fe80::9"), announces("2001:db8:7::/64", 10, 10), at(1000));
  EXPECT_EQ(valid_until(), at(7'200'000)) << "less than two hours are left: unchanged";
  interface.on_router(ip("fe80::9"), announces("2001:db8:7::/64", 8000, 10), at(1000));
  EXPECT_EQ(valid_until(), at(8'001'000));
  interface.on_router(ip("fe80::9"), announces("2001:db8:7::/64", UINT32_MAX, 10), at(1000));
  EXPECT_EQ(valid_until(), Instant::never());
}

TEST(NetInterfaceV6, FormedAddressesAreBounded) {
  Interface interface(autoconfigured(Autoconfigure::kAddresses), at(0));
  for (int i = 0; i < 40; ++i) {
    const std::string network = "2001:db8:" + std::to_string(i + 1) + "::/64";
    interface.on_router(ip("fe80::9"), announces(network.c_str(), 100, 50), at(0));
  }
  EXPECT_EQ(interface.addresses().size(), 1 + Interface::kFormedMax);
}

// --- From where ---------------------------------------------------------------------------------

TEST(NetInterfaceV6, SpeaksFromTheSameScopeAndTheLongestPrefix) {
  const Interface interface(
      with({"2001:db8:1::1/48", "2001:db8:2:3::1/64", "fd00::1/64", "10.0.0.1/24"}), at(0));
  EXPECT_EQ(interface.source_for(ip("fe80::9")), ip("fe80::ff:fe00:1"));
  EXPECT_EQ(interface.source_for(ip("ff02::1")), ip("fe80::ff:fe00:1"));
  EXPECT_EQ(interface.source_for(ip("2001:db8:2:3::9")), ip("2001:db8:2:3::1"));
  EXPECT_EQ(interface.source_for(ip("2001:db8:1:9::9")), ip("2001:db8:1::1"));
  EXPECT_EQ(interface.source_for(ip("fd00::9")), ip("fd00::1"));
  EXPECT_EQ(interface.source_for(ip("10.0.0.9")), ip("10.0.0.1"));
}

TEST(NetInterfaceV6, WithLinkLocalOnlyItSpeaksFromThat) {
  const Interface interface(with({"fe80::1/64"}), at(0));
  EXPECT_EQ(interface.source_for(ip("2001:db8::1")), ip("fe80::1"));
  EXPECT_TRUE(interface.source_for(ip("10.0.0.9")).is_unspecified());
}

TEST(NetInterfaceV6, DeprecatedOrUncheckedOnesAreTheLastChoice) {
  Interface interface(autoconfigured(Autoconfigure::kAddresses), at(0));
  interface.on_router(ip("fe80::9"), announces("2001:db8:7::/64", 9000, 1), at(0));
  interface.on_router(ip("fe80::9"), announces("2001:db8:8::/64", 9000, 9000), at(0));
  due(interface, 1000);
  EXPECT_EQ(interface.source_for(ip("2001:db8:7::9")), ip("2001:db8:8::ff:fe00:1"));
  const Interface unchecked(checked(with({"2001:db8::1/64"}), AddressCheck::kFirst), at(0));
  EXPECT_EQ(unchecked.source_for(ip("2001:db8::9")), ip("2001:db8::1"));
}

// --- Gateways -----------------------------------------------------------------------------------

TEST(NetInterface, TheNextGatewayTakesThePlaceOfOneThatIsLost) {
  InterfaceConfig config = with({"10.0.0.1/24"});
  config.routes = {{prefix("0.0.0.0/0"), ip("10.0.0.254")},
                   {prefix("0.0.0.0/0"), ip("10.0.0.253")},
                   {prefix("10.9.0.0/16"), ip("10.0.0.252")}};
  Interface interface(config, at(0));
  const uint32_t changes = interface.changes();
  EXPECT_FALSE(interface.on_gateway(ip("10.0.0.77"), true)) << "no gateway";
  EXPECT_EQ(interface.changes(), changes);
  EXPECT_TRUE(interface.on_gateway(ip("10.0.0.254"), true));
  EXPECT_FALSE(interface.on_gateway(ip("10.0.0.254"), true)) << "known";
  EXPECT_NE(interface.changes(), changes);
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8")), ip("10.0.0.253"));
  EXPECT_TRUE(interface.on_gateway(ip("10.0.0.252"), true));
  EXPECT_EQ(interface.next_hop(ip("10.9.1.1")), ip("10.0.0.252"))
      << "the only one for that network";
  EXPECT_TRUE(interface.on_gateway(ip("10.0.0.253"), true));
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8")), ip("10.0.0.254")) << "all are lost: the first";
  EXPECT_TRUE(interface.on_gateway(ip("10.0.0.253"), false));
  EXPECT_EQ(interface.next_hop(ip("8.8.8.8")), ip("10.0.0.253"));
}

}  // namespace
}  // namespace millrace::net
