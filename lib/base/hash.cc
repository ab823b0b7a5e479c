// SPDX-License-Identifier: BSD-3-Clause
// SipHash-2-4 of a byte string whose length is not a multiple of anything.
#include "base/hash.h"

#include <cstring>

namespace millrace::base {
namespace {

static_assert(std::endian::native == std::endian::little, "words are loaded as they lie");

}  // namespace

uint64_t siphash_2_4(uint64_t k0, uint64_t k1, std::span<const std::byte> bytes) {
  SipState state(k0, k1);
  const uint64_t length = bytes.size();
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    state.absorb(word);
    bytes = bytes.subspan(8);
  }
  uint64_t last = length << 56;
  for (size_t i = 0; i < bytes.size(); ++i) last |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  state.absorb(last);
  return state.finish();
}

}  // namespace millrace::base
