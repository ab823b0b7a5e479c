// SPDX-License-Identifier: BSD-3-Clause
// The timer wheel beside rte_timer: moving the deadline of a timer that is warm, taking out and
// putting back one that is cold, a turn in which nothing is due, and firing. Nodes lie in objects
// of 192 bytes, as in connections, so that each one is cache lines of its own; rte_timer's own
// object is 128 bytes.
//
// --benchmark_filter='/1000$' runs the quick ones.
#include "timer/wheel.h"

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_timer.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "support/rival.h"

namespace millrace::timer {
namespace {

constexpr uint32_t kUnlimited = UINT32_MAX;
constexpr uint32_t kLap = 256;
constexpr uint32_t kBurst = 32;
constexpr uint32_t kTurnsPerLap = 64;
constexpr uint32_t kRivalMegabytes = 64;

struct alignas(64) Object {
  Node node;
  uint32_t deadline;
  std::byte rest[176];
};
static_assert(sizeof(Object) == 192);

// Retransmission timeouts and keepalives: from a second to some minutes, in ticks of ours.
uint32_t draw_timeout(base::Random& random) { return 1'000 + random.below(300'000); }

uint64_t cycles_of(uint64_t ticks) { return ticks * (rte_get_timer_hz() / 1000); }

// None of rte_timer's fires while they are being compared: real time runs there.
constexpr uint64_t kFar = 1000;

// Both, with as many timers armed at the same deadlines.
class Timers {
 public:
  explicit Timers(uint32_t count)
      : count_(count),
        objects_memory_(std::move(*base::Region::allocate(count * sizeof(Object), true))),
        rivals_memory_(std::move(*base::Region::allocate(count * sizeof(rte_timer), true))),
        objects_(reinterpret_cast<Object*>(objects_memory_.data())),
        rivals_(reinterpret_cast<rte_timer*>(rivals_memory_.data())),
        wheel_(reinterpret_cast<std::byte*>(&objects_[0].node), sizeof(Object), 0) {
    bench::start_eal(kRivalMegabytes);
    rte_timer_subsystem_init();
    for (uint32_t i = 0; i < count; ++i) {
      objects_[i].node = Node{};
      rte_timer_init(&rivals_[i]);
    }
  }
  // Forgets all pending timers at once, unless others still use the lists.
  ~Timers() { rte_timer_subsystem_finalize(); }

  // Timer order[i] gets deadline i of these, which rise: so rte_timer, whose list is sorted, finds
  // its places soon. Memory order has nothing to do with deadline order.
  void arm_all() {
    std::vector<uint32_t> order(count_);
    std::iota(order.begin(), order.end(), 0u);
    for (uint32_t i = count_; i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
    for (uint32_t i = 0; i < count_; ++i) {
      const auto deadline = 1'000 + static_cast<uint32_t>(uint64_t{i} * 300'000 / count_);
      wheel_.arm(order[i], deadline);
      objects_[order[i]].deadline = deadline;
      arm_rival(order[i], cycles_of(deadline * kFar));
    }
  }

  void arm_rival(uint32_t index, uint64_t cycles) {
    rte_timer_reset(&rivals_[index], cycles, SINGLE, rte_lcore_id(), count_firing, nullptr);
  }

  static void count_firing(rte_timer* /*timer*/, void* /*argument*/) { ++rivals_fired_; }

