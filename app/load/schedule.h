// SPDX-License-Identifier: BSD-3-Clause
// Open loop: when connections are due, whatever becomes of the earlier ones. A rate and the time
// come in; how many arrivals are due and for when they were meant comes out. No clock here.
//
//     start      1/rate   2/rate   3/rate ...
//       0          1        2        3          arrival i is due at start + i / rate
//       taken ^                    ^ now        due(now) = 4, pending = due - taken
//
// Must hold: scheduled() = taken + skipped + pending(now). Arrivals are even at any rate, since
// each is computed from its index and none from the one before. After a stall the generator
// catches up, but only on arrivals that are at most `catch_up` late: older ones are skipped.
#pragma once

#include <algorithm>
#include <cstdint>

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

class Schedule {
 public:
  // Requires: 1 <= rate <= kRateMax, catch_up >= 0. At most `limit` arrivals are scheduled.
  Schedule(uint64_t rate, Instant start, Duration catch_up, uint64_t limit = UINT64_MAX)
      : rate_(rate), limit_(limit), start_(start), catch_up_(catch_up) {}

  // Arrivals that are due and neither taken nor skipped.
  [[nodiscard]] uint64_t pending(Instant now) const {
    return std::max(scheduled(now), next_) - next_;
  }
  // Arrivals whose time has come since the start, whatever became of them.
  [[nodiscard]] uint64_t scheduled(Instant now) const {
    return std::min(arrivals_due(now - start_, rate_), limit_);
  }
  // The time at which the next arrival is meant to leave.
  [[nodiscard]] Instant next() const { return start_ + arrival_offset(next_, rate_); }
  // Requires: pending(now) > 0. Takes the next arrival; returns how late it is.
  Duration take(Instant now) {
    const Duration late = now - next();
    ++next_;
    return late;
  }
  // Gives up arrivals that are more than `catch_up` late; returns how many those were.
  uint64_t skip_stale(Instant now) {
    const uint64_t stale =
        std::min(arrivals_due(now - catch_up_ - nanoseconds(1) - start_, rate_), limit_);
    const uint64_t skipped = std::max(stale, next_) - next_;
    next_ += skipped;
    return skipped;
  }
  // Gives up everything that is still pending: the run is over.
  uint64_t skip_rest(Instant now) {
    const uint64_t skipped = pending(now);
    next_ += skipped;
    return skipped;
  }

 private:
  uint64_t rate_;
  uint64_t limit_;
  uint64_t next_ = 0;  // index of the first arrival neither taken nor skipped
  Instant start_;
  Duration catch_up_;
};

}  // namespace millrace::load
