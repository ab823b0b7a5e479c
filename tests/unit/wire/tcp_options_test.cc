// SPDX-License-Identifier: BSD-3-Clause
// Unknown options are skipped, lengths that make no sense refuse the segment (RFC 9293 MUST-6,
// MUST-7).
#include "wire/tcp_options.h"

#include <gtest/gtest.h>

#include <initializer_list>
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

}  // namespace
}  // namespace millrace::wire
