// SPDX-License-Identifier: BSD-3-Clause
// AES-128 against the vectors of FIPS 197, and the processor's against the plain one.
#include "base/aes.h"

#include <gtest/gtest.h>

#include <array>

#include "base/random.h"

namespace millrace::base {
namespace {

AesBlock block(const std::array<uint8_t, 16>& bytes) { return std::bit_cast<AesBlock>(bytes); }

TEST(BaseAes, MatchesTheExampleOfAppendixB) {
  const Aes128 aes(block({0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88,
                          0x09, 0xcf, 0x4f, 0x3c}));
  const AesBlock in = block({0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2,
                             0xe0, 0x37, 0x07, 0x34});
  const AesBlock out = block({0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85,
                              0x97, 0x19, 0x6a, 0x0b, 0x32});
  EXPECT_EQ(aes.encrypt(in), out);
  EXPECT_EQ(aes.encrypt_plainly(in), out);
}

TEST(BaseAes, MatchesTheExampleOfAppendixC) {
  std::array<uint8_t, 16> key;
  std::array<uint8_t, 16> text;
  for (uint8_t i = 0; i < 16; ++i) {
    key[i] = i;
    text[i] = static_cast<uint8_t>(i << 4 | i);
  }
  const AesBlock out = block({0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7,
                              0x80, 0x70, 0xb4, 0xc5, 0x5a});
  EXPECT_EQ(Aes128(block(key)).encrypt(block(text)), out);
  EXPECT_EQ(Aes128(block(key)).encrypt_plainly(block(text)), out);
}

TEST(BaseAes, IsTheSameWithAndWithoutTheProcessor) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const AesBlock key{random.next(), random.next()};
    const Aes128 aes(key);
    const AesBlock in{random.next(), random.next()};
    EXPECT_EQ(aes.encrypt(in), aes.encrypt_plainly(in));
  }
}

}  // namespace
}  // namespace millrace::base
