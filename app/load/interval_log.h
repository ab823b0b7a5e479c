// SPDX-License-Identifier: BSD-3-Clause
// A run cut into intervals: cumulative counts and histograms come in from time to time, what each
// interval brought goes out. The main thread keeps it, beside the workers that count.
//
//     start        take         take              take_rest
//       |-----------|------------|-------- ... -------|
//       0       interval    2 x interval      the last is as long as is left
//
// Must hold: what the intervals gained adds up to the last counts that were put in.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "load/latency.h"
#include "load/tally.h"
#include "millrace/time.h"

namespace millrace::load {

// Everything that was measured until some moment, of all workers.
struct Reading {
  TallySnapshot counts;
  Latencies latencies;
};

struct Interval {
  Duration from;  // since load was first offered
  Duration length;
  TallySnapshot gained;
  uint64_t open = 0;  // connections at its end
  std::array<LatencySummary, kLatencyCount> latencies;

  [[nodiscard]] const LatencySummary& of(Latency latency) const {
    return latencies[static_cast<size_t>(latency)];
  }
};

class IntervalLog {
 public:
  // Later ones are counted into one that grows.
  static constexpr size_t kIntervalsMax = 100'000;

  // Requires: length > 0.
  explicit IntervalLog(Duration length) : length_(length) {}

  void start(Instant began) { began_ = began; }
  [[nodiscard]] bool started() const { return began_ != Instant::never(); }
  // When the interval that goes on is over; never() before start().
  [[nodiscard]] Instant next() const;

  // The interval up to `now`, which then begins anew. Requires: started().
  const Interval& take(Instant now, Reading reading);
  // The last one, and what happened while connections ended: nothing if that is nothing.
  // Requires: started(), `ended` is when load was last offered.
  const Interval* take_rest(Instant ended, Reading reading);

  [[nodiscard]] const std::vector<Interval>& intervals() const { return intervals_; }
  // What the last interval gained, whole histograms of it.
  [[nodiscard]] const Latencies& last_latencies() const { return last_; }

 private:
  Duration length_;
  Instant began_ = Instant::never();
  Duration from_;  // of the interval that goes on
  Reading before_;
  Latencies last_;
  std::vector<Interval> intervals_;
};

}  // namespace millrace::load
