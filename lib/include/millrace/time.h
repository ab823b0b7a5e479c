// SPDX-License-Identifier: BSD-3-Clause
// Time as types. Instant is a point on a monotonic clock that the caller owns, Duration a length.
// Both count nanoseconds. Nothing here reads a clock: the core is told what time it is.
#pragma once

#include <compare>
#include <cstdint>

namespace millrace {

struct Duration {
  int64_t ns = 0;

  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
  friend constexpr Duration operator*(Duration a, int64_t factor) { return {a.ns * factor}; }
  friend constexpr Duration operator/(Duration a, int64_t divisor) { return {a.ns / divisor}; }

  [[nodiscard]] constexpr int64_t microseconds() const { return ns / 1'000; }
  [[nodiscard]] constexpr int64_t milliseconds() const { return ns / 1'000'000; }
  [[nodiscard]] constexpr double seconds() const { return static_cast<double>(ns) * 1e-9; }
};

constexpr Duration nanoseconds(int64_t n) { return {n}; }
constexpr Duration microseconds(int64_t n) { return {n * 1'000}; }
constexpr Duration milliseconds(int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(int64_t n) { return {n * 1'000'000'000}; }

struct Instant {
  int64_t ns = 0;

  static constexpr Instant never() { return {INT64_MAX}; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant t, Duration d) { return {t.ns + d.ns}; }
  friend constexpr Instant operator-(Instant t, Duration d) { return {t.ns - d.ns}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }
};

}  // namespace millrace
