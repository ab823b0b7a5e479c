// SPDX-License-Identifier: BSD-3-Clause
// The timer wheel with many nodes armed: what linking and unlinking a cold node costs, a turn in
// which nothing is due, and a node's whole life from arming to firing. Nodes lie in objects of 256
// bytes, as in connections, so that each one is a cache line of its own.
#include "timer/wheel.h"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.h"

namespace millrace::timer {
namespace {

struct alignas(64) Object {
  Node node;
  std::byte rest[244];
};
static_assert(sizeof(Object) == 256);

constexpr uint32_t kUnlimited = UINT32_MAX;

// Retransmission timeouts and keepalives: from a second to some minutes.
uint32_t draw_timeout(base::Random& random) { return 1'000 + random.below(300'000); }

class ArmedWheel {
 public:
  explicit ArmedWheel(uint32_t count)
      : objects_(count),
        wheel_(reinterpret_cast<std::byte*>(&objects_[0].node), sizeof(Object), 0) {
    for (uint32_t index = 0; index < count; ++index) wheel_.arm(index, draw_timeout(random_));
  }

  std::vector<Object> objects_;
  base::Random random_{5};
  Wheel wheel_;
};

void disarm_arm_cold(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  ArmedWheel armed(count);
  for (auto _ : state) {
    const uint32_t index = armed.random_.below(count);
    armed.wheel_.disarm(index);
    armed.wheel_.arm(index, draw_timeout(armed.random_));
  }
  state.SetItemsProcessed(state.iterations());
}

// A connection whose deadline moves again and again while it is warm.
void disarm_arm_hot(benchmark::State& state) {
  ArmedWheel armed(static_cast<uint32_t>(state.range(0)));
  uint32_t deadline = 1'000;
  for (auto _ : state) {
    armed.wheel_.disarm(0);
    armed.wheel_.arm(0, deadline);
    deadline = 1'000 + (deadline + 1) % 1'000;
  }
  state.SetItemsProcessed(state.iterations());
}

void turn_with_nothing_due(benchmark::State& state) {
  ArmedWheel armed(static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(armed.wheel_.advance(10, kUnlimited, [](uint32_t) {}));
  }
  state.SetItemsProcessed(state.iterations());
}

// One tick after another, every node that fires armed again: items are firings. This includes the
// three moves between levels at most that a node makes.
void arm_wait_fire(benchmark::State& state) {
  ArmedWheel armed(static_cast<uint32_t>(state.range(0)));
  uint32_t now = 0;
  int64_t fired = 0;
  for (auto _ : state) {
    ++now;
    fired += armed.wheel_.advance(now, kUnlimited, [&](uint32_t index) {
      armed.wheel_.arm(index, now + draw_timeout(armed.random_));
    });
  }
  state.SetItemsProcessed(fired);
}

void next_expiry(benchmark::State& state) {
  ArmedWheel armed(static_cast<uint32_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(armed.wheel_.next_expiry());
  state.SetItemsProcessed(state.iterations());
}

void sizes(benchmark::internal::Benchmark* benchmark) { benchmark->Arg(1'000)->Arg(1'000'000); }

BENCHMARK(disarm_arm_cold)->Apply(sizes);
BENCHMARK(disarm_arm_hot)->Apply(sizes);
BENCHMARK(turn_with_nothing_due)->Apply(sizes);
BENCHMARK(arm_wait_fire)->Apply(sizes);
BENCHMARK(next_expiry)->Apply(sizes);

}  // namespace
}  // namespace millrace::timer
