// SPDX-License-Identifier: BSD-3-Clause
#include "load/interval_log.h"

#include <algorithm>
#include <utility>

namespace millrace::load {

Instant IntervalLog::next() const {
  if (!started()) return Instant::never();
  return began_ + length_ * (from_.ns / length_.ns + 1);
}

const Interval& IntervalLog::take(Instant now, Reading reading) {
  Interval interval;
  interval.from = from_;
  interval.length = std::max(now - began_ - from_, Duration{});
  interval.gained = reading.counts;
  interval.gained -= before_.counts;
  interval.open = reading.counts.open();
  last_ = Latencies();
  last_.merge(reading.latencies);
  last_.subtract(before_.latencies);
  for (size_t i = 0; i < kLatencyCount; ++i) {
    interval.latencies[i] = summarize(last_.of(static_cast<Latency>(i)));
  }
  // A list that is full lets its last interval grow, so that nothing is left out of the sum.
  if (intervals_.size() == kIntervalsMax) {
    interval.from = intervals_.back().from;
    interval.length = interval.length + intervals_.back().length;
    interval.gained += intervals_.back().gained;
    intervals_.pop_back();
  }
  from_ = std::max(from_, now - began_);
  before_ = std::move(reading);
  intervals_.push_back(interval);
  return intervals_.back();
}

const Interval* IntervalLog::take_rest(Instant ended, Reading reading) {
  const bool nothing = reading.counts == before_.counts && ended - began_ <= from_;
  return nothing ? nullptr : &take(std::max(ended, began_ + from_), std::move(reading));
}

}  // namespace millrace::load