  static inline uint64_t rivals_fired_ = 0;
  uint32_t count_;
  base::Region objects_memory_;
  base::Region rivals_memory_;
  Object* objects_;
  rte_timer* rivals_;
  base::Random random_{5};
  Wheel wheel_;
};

// Kept from one benchmark to the next: setting up ten million takes a while.
Timers& armed_timers(uint32_t count) {
  static std::unique_ptr<Timers> last;
  if (!last || last->count_ != count) {
    last.reset();
    last = std::make_unique<Timers>(count);
    last->arm_all();
  }
  return *last;
}

[[gnu::noinline]] void move_later(Wheel& wheel, Object& object, uint32_t index, uint32_t deadline) {
  object.deadline = deadline;
  wheel.rearm(index, deadline);
}

[[gnu::noinline]] void take_out_and_put_back(Wheel& wheel, uint32_t index, uint32_t deadline) {
  wheel.disarm(index);
  wheel.arm(index, deadline);
}

// A connection whose deadline moves on with each segment.
void rearm_hot(benchmark::State& state) {
  Timers& timers = armed_timers(static_cast<uint32_t>(state.range(0)));
  uint32_t deadline = 300'000;
  bench::race(
      state, kLap,
      [&] {
        for (uint32_t i = 0; i < kLap; ++i) {
          move_later(timers.wheel_, timers.objects_[i % 4], i % 4, deadline++);
        }
      },
      [&] {
        for (uint32_t i = 0; i < kLap; ++i) timers.arm_rival(i % 4, cycles_of(300'000 * kFar + i));
      });
}

// Nodes are prefetched as a shard does with the connections of a burst; those beside them in their
// slots are not. rte_timer_reset() of a pending timer is both, too.
void disarm_arm_cold(benchmark::State& state) {
  Timers& timers = armed_timers(static_cast<uint32_t>(state.range(0)));
  base::Random ours(6);
  base::Random theirs(7);
  bench::race(
      state, kLap,
      [&] {
        std::array<uint32_t, kBurst> burst;
        for (uint32_t done = 0; done < kLap; done += kBurst) {
          for (uint32_t& index : burst) {
            index = ours.below(timers.count_);
            __builtin_prefetch(&timers.objects_[index], 1);
          }
          for (const uint32_t index : burst) {
            take_out_and_put_back(timers.wheel_, index, draw_timeout(ours));
          }
        }
      },
      [&] {
        for (uint32_t i = 0; i < kLap; ++i) {
          timers.arm_rival(theirs.below(timers.count_), cycles_of(draw_timeout(theirs) * kFar));
        }
      });
}

void turn_with_nothing_due(benchmark::State& state) {
  Timers& timers = armed_timers(static_cast<uint32_t>(state.range(0)));
  bench::race(
      state, kTurnsPerLap,
      [&] {
        for (uint32_t i = 0; i < kTurnsPerLap; ++i) {
          benchmark::DoNotOptimize(timers.wheel_.advance(0, kUnlimited, [](uint32_t) {}));
        }
      },
      [&] {
        for (uint32_t i = 0; i < kTurnsPerLap; ++i) rte_timer_manage();
      });
}

// A whole life: armed at random within a minute, and fired in one turn, moves between levels
// included. rte_timer pays when it is armed, the wheel when it fires, so only both together
// compare.
void arm_and_fire(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  Timers timers(count);
  std::vector<uint32_t> deadlines(count);
  for (uint32_t& deadline : deadlines) deadline = 1 + timers.random_.below(60'000);
  uint32_t now = 0;
  double ours_seconds = 0;
  double theirs_seconds = 0;
  for (auto _ : state) {
    uint64_t fired = 0;
    Timers::rivals_fired_ = 0;
    // Ticks of a nanosecond, so that all are due when all are armed.
    theirs_seconds += bench::seconds_of([&] {
      for (uint32_t i = 0; i < count; ++i) {
        timers.arm_rival(i, deadlines[i] * rte_get_timer_hz() / 1'000'000'000);
      }
      while (Timers::rivals_fired_ != count) rte_timer_manage();
    });
    const double seconds = bench::seconds_of([&] {
      for (uint32_t i = 0; i < count; ++i) timers.wheel_.arm(i, now + deadlines[i]);
      now += 60'001;
      timers.wheel_.advance(now, kUnlimited, [&](uint32_t) { ++fired; });
    });
    ours_seconds += seconds;
    state.SetIterationTime(seconds);
    if (fired != count) state.SkipWithError("some did not fire");
  }
  bench::report(state, count, ours_seconds, theirs_seconds);
}

void run_all(uint32_t count) {
  const auto add = [count](const char* name, void (*call)(benchmark::State&), uint32_t iterations) {
    benchmark::RegisterBenchmark(name, call)->Arg(count)->UseManualTime()->Iterations(iterations);
  };
  add("rearm_hot", rearm_hot, 1000);
  add("disarm_arm_cold", disarm_arm_cold, 1000);
  add("turn_with_nothing_due", turn_with_nothing_due, 1000);
  if (count <= 1'000'000) add("arm_and_fire", arm_and_fire, count > 1'000 ? 1 : 100);
}

// By size, not by kind, so that each set of timers is armed once.
[[maybe_unused]] const bool registered = [] {
  for (const uint32_t count : {1'000, 1'000'000, 10'000'000}) run_all(count);
  return true;
}();

}  // namespace
}  // namespace millrace::timer
