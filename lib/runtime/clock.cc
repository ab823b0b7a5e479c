// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/clock.h"

#include <time.h>

#include <fstream>
#include <string>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace millrace::runtime {
namespace {

__extension__ using Wide = unsigned __int128;

int64_t kernel_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

uint64_t ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return 0;
#endif
}

// Whether all CPUs count alike, at one rate, and through idle states: the kernel's own test, whose
// result is the choice of the counter as its clock source.
bool ticks_are_steady() {
#if defined(__x86_64__)
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  file >> source;
  return source == "tsc";
#else
  return false;
#endif
}

struct Reading {
  uint64_t ticks;
  int64_t ns;
};

// Both clocks at the same moment: of several tries the one least disturbed.
Reading read_both() {
  constexpr int kTries = 16;
  Reading best{};
  uint64_t best_width = UINT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = ticks();
    const int64_t ns = kernel_ns();
    const uint64_t after = ticks();
    if (after - before < best_width) {
      best_width = after - before;
      best = {before + (after - before) / 2, ns};
    }
  }
  return best;
}

}  // namespace

const Clock& Clock::system() {
  static const Clock clock;
  return clock;
}

Clock::Clock() {
  if (!ticks_are_steady()) return;
  const Reading first = read_both();
  timespec wait{.tv_sec = 0, .tv_nsec = 20'000'000};
  nanosleep(&wait, nullptr);
  const Reading last = read_both();
  if (last.ticks <= first.ticks || last.ns <= first.ns) return;
  const Wide elapsed = static_cast<Wide>(last.ns - first.ns) << kShift;
  ns_per_tick_shifted_ = static_cast<uint64_t>(elapsed / (last.ticks - first.ticks));
  start_ticks_ = last.ticks;
  start_ns_ = last.ns;
}

Instant Clock::now() const {
  if (!counts_cycles()) return {kernel_ns()};
  const uint64_t elapsed = ticks() - start_ticks_;
  return {start_ns_ +
          static_cast<int64_t>(static_cast<Wide>(elapsed) * ns_per_tick_shifted_ >> kShift)};
}

}  // namespace millrace::runtime
