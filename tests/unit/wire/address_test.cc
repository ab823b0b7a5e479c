// SPDX-License-Identifier: BSD-3-Clause
// Addresses as people type them.
#include "millrace/address.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(WireAddress, GoodTextComesBackTheSame) {
  for (const char* text :
       {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::1", "fe80::1", "2001:db8::7"}) {
    EXPECT_EQ(IpAddress::parse(text).value().to_string(), text);
  }
  for (const char* text : {"10.0.0.1/0", "10.0.0.1/24", "10.0.0.1/32", "fe80::1/64"}) {
    EXPECT_EQ(Prefix::parse(text).value().to_string(), text);
  }
  for (const char* text : {"10.0.0.1:1", "10.0.0.1:65535", "[fe80::1]:80"}) {
    EXPECT_EQ(Endpoint::parse(text).value().to_string(), text);
  }
  EXPECT_EQ(MacAddress::parse("02:00:00:ab:cd:ef").value().to_string(), "02:00:00:ab:cd:ef");
  EXPECT_EQ(MacAddress::parse("02:00:00:AB:CD:EF").value().to_string(), "02:00:00:ab:cd:ef");
}

TEST(WireAddress, BadTextIsNamedInTheMessage) {
  for (const char* text : {"", "10", "10.0.0", "10.0.0.256", "10.0.0.1.1", "010.0.0.1", "a.b.c.d",
                           "10.0.0.1 ", "fe80::1::2"}) {
    const Result<IpAddress> result = IpAddress::parse(text);
    ASSERT_FALSE(result) << text;
    EXPECT_NE(result.error().message.find(text), std::string::npos);
  }
  for (const char* text : {"10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/24x",
                           "fe80::1/129", "/24"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
  for (const char* text : {"10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", ":80",
                           "fe80::1:80", "10.0.0.1:8o"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
  for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:0", "02-00-00-00-00-01",
                           "02:00:00:00:00:0g", "02:00:00:00:00:01:02"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(WireAddress, KindsOfAddress) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.1").value().is_multicast());
  EXPECT_TRUE(IpAddress::parse("239.255.255.255").value().is_multicast());
  EXPECT_FALSE(IpAddress::parse("223.255.255.255").value().is_multicast());
  EXPECT_FALSE(IpAddress::parse("240.0.0.1").value().is_multicast());
  EXPECT_TRUE(IpAddress::parse("127.1.2.3").value().is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1").value().is_loopback());
  EXPECT_TRUE(IpAddress::parse("169.254.0.1").value().is_link_local());
  EXPECT_FALSE(IpAddress::parse("169.253.255.255").value().is_link_local());
  EXPECT_TRUE(IpAddress::parse("fe80::1").value().is_link_local());
  EXPECT_TRUE(IpAddress::parse("febf:ffff::1").value().is_link_local());
  EXPECT_FALSE(IpAddress::parse("fec0::1").value().is_link_local());
  EXPECT_TRUE(IpAddress::parse("0.0.0.0").value().is_unspecified());
  EXPECT_TRUE(IpAddress::parse("::").value().is_unspecified());
  EXPECT_FALSE(IpAddress::parse("10.0.0.1").value().is_unspecified());
}

TEST(WireAddress, PrefixesContainTheirNetwork) {
  const Prefix p = Prefix::parse("10.1.2.3/20").value();
  EXPECT_EQ(p.network().to_string(), "10.1.0.0");
  EXPECT_EQ(p.broadcast().to_string(), "10.1.15.255");
  EXPECT_TRUE(p.contains(IpAddress::parse("10.1.15.255").value()));
  EXPECT_FALSE(p.contains(IpAddress::parse("10.1.16.0").value()));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0").value().contains(IpAddress::parse("8.8.8.8").value()));
  const Prefix v6 = Prefix::parse("2001:db8:ffff::/36").value();
  EXPECT_EQ(v6.network().to_string(), "2001:db8:f000::");
  EXPECT_TRUE(v6.contains(IpAddress::parse("2001:db8:fabc::1").value()));
  EXPECT_FALSE(v6.contains(IpAddress::parse("2001:db8:e000::1").value()));
}

TEST(WireAddress, CountsUpWithinTheLastWord) {
  EXPECT_EQ(IpAddress::parse("10.0.0.255").value().plus(1).to_string(), "10.0.1.0");
  EXPECT_EQ(IpAddress::parse("255.255.255.255").value().plus(2).to_string(), "0.0.0.1");
}

TEST(WireAddress, TextBehindAZeroByteIsNotOverlooked) {
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0 and more", 18)));
  EXPECT_FALSE(Prefix::parse(std::string_view("10.0.0.1\0/24", 12)));
}

TEST(WireAddress, AMessageShowsTheFormThatIsExpected) {
  const auto says = [](const auto& result, const char* form) {
    return !result && result.error().message.find(form) != std::string::npos;
  };
  EXPECT_TRUE(says(IpAddress::parse("eth0"), "10.0.0.1"));
  EXPECT_TRUE(says(Prefix::parse("10.0.0.1"), "10.0.0.1/24"));
  EXPECT_TRUE(says(Prefix::parse("10.0.0.1/33"), "from 0 to 32"));
  EXPECT_TRUE(says(Prefix::parse("fe80::1/129"), "from 0 to 128"));
  EXPECT_TRUE(says(Endpoint::parse("10.0.0.1"), "10.0.0.1:80"));
  EXPECT_TRUE(says(Endpoint::parse("10.0.0.1:0"), "from 1 to 65535"));
  EXPECT_TRUE(says(MacAddress::parse("1"), "02:00:00:00:00:01"));
}

TEST(WireAddress, APrefixHoldsItsOwnFamilyOnly) {
  const Prefix all_v4 = Prefix::parse("0.0.0.0/0").value();
  const Prefix all_v6 = Prefix::parse("::/0").value();
  const IpAddress v4 = IpAddress::parse("10.0.0.1").value();
  const IpAddress v6 = IpAddress::parse("fe80::1").value();
  EXPECT_TRUE(all_v4.contains(v4));
  EXPECT_FALSE(all_v4.contains(v6));
  EXPECT_TRUE(all_v6.contains(v6));
  EXPECT_FALSE(all_v6.contains(v4));
}

TEST(WireAddress, AFlowReadsFromHereToThere) {
  const FlowKey key{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, 40000};
  EXPECT_EQ(key.to_string(), "10.0.0.1:80 -> 10.0.0.2:40000");
}

}  // namespace
}  // namespace millrace
