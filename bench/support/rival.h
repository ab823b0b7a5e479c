// SPDX-License-Identifier: BSD-3-Clause
// A part of ours beside DPDK's, timed in turn within one loop, so that both see the same machine at
// the same moment. What is printed as time is ours; the counters are nanoseconds for one item of
// the rival's, and how many times longer it took.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>

namespace millrace::bench {

// Starts DPDK without hugepages, devices or files, with so much memory for its tables; once for a
// program, further calls do nothing. Its memory is given large pages where ours has them.
void start_eal(uint32_t memory_mb);

template <class Call>
double seconds_of(Call&& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Tells what a loop of ours and of theirs took, with `items` items in each iteration.
inline void report(benchmark::State& state, uint32_t items, double ours_seconds,
                   double theirs_seconds) {
  const double all = static_cast<double>(state.iterations()) * items;
  state.SetItemsProcessed(static_cast<int64_t>(all));
  state.counters["ns"] = ours_seconds / all * 1e9;
  state.counters["dpdk_ns"] = theirs_seconds / all * 1e9;
  state.counters["ratio"] = theirs_seconds / ours_seconds;
}

// Each call does `items` of what is compared, in a loop long enough for a clock to see.
template <class Ours, class Theirs>
void race(benchmark::State& state, uint32_t items, Ours&& ours, Theirs&& theirs) {
  double ours_seconds = 0;
  double theirs_seconds = 0;
  for (auto _ : state) {
    const double seconds = seconds_of(ours);
    theirs_seconds += seconds_of(theirs);
    ours_seconds += seconds;
    state.SetIterationTime(seconds);
  }
  report(state, items, ours_seconds, theirs_seconds);
}

}  // namespace millrace::bench
