// SPDX-License-Identifier: BSD-3-Clause
// One loop for summing and for summing while copying: 64 bytes a round in vectors, where 32-bit
// words go into 64-bit lanes and so cannot overflow within any length that fits in memory; then
// 8 bytes a round with the carry added back; then the last 1 to 7. RFC 1071.
#include "wire/checksum.h"

namespace millrace::wire {
namespace {

// GCC and clang turn this into what the target has: AVX2, two SSE2 or two NEON registers.
typedef uint64_t Lanes __attribute__((vector_size(32)));

inline uint64_t across(Lanes lanes) { return lanes[0] + lanes[1] + lanes[2] + lanes[3]; }

// The last `bytes` (1 to 7) as the low end of a word of zeros.
template <bool kCopy>
inline uint64_t take_tail(std::byte* to, const std::byte* from, size_t bytes) {
  uint64_t word = 0;
  unsigned shift = 0;
  if ((bytes & 4) != 0) {
    const uint32_t v = load32(from);
    if constexpr (kCopy) store32(to, v);
    word = v;
    shift = 32;
    from += 4;
    to += kCopy ? 4 : 0;
  }
  if ((bytes & 2) != 0) {
    const uint16_t v = load16(from);
    if constexpr (kCopy) store16(to, v);
    word |= uint64_t{v} << shift;
    shift += 16;
    from += 2;
    to += kCopy ? 2 : 0;
  }
  if ((bytes & 1) != 0) {
    const uint8_t v = load8(from);
    if constexpr (kCopy) store8(to, v);
    word |= uint64_t{v} << shift;
  }
  return word;
}

template <bool kCopy>
inline uint64_t walk(std::byte* to, const std::byte* from, size_t bytes, uint64_t sum) {
  if (bytes >= 64) {
    const Lanes low_half = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    Lanes low_a{}, high_a{}, low_b{}, high_b{};
    do {
      Lanes a, b;
      std::memcpy(&a, from, sizeof a);
      std::memcpy(&b, from + 32, sizeof b);
      if constexpr (kCopy) {
        std::memcpy(to, &a, sizeof a);
        std::memcpy(to + 32, &b, sizeof b);
        to += 64;
      }
      low_a += a & low_half;
      high_a += a >> 32;
      low_b += b & low_half;
      high_b += b >> 32;
      from += 64;
      bytes -= 64;
    } while (bytes >= 64);
    sum = add_with_carry(sum, across(low_a + low_b + high_a + high_b));
  }
  while (bytes >= 8) {
    const uint64_t v = load64(from);
    if constexpr (kCopy) {
      store64(to, v);
      to += 8;
    }
    sum = add_with_carry(sum, v);
    from += 8;
    bytes -= 8;
  }
  if (bytes != 0) sum = add_with_carry(sum, take_tail<kCopy>(to, from, bytes));
  return sum;
}

}  // namespace

uint64_t sum_bytes(std::span<const std::byte> bytes, uint64_t sum) {
  return walk<false>(nullptr, bytes.data(), bytes.size(), sum);
}

uint64_t copy_and_sum(std::byte* to, std::span<const std::byte> bytes, uint64_t sum) {
  return walk<true>(to, bytes.data(), bytes.size(), sum);
}

}  // namespace millrace::wire
