// SPDX-License-Identifier: BSD-3-Clause
// The simulator's dice: SplitMix64. A run is a function of its seed, so every part of the world
// gets a generator of its own by fork(), and a new roll in one part leaves the others as they were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "millrace/time.h"

namespace millrace::sim {

class Random {
 public:
  explicit constexpr Random(uint64_t seed) : state_(seed) {}

  constexpr uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // 0 .. bound - 1; 0 when bound is 0.
  constexpr uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  // low .. high, both included. Requires: low <= high.
  constexpr uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }

  constexpr double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  constexpr bool chance(double probability) { return unit() < probability; }
  constexpr bool coin() { return (next() & 1) != 0; }

  // Many small values, few large ones: picks the number of bits first.
  constexpr uint64_t skewed(uint64_t high) {
    uint64_t bits = 0;
    while (bits < 63 && (high >> bits) != 0) ++bits;
    const uint64_t limit = (uint64_t{1} << below(bits + 1)) - 1;
    return below((limit < high ? limit : high) + 1);
  }

  constexpr Duration duration(Duration low, Duration high) {
    return nanoseconds(static_cast<int64_t>(
        between(static_cast<uint64_t>(low.ns), static_cast<uint64_t>(high.ns))));
  }

  template <class T>
  constexpr T pick(std::initializer_list<T> values) {
    return *(values.begin() + below(values.size()));
  }

  [[nodiscard]] constexpr Random fork(uint64_t label) const {
    Random child(state_ ^ (label * 0xd6e8feb86659fd93u));
    return Random(child.next());
  }

 private:
  uint64_t state_;
};

}  // namespace millrace::sim
