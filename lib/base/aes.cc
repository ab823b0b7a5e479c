// SPDX-License-Identifier: BSD-3-Clause
// FIPS 197 as it is written: a state of 16 bytes, column by column.
#include "base/aes.h"

#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace::base {
namespace {

using Bytes = std::array<uint8_t, 16>;

constexpr uint8_t doubled(uint8_t x) {  // in GF(2^8), modulo x^8 + x^4 + x^3 + x + 1
  return static_cast<uint8_t>(x << 1 ^ ((x & 0x80) != 0 ? 0x1b : 0));
}

// Section 5.1.1: the inverse in that field, and an affine map of its bits. 3 generates the field's
// other elements, and its inverse is 0xf6: one walks them up while the other walks down.
constexpr std::array<uint8_t, 256> make_sbox() {
  std::array<uint8_t, 256> sbox{};
  uint8_t x = 1;
  uint8_t inverse = 1;
  do {
    x = static_cast<uint8_t>(x ^ doubled(x));
    inverse = static_cast<uint8_t>(inverse ^ inverse << 1);
    inverse = static_cast<uint8_t>(inverse ^ inverse << 2);
    inverse = static_cast<uint8_t>(inverse ^ inverse << 4);
    if ((inverse & 0x80) != 0) inverse ^= 0x09;
    sbox[x] = static_cast<uint8_t>(inverse ^ std::rotl(inverse, 1) ^ std::rotl(inverse, 2) ^
                                   std::rotl(inverse, 3) ^ std::rotl(inverse, 4) ^ 0x63);
  } while (x != 1);
  sbox[0] = 0x63;
  return sbox;
}
constexpr std::array<uint8_t, 256> kSbox = make_sbox();

uint32_t substituted(uint32_t word) {
  uint32_t out = 0;
  for (int shift = 0; shift < 32; shift += 8) {
    out |= uint32_t{kSbox[word >> shift & 0xff]} << shift;
  }
  return out;
}

// SubBytes and ShiftRows.
Bytes substituted_and_shifted(const Bytes& state) {
  Bytes out;
  for (size_t column = 0; column < 4; ++column) {
    for (size_t row = 0; row < 4; ++row) {
      out[column * 4 + row] = kSbox[state[(column + row) % 4 * 4 + row]];
    }
  }
  return out;
}

void mix_columns(Bytes& state) {
  for (size_t at = 0; at < 16; at += 4) {
    const std::array<uint8_t, 4> c = {state[at], state[at + 1], state[at + 2], state[at + 3]};
    const auto all = static_cast<uint8_t>(c[0] ^ c[1] ^ c[2] ^ c[3]);
    for (size_t row = 0; row < 4; ++row) {
      const auto pair = static_cast<uint8_t>(c[row] ^ c[(row + 1) % 4]);
      state[at + row] = static_cast<uint8_t>(c[row] ^ all ^ doubled(pair));
    }
  }
}

void add(Bytes& state, const AesBlock& key) {
  state = std::bit_cast<Bytes>(std::bit_cast<AesBlock>(state) ^ key);
}

}  // namespace

#if defined(__x86_64__)
// No level of x86-64 includes these instructions, though all processors of the third have them but
// the odd virtual one.
const bool processor_has_aes = __builtin_cpu_supports("aes") != 0;

__attribute__((target("aes"))) AesBlock encrypt_by_processor(const AesBlock& in,
                                                             const Aes128::RoundKeys& round_keys) {
  const auto* keys = reinterpret_cast<const __m128i*>(round_keys.data());
  __m128i state = _mm_xor_si128(_mm_load_si128(reinterpret_cast<const __m128i*>(&in)), keys[0]);
  for (int round = 1; round < Aes128::kRounds; ++round) {
    state = _mm_aesenc_si128(state, keys[round]);
  }
  AesBlock out;
  _mm_store_si128(reinterpret_cast<__m128i*>(&out),
                  _mm_aesenclast_si128(state, keys[Aes128::kRounds]));
  return out;
}
#else
constexpr bool processor_has_aes = false;
AesBlock encrypt_by_processor(const AesBlock& in, const Aes128::RoundKeys&) { return in; }
#endif

// Section 5.2.
Aes128::Aes128(const AesBlock& key) {
  std::array<uint32_t, 4 * (kRounds + 1)> words{};
  words[0] = static_cast<uint32_t>(key.low);
  words[1] = static_cast<uint32_t>(key.low >> 32);
  words[2] = static_cast<uint32_t>(key.high);
  words[3] = static_cast<uint32_t>(key.high >> 32);
  uint8_t round_constant = 1;
  for (size_t i = 4; i < words.size(); ++i) {
    uint32_t word = words[i - 1];
    if (i % 4 == 0) {
      word = substituted(std::rotr(word, 8)) ^ round_constant;
      round_constant = doubled(round_constant);
    }
    words[i] = words[i - 4] ^ word;
  }
  round_keys_ = std::bit_cast<decltype(round_keys_)>(words);
}

AesBlock Aes128::encrypt(const AesBlock& in) const {
  if (processor_has_aes) [[likely]]
    return encrypt_by_processor(in, round_keys_);
  return encrypt_plainly(in);
}

AesBlock Aes128::encrypt_plainly(const AesBlock& in) const {
  auto state = std::bit_cast<Bytes>(in ^ round_keys_[0]);
  for (size_t round = 1; round < kRounds; ++round) {
    state = substituted_and_shifted(state);
    mix_columns(state);
    add(state, round_keys_[round]);
  }
  state = substituted_and_shifted(state);
  add(state, round_keys_[kRounds]);
  return std::bit_cast<AesBlock>(state);
}

}  // namespace millrace::base
