// SPDX-License-Identifier: BSD-3-Clause
// How long a cache line takes from one CPU to another and back, in nanoseconds: what every frame
// between two workers pays a part of, and what a hypervisor changes when it moves a CPU.
//
//     cache_line CPU CPU
#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <thread>

namespace {

constexpr uint32_t kTripsOfSample = 1000;
constexpr uint32_t kSamples = 50;
constexpr uint32_t kTrips = kTripsOfSample * kSamples;

struct alignas(128) Line {
  std::atomic<uint32_t> number{0};
};

bool run_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

// Release and acquire, as the rings between workers do it.
void await(const Line& line, uint32_t number) {
  while (line.number.load(std::memory_order_acquire) != number) {
  }
}

// Of the shortest sample: the others were interrupted, or began before the peer ran.
double nanoseconds_of_trip(int near_cpu, int far_cpu) {
  using Clock = std::chrono::steady_clock;
  Line out;
  Line back;
  std::thread far([&] {
    run_on(far_cpu);
    for (uint32_t i = 1; i <= kTrips; ++i) {
      await(out, i);
      back.number.store(i, std::memory_order_release);
    }
  });
  run_on(near_cpu);
  double least = std::numeric_limits<double>::max();
  Clock::time_point begun = Clock::now();
  for (uint32_t i = 1; i <= kTrips; ++i) {
    out.number.store(i, std::memory_order_release);
    await(back, i);
    if (i % kTripsOfSample != 0) continue;
    const Clock::time_point now = Clock::now();
    least = std::min(least, std::chrono::duration<double, std::nano>(now - begun).count());
    begun = now;
  }
  far.join();
  return least / kTripsOfSample;
}

std::optional<int> cpu_of(const char* word) {
  int cpu = -1;
  const char* end = word + std::strlen(word);
  const auto [rest, error] = std::from_chars(word, end, cpu);
  if (error != std::errc{} || rest != end || cpu < 0 || cpu >= CPU_SETSIZE || !run_on(cpu)) {
    fmt::print(stderr, "cache_line: {} is no CPU that this process may use\n", word);
    return std::nullopt;
  }
  return cpu;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: cache_line CPU CPU\n", stderr);
    return 2;
  }
  const std::optional<int> one = cpu_of(argv[1]);
  const std::optional<int> other = cpu_of(argv[2]);
  if (!one || !other) return 2;
  if (*one == *other) {
    std::fputs("cache_line: name two different CPUs\n", stderr);
    return 2;
  }
  fmt::print("{:.0f}\n", nanoseconds_of_trip(*one, *other));
}
