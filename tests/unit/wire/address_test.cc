// SPDX-License-Identifier: BSD-3-Clause
// Addresses as people type them.
#include "millrace/address.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/random.h"

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

TEST(WireAddress, CountsUpWithinItsFamily) {
  const auto after = [](const char* text, uint32_t offset) {
    return IpAddress::parse(text).value().plus(offset).to_string();
  };
  EXPECT_EQ(after("10.0.0.255", 1), "10.0.1.0");
  EXPECT_EQ(after("255.255.255.255", 2), "0.0.0.1");
  EXPECT_EQ(after("2001:db8::ffff:ffff", 1), "2001:db8::1:0:0");
  EXPECT_EQ(after("2001:db8:ffff:ffff:ffff:ffff:ffff:fff0", 0x20), "2001:db9::10");
  EXPECT_EQ(after("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1), "::");
}

__extension__ using Wide = unsigned __int128;

Wide number(const IpAddress& address) {
  Wide value = 0;
  for (const uint8_t byte : address.bytes()) value = value << 8 | byte;
  return value;
}

TEST(WireAddress, ComparesAndCountsAsANumber) {
  base::Random random(3);
  const auto draw = [&random] {
    std::array<uint8_t, 16> bytes{};
    // Most bytes at an end of their range, so that sums carry.
    for (uint8_t& byte : bytes) {
      const uint32_t kind = random.below(4);
      byte = kind == 0 ? 0 : kind == 1 ? 0xff : static_cast<uint8_t>(random.next());
    }
    if (random.below(2) == 0) return IpAddress::v4(static_cast<uint32_t>(random.next()));
    return IpAddress::v6(bytes);
  };
  for (int i = 0; i < 100'000; ++i) {
    const IpAddress a = draw();
    const IpAddress b = random.below(4) == 0 ? a.plus(random.below(3)) : draw();
    ASSERT_EQ(a < b, number(a) < number(b)) << a.to_string() << " " << b.to_string();
    ASSERT_EQ(a == b, number(a) == number(b));
    const auto offset = static_cast<uint32_t>(random.next());
    if (!a.is_v4()) {
      ASSERT_EQ(number(a.plus(offset)), number(a) + offset) << a.to_string();
    }
    if (a <= b && a.is_v4() == b.is_v4()) {
      const Wide count = number(b) - number(a) + 1;
      const AddressRange range{a, b};
      ASSERT_EQ(range.count(), count == 0 || count > UINT64_MAX ? UINT64_MAX : uint64_t(count));
    }
  }
}

TEST(WireAddress, ARangeIsAnAddressTwoOrAPrefixesHosts) {
  struct Row {
    const char* text;
    const char* first;
    const char* last;
    uint64_t count;
  };
  for (const Row& row : std::vector<Row>{
           {"10.0.0.7", "10.0.0.7", "10.0.0.7", 1},
           {"10.0.0.7-10.0.1.6", "10.0.0.7", "10.0.1.6", 256},
           {"10.0.0.9/24", "10.0.0.1", "10.0.0.254", 254},
           {"10.0.0.77/30", "10.0.0.77", "10.0.0.78", 2},
           {"10.0.0.5/31", "10.0.0.4", "10.0.0.5", 2},
           {"10.0.0.4/32", "10.0.0.4", "10.0.0.4", 1},
           {"0.0.0.0/0", "0.0.0.1", "255.255.255.254", 0xffff'fffe},
           {"2001:db8::/120", "2001:db8::1", "2001:db8::fe", 254},
           {"2001:db8::5/127", "2001:db8::4", "2001:db8::5", 2},
           {"2001:db8::5/128", "2001:db8::5", "2001:db8::5", 1},
           {"2001:db8::ffff-2001:db8::1:0", "2001:db8::ffff", "2001:db8::1:0", 2},
           {"2001:db8::/61", "2001:db8::1", "2001:db8:0:7:ffff:ffff:ffff:fffe", UINT64_MAX}}) {
    const Result<AddressRange> range = AddressRange::parse(row.text);
    ASSERT_TRUE(range) << row.text;
    EXPECT_EQ(range->first.to_string(), row.first) << row.text;
    EXPECT_EQ(range->last.to_string(), row.last) << row.text;
    EXPECT_EQ(range->count(), row.count) << row.text;
    EXPECT_EQ(AddressRange::parse(range->to_string()).value(), *range);
  }
  for (const char* wrong : {"", "-", "10.0.0.1-", "-10.0.0.1", "10.0.0.1-10.0.0.2-10.0.0.3",
                            "10.0.0.1-2001:db8::1", "10.0.0.2-10.0.0.1", "10.0.0.0/33",
                            "10.0.0.1-10.0.0.4/24", "2001:db8::1/129", "10.0.0.1 -10.0.0.2"}) {
    EXPECT_FALSE(AddressRange::parse(wrong)) << wrong;
  }
}

TEST(WireAddress, RangesOverlapWhereTheyShareAnAddress) {
  const auto overlap = [](const char* a, const char* b) {
    return AddressRange::parse(a)->overlaps(AddressRange::parse(b).value());
  };
  EXPECT_TRUE(overlap("10.0.0.1-10.0.0.5", "10.0.0.5-10.0.0.9"));
  EXPECT_TRUE(overlap("10.0.0.3", "10.0.0.1-10.0.0.5"));
  EXPECT_FALSE(overlap("10.0.0.1-10.0.0.5", "10.0.0.6"));
  EXPECT_FALSE(overlap("10.0.0.6", "10.0.0.1-10.0.0.5"));
  EXPECT_FALSE(overlap("0.0.0.0-255.255.255.255", "::-::1"));
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
