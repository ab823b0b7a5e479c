// SPDX-License-Identifier: BSD-3-Clause
// The fast sums against the definition (RFC 1071), for every length, alignment and cut.
#include "wire/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "base/random.h"
#include "wire/bytes.h"

namespace millrace::wire {
namespace {

// Pairs of bytes as big-endian numbers, added with the carry brought round.
uint16_t by_definition(std::span<const std::byte> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    const uint32_t high = static_cast<uint8_t>(bytes[i]);
    const uint32_t low = i + 1 < bytes.size() ? static_cast<uint8_t>(bytes[i + 1]) : 0;
    sum += high << 8 | low;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

// One's complement has two zeros.
uint16_t normal(uint16_t sum) { return sum == 0xffff ? 0 : sum; }

TEST(WireChecksum, AgreesWithTheDefinition) {
  base::Random random(1);
  std::vector<std::byte> memory(4096);
  for (std::byte& b : memory) b = static_cast<std::byte>(random.next());
  for (size_t length = 0; length < 300; ++length) {
    for (size_t offset = 0; offset < 9; ++offset) {
      const auto bytes = std::span(memory).subspan(offset, length);
      ASSERT_EQ(normal(swap_bytes(fold(sum_bytes(bytes)))), normal(by_definition(bytes)))
          << length << " bytes at " << offset;
    }
  }
  const auto all_ones = std::vector<std::byte>(1500, std::byte{0xff});
  EXPECT_EQ(normal(fold(sum_bytes(all_ones))), 0);
}

TEST(WireChecksum, PiecesAddUpToTheWhole) {
  base::Random random(2);
  std::vector<std::byte> memory(3000);
  for (std::byte& b : memory) b = static_cast<std::byte>(random.next());
  for (int i = 0; i < 2000; ++i) {
    RunningSum sum(0);
    size_t at = 0;
    while (at < memory.size()) {
      const size_t n = std::min<size_t>(1 + random.below(700), memory.size() - at);
      sum.add(std::span(memory).subspan(at, n));
      at += n;
    }
    ASSERT_EQ(normal(swap_bytes(sum.folded())), normal(by_definition(memory)));
  }
}

TEST(WireChecksum, CopyingSumsWhatItCopies) {
  base::Random random(3);
  std::vector<std::byte> from(2000);
  for (std::byte& b : from) b = static_cast<std::byte>(random.next());
  for (size_t n = 0; n < 200; ++n) {
    std::vector<std::byte> to(n);
    const auto bytes = std::span(from).first(n);
    const uint64_t sum = copy_and_sum(to.data(), bytes);
    EXPECT_EQ(normal(fold(sum)), normal(fold(sum_bytes(bytes))));
    EXPECT_TRUE(std::equal(to.begin(), to.end(), bytes.begin()));
  }
}

TEST(WireChecksum, AChangedWordChangesTheChecksumLikeASumFromScratch) {
  base::Random random(4);
  for (int i = 0; i < 10000; ++i) {
    std::vector<std::byte> bytes(20);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random.next());
    const auto before = static_cast<uint16_t>(~fold(sum_bytes(bytes)));
    const uint16_t word_old = load16(bytes.data() + 8);
    const auto word_new = static_cast<uint16_t>(random.next());
    store16(bytes.data() + 8, word_new);
    const auto after = static_cast<uint16_t>(~fold(sum_bytes(bytes)));
    ASSERT_EQ(normal(update_checksum(before, word_old, word_new)), normal(after));
  }
}

TEST(WireChecksum, TheExampleOfRfc1071Section3) {
  constexpr uint8_t kExample[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(swap_bytes(fold(sum_bytes(std::as_bytes(std::span(kExample))))), 0xddf2);
}

// The longest packet of the largest words, on top of a sum that is about to overflow.
TEST(WireChecksum, NoCarryIsLost) {
  const std::vector<std::byte> ones(65536, std::byte{0xff});
  for (const size_t length : {size_t{8}, size_t{64}, size_t{1500}, size_t{65535}, size_t{65536}}) {
    const auto bytes = std::span(ones).first(length);
    EXPECT_EQ(normal(swap_bytes(fold(sum_bytes(bytes, UINT64_MAX)))), normal(by_definition(bytes)))
        << length;
    EXPECT_EQ(normal(swap_bytes(fold(sum_bytes(bytes, UINT64_MAX - 0xffff)))),
              normal(by_definition(bytes)))
        << length;
  }
}

TEST(WireChecksum, EmptyPiecesBetweenOddOnesChangeNothing) {
  const std::vector<std::byte> bytes(7, std::byte{0x12});
  RunningSum sum;
  sum.add(std::span(bytes).first(3));
  sum.add({});
  sum.add(std::span(bytes).subspan(3, 1));
  sum.add({});
  sum.add(std::span(bytes).subspan(4));
  EXPECT_EQ(swap_bytes(sum.folded()), by_definition(bytes));
}

TEST(WireChecksum, AHeaderWithItsOwnChecksumSumsToAllOnes) {
  base::Random random(5);
  for (int i = 0; i < 1000; ++i) {
    std::vector<std::byte> header(20);
    for (std::byte& b : header) b = static_cast<std::byte>(random.next());
    store16(header.data() + 10, 0);
    const uint64_t sum = sum_ipv4_header(header.data());
    ASSERT_EQ(swap_bytes(fold(sum)), by_definition(header));
    store16(header.data() + 10, static_cast<uint16_t>(~fold(sum)));
    ASSERT_EQ(fold(sum_ipv4_header(header.data())), 0xffff);
  }
}

}  // namespace
}  // namespace millrace::wire
