// SPDX-License-Identifier: BSD-3-Clause
// AES-128 of single blocks (FIPS 197), the keyed function behind what outsiders see and must not
// foresee in every handshake: SYN cookies and initial sequence numbers. With the processor's
// instructions a block costs a fifth of a SipHash; without them it is computed in plain code, to
// the same result. (Plain code looks up tables by secrets; who shares a cache with us could learn
// them.)
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace millrace::base {

static_assert(std::endian::native == std::endian::little, "words are loaded as they lie");

struct alignas(16) AesBlock {
  uint64_t low = 0;   // bytes 0 to 7, least significant first
  uint64_t high = 0;  // bytes 8 to 15

  friend constexpr AesBlock operator^(const AesBlock& a, const AesBlock& b) {
    return {a.low ^ b.low, a.high ^ b.high};
  }
  friend constexpr bool operator==(const AesBlock&, const AesBlock&) = default;
};

class Aes128 {
 public:
  static constexpr int kRounds = 10;
  using RoundKeys = std::array<AesBlock, kRounds + 1>;

  explicit Aes128(const AesBlock& key = {});

  [[nodiscard]] AesBlock encrypt(const AesBlock& in) const;
  // The same without the processor's help.
  [[nodiscard]] AesBlock encrypt_plainly(const AesBlock& in) const;

 private:
  RoundKeys round_keys_;
};

}  // namespace millrace::base
