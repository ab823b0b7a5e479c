// SPDX-License-Identifier: BSD-3-Clause
// How options lie in the header (RFC 9293 section 3.1): read at any alignment, written with their
// lengths, nothing but zeros behind the end.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "wire/tcp_options.h"

namespace millrace::wire {
namespace {

TEST(WireOptionLayout, OptionsAreReadAtAnyAlignment) {
  const std::vector<int> options = {2, 4, 5, 180, 3, 3, 7, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  for (size_t nops = 0; nops + options.size() <= 40; ++nops) {
    std::vector<std::byte> bytes(nops, std::byte{1});
    for (const int b : options) bytes.push_back(static_cast<std::byte>(b));
    Segment s;
    s.flags = kSyn;
    ASSERT_TRUE(parse_tcp_options(bytes.data(), bytes.size(), s)) << nops;
    EXPECT_EQ(s.mss, 1460) << nops;
    EXPECT_EQ(s.window_shift, 7) << nops;
    EXPECT_TRUE(s.has_timestamps) << nops;
    EXPECT_EQ(s.ts_value, 1u) << nops;
    EXPECT_EQ(s.ts_echo, 2u) << nops;
  }
}

TEST(WireOptionLayout, EveryOptionHasItsLengthAndPaddingIsNothing) {
  for (int bits = 0; bits < 32; ++bits) {
    SegmentHeader h;
    h.flags = (bits & 16) != 0 ? kAck : kSyn;
    if ((bits & 1) != 0) h.mss = 1400;
    if ((bits & 2) != 0) h.window_shift = 9;
    h.sack_permitted = (bits & 4) != 0;
    h.has_timestamps = (bits & 8) != 0;
    std::vector<std::byte> bytes(kTcpOptionsMaxBytes, std::byte{0xee});
    const size_t n = write_tcp_options(bytes.data(), h);
    ASSERT_EQ(n % 4, 0u);
    size_t at = 0;
    while (at < n) {
      const auto kind = std::to_integer<int>(bytes[at]);
      if (kind == 0) break;
      if (kind == 1) {
        ++at;
        continue;
      }
      ASSERT_LT(at + 1, n) << bits;
      const auto length = std::to_integer<size_t>(bytes[at + 1]);
      ASSERT_GE(length, 2u) << bits;
      at += length;
      ASSERT_LE(at, n) << bits;
    }
    for (; at < n; ++at) EXPECT_EQ(bytes[at], std::byte{0}) << bits;
  }
}

}  // namespace
}  // namespace millrace::wire
