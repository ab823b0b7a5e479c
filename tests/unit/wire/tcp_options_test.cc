// SPDX-License-Identifier: BSD-3-Clause
// Unknown options are skipped, lengths that make no sense refuse the segment (RFC 9293 MUST-6,
// MUST-7).
#include "wire/tcp_options.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <span>
#include <vector>

namespace millrace::wire {
namespace {

Segment parse(Flags flags, std::initializer_list<int> bytes) {
  std::vector<std::byte> options;
  for (const int b : bytes) options.push_back(static_cast<std::byte>(b));
  Segment segment;
  segment.flags = flags;
  EXPECT_TRUE(parse_tcp_options(options.data(), options.size(), segment));
  return segment;
}

bool sound(std::initializer_list<int> bytes) {
  std::vector<std::byte> options;
  for (const int b : bytes) options.push_back(static_cast<std::byte>(b));
  Segment segment;
  segment.flags = kSyn;
  return parse_tcp_options(options.data(), options.size(), segment);
}

TEST(WireTcpOptions, ASynsOptionsInLinuxsOrder) {
  const Segment s = parse(kSyn, {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7});
  EXPECT_EQ(s.mss, 1460);
  EXPECT_TRUE(s.sack_permitted);
  EXPECT_TRUE(s.has_timestamps);
  EXPECT_EQ(s.ts_value, 1u);
  EXPECT_EQ(s.ts_echo, 2u);
  EXPECT_EQ(s.window_shift, 7);
}

TEST(WireTcpOptions, MssAndScaleCountOnSynOnly) {
  const Segment s = parse(kAck, {2, 4, 5, 180, 3, 3, 7, 1});
  EXPECT_EQ(s.mss, 0);
  EXPECT_EQ(s.window_shift, kNoWindowShift);
}

TEST(WireTcpOptions, FastOpenAsksForACookieOrBringsOne) {
  EXPECT_EQ(parse(kSyn, {2, 4, 5, 180}).fast_open_length, 0);
  const Segment asks = parse(kSyn, {34, 2, 1, 1});
  EXPECT_EQ(asks.fast_open_length, 2);
  EXPECT_TRUE(asks.fast_open_cookie().empty());
  const std::vector<std::byte> options = {std::byte{34}, std::byte{6}, std::byte{7},
                                          std::byte{8},  std::byte{9}, std::byte{10}};
  Segment brings;
  brings.flags = kSyn;
  ASSERT_TRUE(parse_tcp_options(options.data(), options.size(), brings));
  EXPECT_TRUE(std::ranges::equal(brings.fast_open_cookie(), std::span(options).subspan(2)));
  EXPECT_EQ(brings.sack_count, 0);
}

TEST(WireTcpOptions, FastOpenOfAnotherLengthOrNotOnSynIsNone) {
  EXPECT_EQ(parse(kAck, {34, 2, 1, 1}).fast_open_length, 0);
  EXPECT_EQ(parse(kSyn, {34, 3, 0, 1}).fast_open_length, 0);
  EXPECT_EQ(parse(kSyn, {34, 4, 0, 0}).fast_open_length, 0);
  EXPECT_EQ(parse(kSyn, {34, 7, 0, 0, 0, 0, 0, 1}).fast_open_length, 0);
  EXPECT_EQ(
      parse(kSyn, {34, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}).fast_open_length,
      0);
}

TEST(WireTcpOptions, TheLongestCookieFitsBesideAllOthers) {
  std::array<std::byte, 16> cookie;
  for (size_t i = 0; i < cookie.size(); ++i) cookie[i] = static_cast<std::byte>(i + 1);
  SegmentHeader header;
  header.flags = kSyn;
  header.mss = 1460;
  header.window_shift = 7;
  header.sack_permitted = true;
  header.has_timestamps = true;
  for (const size_t bytes : {size_t{0}, size_t{4}, size_t{6}, size_t{8}, size_t{16}}) {
    header.fast_open_length = static_cast<uint8_t>(2 + bytes);
    header.fast_open_cookie = cookie.data();
    std::array<std::byte, kTcpOptionsMaxBytes> written{};
    const size_t total = write_tcp_options(written.data(), header);
    EXPECT_EQ(total, tcp_options_bytes(header));
    EXPECT_EQ(total % 4, 0u);
    Segment back;
    back.flags = kSyn;
    ASSERT_TRUE(parse_tcp_options(written.data(), total, back));
    EXPECT_TRUE(std::ranges::equal(back.fast_open_cookie(), std::span(cookie).first(bytes)));
    EXPECT_EQ(back.mss, 1460);
    EXPECT_EQ(back.window_shift, 7);
    EXPECT_TRUE(back.sack_permitted && back.has_timestamps);
  }
}

TEST(WireTcpOptions, UnknownOnesAreSkipped) {
  const Segment s = parse(kSyn, {254, 6, 1, 2, 3, 4, 2, 4, 5, 180, 30, 2});
  EXPECT_EQ(s.mss, 1460);
}

TEST(WireTcpOptions, NothingIsReadBehindTheEnd) {
  const Segment s = parse(kSyn, {0, 2, 4, 5, 180, 0, 0, 0});
  EXPECT_EQ(s.mss, 0);
}

TEST(WireTcpOptions, LengthsThatMakeNoSenseAreRefused) {
  EXPECT_FALSE(sound({2, 4, 5, 180, 99, 0, 3, 3}));
  EXPECT_FALSE(sound({2, 4, 5, 180, 99, 1, 3, 3}));
  EXPECT_FALSE(sound({2, 4, 5, 180, 99, 5, 3, 3}));
  EXPECT_FALSE(sound({1, 1, 1, 2}));  // a kind without its length
  EXPECT_TRUE(sound({2, 4, 5, 180, 99, 4, 3, 3}));
  EXPECT_TRUE(sound({0, 99, 0, 0}));  // nobody looks behind the end
}

TEST(WireTcpOptions, AKnownOptionOfTheWrongLengthIsSkipped) {
  const Segment s = parse(kSyn, {2, 3, 5, 3, 3, 7, 1, 1});
  EXPECT_EQ(s.mss, 0);
  EXPECT_EQ(s.window_shift, 7);
}

TEST(WireTcpOptions, SackBlocksAreFound) {
  constexpr uint8_t kOptions[] = {1, 1, 5, 18, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0};
  Segment s;
  s.flags = kAck;
  ASSERT_TRUE(parse_tcp_options(reinterpret_cast<const std::byte*>(kOptions), sizeof kOptions, s));
  ASSERT_EQ(s.sack_count, 2);
  EXPECT_EQ(s.sack_block(0), (SackBlock{SeqNum(0x100), SeqNum(0x200)}));
  EXPECT_EQ(s.sack_block(1), (SackBlock{SeqNum(0x300), SeqNum(0x400)}));
}

TEST(WireTcpOptions, WhatIsWrittenIsReadAgain) {
  for (int bits = 0; bits < 16; ++bits) {
    SegmentHeader h;
    h.flags = kSyn;
    if ((bits & 1) != 0) h.mss = 1400;
    if ((bits & 2) != 0) h.window_shift = 9;
    h.sack_permitted = (bits & 4) != 0;
    h.has_timestamps = (bits & 8) != 0;
    h.ts_value = 0x01020304;
    h.ts_echo = 0x05060708;
    std::vector<std::byte> bytes(kTcpOptionsMaxBytes);
    const size_t n = write_tcp_options(bytes.data(), h);
    EXPECT_EQ(n, tcp_options_bytes(h));
    EXPECT_EQ(n % 4, 0u);
    Segment s;
    s.flags = kSyn;
    ASSERT_TRUE(parse_tcp_options(bytes.data(), n, s));
    EXPECT_EQ(s.mss, h.mss);
    EXPECT_EQ(s.window_shift, h.window_shift);
    EXPECT_EQ(s.sack_permitted, h.sack_permitted);
    EXPECT_EQ(s.has_timestamps, h.has_timestamps);
    if (h.has_timestamps) {
      EXPECT_EQ(s.ts_value, h.ts_value);
    }
  }
}

TEST(WireTcpOptions, OfTwoOfAKindTheLastCounts) {
  const Segment s = parse(kSyn, {2, 4, 5, 180, 2, 4, 2, 24, 3, 3, 7, 3, 3, 9});
  EXPECT_EQ(s.mss, 536);
  EXPECT_EQ(s.window_shift, 9);
}

TEST(WireTcpOptions, AShiftOf255IsNotMistakenForNone) {
  const Segment s = parse(kSyn, {3, 3, 255, 0});
  EXPECT_NE(s.window_shift, kNoWindowShift);
  EXPECT_GT(s.window_shift, kWindowShiftMax);
}

TEST(WireTcpOptions, ASynAcknowledgesNoBlocks) {
  const Segment s = parse(kSyn, {5, 10, 0, 0, 1, 0, 0, 0, 2, 0, 1, 1});
  EXPECT_EQ(s.sack_count, 0);
}

TEST(WireTcpOptions, ASackOptionOfNoWholeBlocksIsSkipped) {
  EXPECT_EQ(parse(kAck, {5, 2, 1, 1}).sack_count, 0);
  EXPECT_EQ(parse(kAck, {5, 9, 0, 0, 1, 0, 0, 0, 2, 1, 1, 1}).sack_count, 0);
  EXPECT_EQ(parse(kAck, {5, 12, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0}).sack_count, 0);
}

TEST(WireTcpOptions, TheShortWayForTimestampsReadsWhatTheWalkReads) {
  const std::vector<std::byte> options = [] {
    std::vector<std::byte> bytes(kTimestampsBytes);
    SegmentHeader h;
    h.flags = kAck;
    h.has_timestamps = true;
    h.ts_value = 0xfffefdfc;
    h.ts_echo = 0x01020304;
    EXPECT_EQ(write_tcp_options(bytes.data(), h), bytes.size());
    return bytes;
  }();
  Segment quick, walked;
  quick.flags = walked.flags = kAck;
  ASSERT_TRUE(parse_tcp_options(options.data(), options.size(), quick));
  ASSERT_TRUE(walk_tcp_options(options.data(), options.size(), walked));
  EXPECT_TRUE(quick.has_timestamps && walked.has_timestamps);
  EXPECT_EQ(quick.ts_value, 0xfffefdfcu);
  EXPECT_EQ(quick.ts_value, walked.ts_value);
  EXPECT_EQ(quick.ts_echo, walked.ts_echo);
}

// A cut in the middle of an option leaves a length that points past the end, or none at all.
TEST(WireTcpOptions, ACutBetweenOptionsIsSoundAndWithinOneIsNot) {
  constexpr uint8_t kOptions[] = {2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  for (size_t n = 0; n <= sizeof kOptions; ++n) {
    const auto bytes = std::as_bytes(std::span(kOptions)).first(n);
    const std::vector<std::byte> cut(bytes.begin(), bytes.end());
    Segment s;
    s.flags = kSyn;
    const bool between = n == 0 || n == 4 || n == 5 || n == 8 || n == 10 || n == 20;
    EXPECT_EQ(parse_tcp_options(cut.data(), n, s), between) << n;
  }
}

TEST(WireTcpOptions, BlocksThatAreWrittenAreReadAgain) {
  for (const bool stamps : {false, true}) {
    for (uint8_t count = 1; count <= kSackBlocksMax; ++count) {
      SegmentHeader h;
      h.flags = kAck;
      h.has_timestamps = stamps;
      h.sack_count = count;
      for (uint8_t i = 0; i < count; ++i) {
        h.sack[i] = {SeqNum(0xffff'ff00u) + 100u * i, SeqNum(0xffff'ff00u) + (100u * i + 50)};
      }
      std::vector<std::byte> bytes(tcp_options_bytes(h));
      ASSERT_LE(bytes.size(), kTcpOptionsMaxBytes);
      ASSERT_EQ(write_tcp_options(bytes.data(), h), bytes.size());
      Segment s;
      s.flags = kAck;
      ASSERT_TRUE(parse_tcp_options(bytes.data(), bytes.size(), s));
      EXPECT_EQ(s.has_timestamps, stamps);
      // A fourth block has no room beside timestamps: the first ones, the newest, are sent.
      ASSERT_EQ(s.sack_count, stamps && count == 4 ? 3 : count);
      for (uint8_t i = 0; i < s.sack_count; ++i) EXPECT_EQ(s.sack_block(i), h.sack[i]);
    }
  }
}

// Byte for byte what a Linux SYN looks like.
TEST(WireTcpOptions, ASynIsLaidOutAsLinuxDoes) {
  SegmentHeader h;
  h.flags = kSyn;
  h.mss = 1460;
  h.sack_permitted = true;
  h.has_timestamps = true;
  h.ts_value = 0x0a0b0c0d;
  h.window_shift = 7;
  constexpr uint8_t kExpected[] = {2,  4,  5, 180, 4, 2, 8, 10, 10, 11,
                                   12, 13, 0, 0,   0, 0, 1, 3,  3,  7};
  std::vector<std::byte> bytes(sizeof kExpected);
  ASSERT_EQ(write_tcp_options(bytes.data(), h), bytes.size());
  EXPECT_EQ(std::memcmp(bytes.data(), kExpected, sizeof kExpected), 0);
}

}  // namespace
}  // namespace millrace::wire
