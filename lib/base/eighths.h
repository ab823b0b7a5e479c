// SPDX-License-Identifier: BSD-3-Clause
// A number in one byte, to within an eighth: where its leading bit stands, and the three bits
// behind that.
#pragma once

#include <bit>
#include <cstdint>

namespace millrace::base {

// Rounds up. Requires: 0 < number <= 2^31.
constexpr uint8_t pack_eighths(uint32_t number) {
  const auto shift = static_cast<uint32_t>(std::bit_width(number)) - 1;
  const uint32_t eighths = static_cast<uint32_t>(
      ((uint64_t{number} << 3) + (uint64_t{1} << shift) - 1) >> shift);  // 8..16
  return static_cast<uint8_t>(shift * 8 + eighths - 8);
}
constexpr uint32_t unpack_eighths(uint8_t packed) {
  return static_cast<uint32_t>((uint64_t{8} + (packed & 7)) << (packed >> 3) >> 3);
}
// Which power of two is the largest in it.
constexpr uint32_t log2_of_eighths(uint8_t packed) { return packed >> 3; }

}  // namespace millrace::base
