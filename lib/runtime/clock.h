// SPDX-License-Identifier: BSD-3-Clause
// The one clock of the library: nanoseconds of CLOCK_MONOTONIC, read from the time-stamp counter
// where that runs at one rate on all CPUs, and from the kernel where it does not.
#pragma once

#include <cstdint>

#include "millrace/time.h"

namespace millrace::runtime {

class Clock {
 public:
  // Measures the counter's rate once in a process, which takes some 20 ms.
  static const Clock& system();

  [[nodiscard]] Instant now() const;
  // Whether the time-stamp counter is used.
  [[nodiscard]] bool counts_cycles() const { return ns_per_tick_shifted_ != 0; }

 private:
  Clock();

  static constexpr unsigned kShift = 32;
  uint64_t start_ticks_ = 0;
  int64_t start_ns_ = 0;
  uint64_t ns_per_tick_shifted_ = 0;  // nanoseconds of a tick, times 2^kShift; 0: ask the kernel
};

}  // namespace millrace::runtime
