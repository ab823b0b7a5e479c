// SPDX-License-Identifier: BSD-3-Clause
// SipHash-2-4 against its authors' vectors; the fixed-length path against the general one; the
// folded product against the definition and for spread.
#include "base/hash.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include "base/random.h"

namespace millrace::base {
namespace {

// Key 00 01 .. 0f; message i is 00 01 .. i-1. From the reference implementation, read as
// little-endian words.
constexpr uint64_t kKey0 = 0x0706050403020100u;
constexpr uint64_t kKey1 = 0x0f0e0d0c0b0a0908u;
constexpr std::array<uint64_t, 64> kVectors = {
    0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au, 0x85676696d7fb7e2du,
    0xcf2794e0277187b7u, 0x18765564cd99a68du, 0xcbc9466e58fee3ceu, 0xab0200f58b01d137u,
    0x93f5f5799a932462u, 0x9e0082df0ba9e4b0u, 0x7a5dbbc594ddb9f3u, 0xf4b32f46226bada7u,
    0x751e8fbc860ee5fbu, 0x14ea5627c0843d90u, 0xf723ca908e7af2eeu, 0xa129ca6149be45e5u,
    0x3f2acc7f57c29bdbu, 0x699ae9f52cbe4794u, 0x4bc1b3f0968dd39cu, 0xbb6dc91da77961bdu,
    0xbed65cf21aa2ee98u, 0xd0f2cbb02e3b67c7u, 0x93536795e3a33e88u, 0xa80c038ccd5ccec8u,
    0xb8ad50c6f649af94u, 0xbce192de8a85b8eau, 0x17d835b85bbb15f3u, 0x2f2e6163076bcfadu,
    0xde4daaaca71dc9a5u, 0xa6a2506687956571u, 0xad87a3535c49ef28u, 0x32d892fad841c342u,
    0x7127512f72f27cceu, 0xa7f32346f95978e3u, 0x12e0b01abb051238u, 0x15e034d40fa197aeu,
    0x314dffbe0815a3b4u, 0x027990f029623981u, 0xcadcd4e59ef40c4du, 0x9abfd8766a33735cu,
    0x0e3ea96b5304a7d0u, 0xad0c42d6fc585992u, 0x187306c89bc215a9u, 0xd4a60abcf3792b95u,
    0xf935451de4f21df2u, 0xa9538f0419755787u, 0xdb9acddff56ca510u, 0xd06c98cd5c0975ebu,
    0xe612a3cb9ecba951u, 0xc766e62cfcadaf96u, 0xee64435a9752fe72u, 0xa192d576b245165au,
    0x0a8787bf8ecb74b2u, 0x81b3e73d20b49b6fu, 0x7fa8220ba3b2eceau, 0x245731c13ca42499u,
    0xb78dbfaf3a8d83bdu, 0xea1ad565322a1a0bu, 0x60e61c23a3795013u, 0x6606d7e446282b93u,
    0x6ca4ecb15c5f91e1u, 0x9f626da15c9625f3u, 0xe51b38608ef25f57u, 0x958a324ceb064572u,
};

std::vector<std::byte> counting_bytes(size_t length) {
  std::vector<std::byte> bytes(length);
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

TEST(BaseHash, SipHashMatchesTheReferenceVectors) {
  for (size_t length = 0; length < kVectors.size(); ++length) {
    EXPECT_EQ(siphash_2_4(kKey0, kKey1, counting_bytes(length)), kVectors[length])
        << "length " << length;
  }
}

TEST(BaseHash, SipHashOfWordsIsThatOfTheirBytes) {
  Random random(1);
  for (size_t count = 0; count < 70; ++count) {
    std::vector<uint64_t> words(count);
    for (uint64_t& word : words) word = random.next();
    const uint64_t k0 = random.next();
    const uint64_t k1 = random.next();
    EXPECT_EQ(siphash_2_4_words(k0, k1, words),
              siphash_2_4(k0, k1, std::as_bytes(std::span(words))))
        << count << " words";
  }
}

TEST(BaseHash, SipHashOfWordsMatchesTheReferenceVectors) {
  for (size_t count = 0; count < 8; ++count) {
    const auto bytes = counting_bytes(count * 8);
    std::vector<uint64_t> words(count);
    if (count != 0) std::memcpy(words.data(), bytes.data(), bytes.size());
    EXPECT_EQ(siphash_2_4_words(kKey0, kKey1, words), kVectors[count * 8]);
  }
}

TEST(BaseHash, FoldMultiplyIsTheFoldedProduct) {
  static_assert(fold_multiply(0, 0xffff'ffff'ffff'ffffu) == 0);
  static_assert(fold_multiply(3, 5) == 15);
  static_assert(fold_multiply(uint64_t{1} << 63, 2) == 1, "the high half alone");
  // (2^64 - 1)^2 = (2^64 - 2) * 2^64 + 1.
  static_assert(fold_multiply(UINT64_MAX, UINT64_MAX) == ((UINT64_MAX - 1) ^ 1));
  EXPECT_EQ(fold_multiply(uint64_t{1} << 32, uint64_t{1} << 32), 1u);
}

TEST(BaseHash, FoldMultiplyWithSecretsSpreadsNeighbouringKeys) {
  // Ports and addresses that count up must fill 4096 bins evenly, by high bits and by low bits.
  Random random(7);
  const HashKey key{random.next(), random.next(), random.next(), random.next()};
  constexpr uint32_t kBinCount = 4096;
  constexpr uint32_t kPerBin = 64;
  std::vector<uint32_t> high(kBinCount);
  std::vector<uint32_t> low(kBinCount);
  for (uint64_t i = 0; i < uint64_t{kBinCount} * kPerBin; ++i) {
    const uint64_t hash = fold_multiply(fold_multiply(i ^ key.k0, key.k1) ^ key.k2, key.k3);
    ++high[hash >> 52];
    ++low[hash & (kBinCount - 1)];
  }
  for (const auto* bins : {&high, &low}) {
    double chi_squared = 0;
    for (const uint32_t n : *bins) {
      chi_squared += std::pow(static_cast<double>(n) - kPerBin, 2) / kPerBin;
    }
    // 4095 degrees of freedom: mean 4095, standard deviation 90.
    EXPECT_LT(chi_squared, 4095 + 6 * 90);
  }
}

}  // namespace
}  // namespace millrace::base
