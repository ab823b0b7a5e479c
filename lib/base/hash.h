// SPDX-License-Identifier: BSD-3-Clause
// Keyed hashes. In: a secret and bytes. Out: 64 bits that an outsider who does not know the secret
// cannot steer. SipHash-2-4 (Aumasson and Bernstein, 2012) where an outsider sees the result: Fast
// Open's cookies (and see base/aes.h). fold_multiply() where only we see it: the flow table.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::base {

// A shard's secret, drawn once at start-up.
struct HashKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
  uint64_t k2 = 0;
  uint64_t k3 = 0;
};

// The 128-bit product of a and b, folded to 64 bits: high half exclusive-or low half.
// A factor of zero yields zero whatever the other is, so mix a secret into both.
[[nodiscard]] inline constexpr uint64_t fold_multiply(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
}

// The four words of SipHash's state and its rounds; siphash_2_4() and its relatives drive it.
class SipState {
 public:
  constexpr SipState(uint64_t k0, uint64_t k1)
      : v0_(k0 ^ 0x736f6d6570736575u),
        v1_(k1 ^ 0x646f72616e646f6du),
        v2_(k0 ^ 0x6c7967656e657261u),
        v3_(k1 ^ 0x7465646279746573u) {}

  constexpr void absorb(uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  [[nodiscard]] constexpr uint64_t finish() {
    v2_ ^= 0xff;
    round();
    round();
    round();
    round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  constexpr void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_;
  uint64_t v1_;
  uint64_t v2_;
  uint64_t v3_;
};

// SipHash-2-4 of any bytes, as the paper defines it.
[[nodiscard]] uint64_t siphash_2_4(uint64_t k0, uint64_t k1, std::span<const std::byte> bytes);

// SipHash-2-4 of whole words. With a length known to the compiler it unrolls into straight code.
// Ensures: the same as siphash_2_4() of the words' bytes, least significant first.
[[nodiscard]] inline constexpr uint64_t siphash_2_4_words(uint64_t k0, uint64_t k1,
                                                          std::span<const uint64_t> words) {
  SipState state(k0, k1);
  for (const uint64_t word : words) state.absorb(word);
  // The last block holds the leftover bytes, of which there are none, and the length modulo 256.
  state.absorb(static_cast<uint64_t>(words.size() * 8) << 56);
  return state.finish();
}

}  // namespace millrace::base
