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

}  // namespace
}  // namespace millrace
