// SPDX-License-Identifier: BSD-3-Clause
// Header fields in and out of memory, at any alignment. The names say the order: load_be32() gives
// the number that the RFC means, load32() the bytes as they lie, for copying and comparing.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace::wire {

static_assert(std::endian::native == std::endian::little, "swaps below assume little endian");

constexpr uint16_t swap_bytes(uint16_t v) { return __builtin_bswap16(v); }
constexpr uint32_t swap_bytes(uint32_t v) { return __builtin_bswap32(v); }

inline uint8_t load8(const std::byte* from) { return static_cast<uint8_t>(*from); }
inline uint16_t load16(const std::byte* from) {
  uint16_t v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline uint32_t load32(const std::byte* from) {
  uint32_t v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline uint64_t load64(const std::byte* from) {
  uint64_t v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
inline uint16_t load_be16(const std::byte* from) { return swap_bytes(load16(from)); }
inline uint32_t load_be32(const std::byte* from) { return swap_bytes(load32(from)); }

inline void store8(std::byte* to, uint8_t v) { *to = static_cast<std::byte>(v); }
inline void store16(std::byte* to, uint16_t v) { std::memcpy(to, &v, sizeof v); }
inline void store32(std::byte* to, uint32_t v) { std::memcpy(to, &v, sizeof v); }
inline void store64(std::byte* to, uint64_t v) { std::memcpy(to, &v, sizeof v); }
inline void store_be16(std::byte* to, uint16_t v) { store16(to, swap_bytes(v)); }
inline void store_be32(std::byte* to, uint32_t v) { store32(to, swap_bytes(v)); }

}  // namespace millrace::wire
