// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum. In: bytes, in any number of pieces. Out: 16 bits. Sums are kept in 64 bits
// of memory order (the one's complement sum does not care which byte comes first, RFC 1071
// section 2(B)), so that no byte is ever swapped: results are stored as they are, with store16().
// RFC 1071, RFC 1624, RFC 9293 section 3.1 (pseudo-header).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/bytes.h"

namespace millrace::wire {

inline constexpr size_t kTcpChecksumAt = 16;  // in the TCP header

// a + b with the carry added back in: one's complement addition (2^64 - 1 is a multiple of
// 2^16 - 1, so the 16-bit sum can be had from the 64-bit one at the end).
constexpr uint64_t add_with_carry(uint64_t a, uint64_t b) {
  const uint64_t sum = a + b;
  return sum + (sum < a ? 1 : 0);
}

// A 64-bit sum folded to 16 bits, not complemented. 0 only for 0.
constexpr uint16_t fold(uint64_t sum) {
  // The upper half of x + (x rotated by half its width) is the sum of both halves and its carry.
  const auto half = static_cast<uint32_t>((sum + std::rotl(sum, 32)) >> 32);
  return static_cast<uint16_t>((half + std::rotl(half, 16)) >> 16);
}

// `sum` plus all 16-bit words of `bytes`; an odd last byte counts as if a zero followed.
[[nodiscard]] uint64_t sum_bytes(std::span<const std::byte> bytes, uint64_t sum = 0);

// The same while copying to `to`. Requires: room for bytes.size() at `to`, no overlap.
[[nodiscard]] uint64_t copy_and_sum(std::byte* to, std::span<const std::byte> bytes,
                                    uint64_t sum = 0);

// The sum of the 20 bytes of an IPv4 header without options; 0xffff when folded if the header's
// checksum is right.
inline uint64_t sum_ipv4_header(const std::byte* ip) {
  const uint64_t sum = add_with_carry(load64(ip), load64(ip + 8));
  return add_with_carry(sum, load32(ip + 16));
}

// The sum of a TCP header, whose length is a multiple of 4, without a call.
inline uint64_t sum_tcp_header(const std::byte* tcp, size_t bytes, uint64_t sum = 0) {
  size_t at = 0;
  for (; at + 8 <= bytes; at += 8) sum = add_with_carry(sum, load64(tcp + at));
  return at == bytes ? sum : add_with_carry(sum, load32(tcp + at));
}

// Addresses in memory order; `l4_bytes` is the length of TCP header and payload.
constexpr uint64_t sum_pseudo_header(uint32_t source, uint32_t destination, uint8_t protocol,
                                     uint16_t l4_bytes) {
  return uint64_t{source} + destination + (uint64_t{protocol} << 8) + swap_bytes(l4_bytes);
}

// The checksum field after one 16-bit word under it changed (RFC 1624 section 3, equation 3).
// All three in memory order.
constexpr uint16_t update_checksum(uint16_t checksum, uint16_t word_old, uint16_t word_new) {
  const uint32_t sum =
      uint32_t{static_cast<uint16_t>(~checksum)} + static_cast<uint16_t>(~word_old) + word_new;
  return static_cast<uint16_t>(~fold(sum));
}

// A sum over pieces of any length, as if they lay side by side: behind an odd number of bytes the
// next piece's bytes stand in the other half of their words.
class RunningSum {
 public:
  constexpr RunningSum() = default;
  constexpr explicit RunningSum(uint64_t sum) : sum_(sum) {}

  // Requires: nothing but an even number of bytes came before.
  constexpr void add_sum(uint64_t sum) { sum_ = add_with_carry(sum_, sum); }
  void add(std::span<const std::byte> bytes) { join(sum_bytes(bytes), bytes.size()); }
  // Adds while copying to `to`; returns the end of the copy.
  std::byte* add_copying(std::byte* to, std::span<const std::byte> bytes) {
    join(copy_and_sum(to, bytes), bytes.size());
    return to + bytes.size();
  }

  [[nodiscard]] constexpr uint16_t folded() const { return fold(sum_); }
  // What goes into the header.
  [[nodiscard]] constexpr uint16_t checksum() const { return static_cast<uint16_t>(~folded()); }

 private:
  constexpr void join(uint64_t sum, size_t bytes) {
    // Rotating by 8 swaps the bytes of every word, modulo 2^16 - 1 (RFC 1071 section 2(B)).
    sum_ = add_with_carry(sum_, odd_ ? std::rotl(sum, 8) : sum);
    odd_ ^= (bytes & 1) != 0;
  }

  uint64_t sum_ = 0;
  bool odd_ = false;
};

}  // namespace millrace::wire
