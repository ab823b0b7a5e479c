// SPDX-License-Identifier: BSD-3-Clause
// Open loop: when connections are due, whatever becomes of the earlier ones. A rate and the time
// come in; how many arrivals are due and for when they were meant comes out. No clock here.
//
//     start      1/rate   2/rate   3/rate ...
//       0          1        2        3          arrival i is due at start + i / rate
//       taken ^                    ^ now        due(now) = 4, pending = due - taken
//
// Even arrivals are computed from their index, and none from the one before; in bursts, several
// have the time of the first. Poisson's are drawn one after the other, from a seed. A ramp
// stretches the time at the beginning (ramp.h).
//
// Must hold: scheduled() = taken + skipped + pending(now). After a stall the generator catches up,
// but only on arrivals that are at most `catch_up` late: older ones are skipped.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "load/ramp.h"
#include "millrace/time.h"

namespace millrace::load {

inline constexpr uint64_t kRateMax = 1'000'000'000;  // per second: the clock's resolution

// When arrival `index` of an even stream is due, after its start. Requires: 1 <= rate <= kRateMax.
constexpr Duration arrival_offset(uint64_t index, uint64_t rate) {
  const uint64_t whole = index / rate;
  const uint64_t part = index % rate;
  return {static_cast<int64_t>(whole * 1'000'000'000 + part * 1'000'000'000 / rate)};
}

// How many arrivals have an offset of at most `elapsed`: the inverse of arrival_offset().
constexpr uint64_t arrivals_due(Duration elapsed, uint64_t rate) {
  if (elapsed.ns < 0) {
    return 0;
  }
  const auto ns = static_cast<uint64_t>(elapsed.ns);
  const uint64_t whole = ns / 1'000'000'000;
  const uint64_t part = ns % 1'000'000'000 + 1;
  return whole * rate + (part * rate + 999'999'999) / 1'000'000'000;
}

enum class Arrivals : uint8_t { kEven, kPoisson, kBurst };

// A number that nothing but `x` decides, and that looks like chance.
constexpr uint64_t scrambled(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

struct Pattern {
  Arrivals arrivals = Arrivals::kEven;
  uint32_t burst = 1;  // arrivals at a time; kBurst
  Ramp ramp;
  uint64_t seed = 1;  // kPoisson

  friend bool operator==(const Pattern&, const Pattern&) = default;
};

// The moments of a Poisson process, one after the other, the same for the same seed.
class PoissonClock {
 public:
  PoissonClock(uint64_t rate, uint64_t seed)
      : mean_ns_(1e9 / static_cast<double>(rate)), seed_(seed) {
    advance();
  }
  [[nodiscard]] uint64_t index() const { return index_ - 1; }
  [[nodiscard]] Duration time() const { return {static_cast<int64_t>(ns_)}; }
  void advance() {
    // In (0, 1].
    const uint64_t x = scrambled(seed_ + 0x9e3779b97f4a7c15u * ++index_);
    ns_ -= std::log(static_cast<double>((x >> 11) + 1) * 0x1p-53) * mean_ns_;
  }

 private:
  double mean_ns_;
  uint64_t seed_;
  uint64_t index_ = 0;
  double ns_ = 0;
};

class Schedule {
 public:
  // Requires: 1 <= rate <= kRateMax, catch_up >= 0, burst >= 1. At most `limit` arrivals are
  // scheduled.
  Schedule(uint64_t rate, Instant start, Duration catch_up, uint64_t limit = UINT64_MAX,
           const Pattern& pattern = {})
      : rate_(rate),
        limit_(limit),
        start_(start),
        catch_up_(catch_up),
        pattern_(pattern),
        due_(rate, pattern.seed),
        taken_(rate, pattern.seed) {}

  // Arrivals that are due and neither taken nor skipped.
  [[nodiscard]] uint64_t pending(Instant now) const {
    return std::max(scheduled(now), next_) - next_;
  }
  // Arrivals whose time has come since the start, whatever became of them.
  [[nodiscard]] uint64_t scheduled(Instant now) const {
    return std::min(due(pattern_.ramp.flattened(now - start_)), limit_);
  }
  // The time at which the next arrival is meant to leave.
  [[nodiscard]] Instant next() const { return start_ + pattern_.ramp.stretched(offset()); }
  // Requires: pending(now) > 0. Takes the next arrival; returns how late it is.
  Duration take(Instant now) {
    const Duration late = now - next();
    pass();
    return std::max(late, Duration{});  // a ramp rounds
  }
  // Gives up arrivals that are more than `catch_up` late; returns how many those were.
  uint64_t skip_stale(Instant now) {
    const Instant stale = now - catch_up_ - nanoseconds(1);
    uint64_t skipped = 0;
    if (pattern_.arrivals == Arrivals::kPoisson) {
      for (; next_ < limit_ && taken_.time() <= pattern_.ramp.flattened(stale - start_); ++skipped)
        pass();
    } else {
      skipped = pending(stale);
      next_ += skipped;
    }
    return skipped;
  }
  // Gives up everything that is still pending: the run is over.
  uint64_t skip_rest(Instant now) {
    const uint64_t skipped = pending(now);
    for (uint64_t i = 0; i < skipped; ++i) pass();
    return skipped;
  }

 private:
  void pass() {
    ++next_;
    if (pattern_.arrivals == Arrivals::kPoisson) taken_.advance();
  }
  // How many arrivals have an offset of at most `elapsed`.
  uint64_t due(Duration elapsed) const {
    switch (pattern_.arrivals) {
      case Arrivals::kEven:
        return arrivals_due(elapsed, rate_);
      case Arrivals::kBurst: {
        const uint64_t even = arrivals_due(elapsed, rate_);
        return (even + pattern_.burst - 1) / pattern_.burst * pattern_.burst;
      }
      case Arrivals::kPoisson:
        while (due_.time() <= elapsed && due_.index() < limit_) due_.advance();
        return due_.index();
    }
    return 0;
  }
  [[nodiscard]] Duration offset() const {
    switch (pattern_.arrivals) {
      case Arrivals::kEven:
        return arrival_offset(next_, rate_);
      case Arrivals::kBurst:
        return arrival_offset(next_ / pattern_.burst * pattern_.burst, rate_);
      case Arrivals::kPoisson:
        return taken_.time();
    }
    return {};
  }

  uint64_t rate_;
  uint64_t limit_;
  uint64_t next_ = 0;  // index of the first arrival neither taken nor skipped
  Instant start_;
  Duration catch_up_;
  Pattern pattern_;
  mutable PoissonClock due_;  // at the first arrival that was not due when last asked
  PoissonClock taken_;        // at arrival next_
};

}  // namespace millrace::load
