// SPDX-License-Identifier: BSD-3-Clause
// The addresses that load comes from: each in turn, and each known by its number.
#include "load/sources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace millrace::load {
namespace {

std::vector<AddressRange> ranges(const std::vector<const char*>& texts) {
  std::vector<AddressRange> all;
  for (const char* text : texts) all.push_back(AddressRange::parse(text).value());
  return all;
}

TEST(Sources, TakeTurns) {
  Sources sources(ranges({"10.0.0.1", "10.1.0.0/30", "10.0.0.254-10.0.1.0", "10.2.0.8/32"}));
  EXPECT_EQ(sources.count(), 7u);
  std::string all;
  for (int i = 0; i < 8; ++i) all += sources.next().to_string() + " ";
  EXPECT_EQ(all, "10.0.0.1 10.1.0.1 10.1.0.2 10.0.0.254 10.0.0.255 10.0.1.0 10.2.0.8 10.0.0.1 ");
}

TEST(Sources, GoOnWhere32BitsEnd) {
  Sources sources(ranges({"2001:db8::ffff:fffe-2001:db8::1:0:1"}));
  EXPECT_EQ(sources.count(), 4u);
  std::string all;
  for (int i = 0; i < 5; ++i) all += sources.next().to_string() + " ";
  EXPECT_EQ(all,
            "2001:db8::ffff:fffe 2001:db8::ffff:ffff 2001:db8::1:0:0 2001:db8::1:0:1 "
            "2001:db8::ffff:fffe ");
  EXPECT_EQ(sources.index_of(IpAddress::parse("2001:db8::1:0:0").value()), 2u);
}

TEST(Sources, AMillionTakeNoMoreRoomThanOne) {
  Sources sources(ranges({"10.16.0.0-10.31.255.255"}));
  EXPECT_EQ(sources.count(), 1u << 20);
  for (uint32_t i = 0; i < 1u << 20; ++i) {
    ASSERT_EQ(sources.next(), IpAddress::v4(0x0a100000 + i));
  }
  EXPECT_EQ(sources.next(), IpAddress::v4(0x0a100000));
}

// Against a list of them all, in the order that was given.
TEST(Sources, AreKnownByTheirNumbersInAnyOrderOfRanges) {
  base::Random random(5);
  for (const char* text : {"10.0.0.0", "2001:db8::ffff:ff00"}) {
    const IpAddress base = IpAddress::parse(text).value();
    std::vector<AddressRange> parts;
    for (uint32_t at = 0; parts.size() < 300;) {
      const uint32_t first = at + random.below(4);
      const uint32_t last = first + random.below(random.below(8) == 0 ? 200 : 3);
      parts.push_back({base.plus(first), base.plus(last)});
      at = last + 1;
    }
    for (size_t i = parts.size() - 1; i > 0; --i) {
      std::swap(parts[i], parts[random.below(static_cast<uint32_t>(i) + 1)]);
    }
    std::vector<IpAddress> twin;
    for (const AddressRange& part : parts) {
      for (uint32_t i = 0; i < part.count(); ++i) twin.push_back(part.first.plus(i));
    }
    Sources sources(parts);
    ASSERT_EQ(sources.count(), twin.size());
    for (const IpAddress& expected : twin) ASSERT_EQ(sources.next(), expected);
    for (uint32_t i = 0; i < 8000; ++i) {
      const IpAddress any = base.plus(i);
      const auto found = std::find(twin.begin(), twin.end(), any);
      const auto index = sources.index_of(any);
      ASSERT_EQ(index.has_value(), found != twin.end()) << any.to_string();
      if (index) {
        ASSERT_EQ(*index, static_cast<uint64_t>(found - twin.begin()));
      }
    }
  }
}

}  // namespace
}  // namespace millrace::load
