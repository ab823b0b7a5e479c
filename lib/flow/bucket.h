// SPDX-License-Identifier: BSD-3-Clause
// One cache line of the flow table, and how its tags are compared.
//
//   byte 0                 20    22   24                                64
//   | 10 tags of 16 bits    | ovf | fil| 10 values of 32 bits            |
//
// A tag of 0 marks an empty slot. ovf counts the entries that wanted this bucket or passed over it
// and lie further on; fil has one of 16 bits set for each of them, so that most lookups need not
// follow. Which bits have come to stand for nobody is not known until ovf is 0 again.
//
// A set of slots is a mask with bit 2 * slot set for each: what comparing 16-bit lanes and taking
// one bit per byte yields, without another instruction. The three ways to make one must agree; the
// tests hold them together.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace millrace::flow {

struct alignas(64) Bucket {
  static constexpr uint32_t kSlotCount = 10;

  uint16_t tags[kSlotCount];
  uint16_t overflow;
  uint16_t filter;
  uint32_t values[kSlotCount];
};
static_assert(sizeof(Bucket) == 64);

// Whether an entry with such a tag may lie further on.
[[nodiscard]] inline bool may_overflow(const Bucket& bucket, uint16_t tag) {
  return ((bucket.filter >> (tag >> 12)) & 1) != 0;
}

inline constexpr uint32_t kSlotMask = 0x5'5555;  // bits 0, 2, ... 18: all ten slots

// Requires: slots != 0.
[[nodiscard]] inline uint32_t first_slot(uint32_t slots) {
  return static_cast<uint32_t>(std::countr_zero(slots)) / 2;
}

// Where the value of the first of them lies; the same as values + first_slot(slots), with less
// arithmetic. Requires: slots != 0.
[[nodiscard]] inline const uint32_t* first_value(const Bucket& bucket, uint32_t slots) {
  const auto* values = reinterpret_cast<const std::byte*>(bucket.values);
  return reinterpret_cast<const uint32_t*>(values +
                                           2 * static_cast<uint32_t>(std::countr_zero(slots)));
}

[[nodiscard]] inline uint32_t slots_with_tag_scalar(const Bucket& bucket, uint16_t tag) {
  uint32_t slots = 0;
  for (uint32_t slot = 0; slot < Bucket::kSlotCount; ++slot) {
    slots |= static_cast<uint32_t>(bucket.tags[slot] == tag) << (2 * slot);
  }
  return slots;
}

// The vector forms load past the tags, which is inside the bucket, and mask off what is not a tag.
#if defined(__SSE2__)
[[nodiscard]] inline uint32_t slots_with_tag_sse2(const Bucket& bucket, uint16_t tag) {
  const auto* line = reinterpret_cast<const __m128i*>(&bucket);
  const __m128i wanted = _mm_set1_epi16(static_cast<int16_t>(tag));
  const int low = _mm_movemask_epi8(_mm_cmpeq_epi16(_mm_load_si128(line), wanted));
  const int high = _mm_movemask_epi8(_mm_cmpeq_epi16(_mm_load_si128(line + 1), wanted));
  return (static_cast<uint32_t>(low) | (static_cast<uint32_t>(high) << 16)) & kSlotMask;
}
#endif

#if defined(__AVX2__)
[[nodiscard]] inline uint32_t slots_with_tag_avx2(const Bucket& bucket, uint16_t tag) {
  const __m256i half = _mm256_load_si256(reinterpret_cast<const __m256i*>(&bucket));
  const __m256i wanted = _mm256_set1_epi16(static_cast<int16_t>(tag));
  return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi16(half, wanted))) & kSlotMask;
}
#endif

[[nodiscard]] inline uint32_t slots_with_tag(const Bucket& bucket, uint16_t tag) {
#if defined(__AVX2__)
  return slots_with_tag_avx2(bucket, tag);
#elif defined(__SSE2__)
  return slots_with_tag_sse2(bucket, tag);
#else
  return slots_with_tag_scalar(bucket, tag);
#endif
}

}  // namespace millrace::flow
