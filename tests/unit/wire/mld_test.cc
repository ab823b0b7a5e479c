// SPDX-License-Identifier: BSD-3-Clause
// Queries for groups as anybody may send them, and reports as we send them.
#include "wire/mld.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "support/naive_icmp6.h"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::ip;
using test::NaiveIcmp6;

constexpr MacAddress kHost{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeer{{2, 0, 0, 0, 0, 2}};
const test::LineEnds kEnds{kPeer, kHost, ip("fe80::2"), ip("fe80::1")};

std::optional<GroupQuery> read(const Bytes& frame) {
  ParsedFrame parsed;
  EXPECT_EQ(
      parse_frame({.data = frame.data(), .length = static_cast<uint32_t>(frame.size())}, parsed),
      FrameKind::kIcmpV6);
  Counter drop{};
  const auto message = parse_icmp_v6(parsed, drop);
  EXPECT_TRUE(message);
  return message ? parse_group_query(parsed, *message) : std::nullopt;
}
NaiveIcmp6 said(std::string_view line) { return test::icmp6_of_line(line, kEnds).value(); }
std::optional<GroupQuery> read(std::string_view line) { return read(build(said(line))); }

TEST(WireMld, AQueryNamesOneGroupOrNone) {
  const auto all = read("mld query max 10000");
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->group.is_unspecified());
  EXPECT_EQ(all->response_ms_max, 10'000u);
  EXPECT_FALSE(all->version_1);
  const auto one = read("mld query ff02::1:ff00:77 max 5 v1");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->group, ip("ff02::1:ff00:77"));
  EXPECT_EQ(one->response_ms_max, 5u);
  EXPECT_TRUE(one->version_1);
}

TEST(WireMld, LongTimesAreInStepsThatGrow) {
  // RFC 3810 section 5.1.3; version 1 has no such.
  EXPECT_EQ(read("mld query max 32767")->response_ms_max, 32'767u);
  EXPECT_EQ(read("mld query max 32768")->response_ms_max, 0x1000u << 3);
  EXPECT_EQ(read("mld query max 65535")->response_ms_max, 0x1fffu << 10);
  EXPECT_EQ(read("mld query max 65535 v1")->response_ms_max, 65'535u);
}

TEST(WireMld, WhatIsNotFromThisLinkOrAlertsNobodyIsNoQuery) {
  EXPECT_FALSE(read("mld query limit 2"));
  EXPECT_FALSE(read("mld query limit 255"));
  EXPECT_FALSE(read("mld query no-alert"));
  EXPECT_FALSE(read("mld query from 2001:db8::2"));
  EXPECT_FALSE(read("mld query from ::"));
  NaiveIcmp6 other = said("mld query");
  other.hop_by_hop[2] = std::byte{0x1e};  // an option that may be skipped
  EXPECT_FALSE(read(build(other)));
}

TEST(WireMld, OnlyTheLengthsOfItsVersionsAreRead) {
  for (size_t bytes = 4; bytes < 40; ++bytes) {
    NaiveIcmp6 query = said("mld query");
    query.body.resize(bytes);
    EXPECT_EQ(read(build(query)).has_value(), bytes == 20 || bytes >= 24) << bytes;
  }
}

TEST(WireMld, AReportNamesGroupsToAllRoutersThatListen) {
  std::array<std::byte, kGroupReportHeaderBytes + 2 * kGroupRecordBytes> out;
  const std::array<uint32_t, 2> groups{0x000001, 0xfffffe};
  for (const auto& [record, text] :
       {std::pair(GroupRecord::kToExclude, "mld joins ff02::1:ff00:1 ff02::1:ffff:fffe"),
        std::pair(GroupRecord::kIsExclude, "mld has ff02::1:ff00:1 ff02::1:ffff:fffe")}) {
    ASSERT_EQ(build_group_report(out, kHost, ip("fe80::1"), record, groups), out.size());
    std::string problem;
    const auto read = test::decode_icmp6(Bytes(out.begin(), out.end()), problem);
    ASSERT_TRUE(read);
    EXPECT_EQ(problem, "");
    EXPECT_EQ(icmp6_text(*read), text);
    EXPECT_EQ(read->source, ip("fe80::1"));
    EXPECT_EQ(read->source_mac, kHost);
    EXPECT_EQ(read->destination, ip("ff02::16"));
  }
}

TEST(WireMld, TheOldestReportGoesToItsGroup) {
  std::array<std::byte, kGroupReportHeaderBytes + kGroupReportV1ExtraBytes> out;
  ASSERT_EQ(build_group_report_v1(out, kHost, ip("fe80::1"), 0x123456), out.size());
  std::string problem;
  const auto read = test::decode_icmp6(Bytes(out.begin(), out.end()), problem);
  ASSERT_TRUE(read);
  EXPECT_EQ(problem, "");
  EXPECT_EQ(icmp6_text(*read), "mld has ff02::1:ff12:3456 v1");
  EXPECT_EQ(read->destination, ip("ff02::1:ff12:3456"));
}

TEST(WireMld, GroupsAreKnownByTheirLowBitsAndNoOthersAre) {
  EXPECT_EQ(solicited_node_group(0xabcdef), ip("ff02::1:ffab:cdef"));
  EXPECT_EQ(low_bits_of(ip("ff02::1:ffab:cdef")), 0xabcdefu);
  for (const char* other : {"ff02::1", "ff02::16", "ff05::1:ffab:cdef", "ff02::1:feab:cdef",
                            "fe80::1:ffab:cdef", "10.0.0.1"}) {
    EXPECT_FALSE(low_bits_of(ip(other))) << other;
  }
}

}  // namespace
}  // namespace millrace::wire
