// SPDX-License-Identifier: BSD-3-Clause
// Random numbers that a seed decides. In: a seed. Out: xoshiro256** (Blackman and Vigna), its state
// filled by splitmix64. For simulators, tests, jitter and load generation; a secret comes from the
// system, and what an outsider must not predict comes from base/hash.h.
//
// Must hold: the same seed yields the same numbers on every machine.
#pragma once

#include <bit>
#include <cstdint>

namespace millrace::base {

class Random {
 public:
  explicit constexpr Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15u;
      uint64_t mixed = seed;
      mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
      word = mixed ^ (mixed >> 31);
    }
  }

  constexpr uint64_t next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // A number below n, 0 when n is 0. Multiply and shift (Lemire) without the rejection step: from
  // 64 random bits the bias is below 2^-32, which no use of this class can see.
  constexpr uint32_t below(uint32_t n) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint32_t>((static_cast<Wide>(next()) * n) >> 64);
  }

  // A number in [0, 1), a multiple of 2^-53.
  constexpr double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_[4] = {};
};

}  // namespace millrace::base
