// SPDX-License-Identifier: BSD-3-Clause
// The flow table as a shard uses it: bursts of lookups with prefetch, one by one, and an entry that
// goes while another comes. Sizes from what fits a cache to what fits none; pass
// --benchmark_filter=-10000000 to leave out those that take 100 MB.
#include "flow/table.h"

#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/random.h"

namespace millrace::flow {
namespace {

constexpr uint32_t kBurst = 64;

// The hash of entry i; others are not in the table.
uint64_t hash_of(uint64_t value) { return base::Random(value).next(); }

Table full_table(uint32_t count) {
  auto table = Table::create(count, true);
  MR_ASSERT(table);
  for (uint32_t value = 0; value < count; ++value) MR_ASSERT(table->insert(hash_of(value), value));
  return std::move(*table);
}

// Hashes to look up, drawn beforehand: enough that they do not stay in a cache with their buckets.
std::vector<uint64_t> draw_hashes(uint32_t count, uint64_t first) {
  base::Random random(7);
  std::vector<uint64_t> hashes(1u << 20);
  for (uint64_t& hash : hashes) hash = hash_of(first + random.below(count));
  return hashes;
}

// Where a connection's key would be compared; a candidate is taken at its word here.
constexpr auto kAccept = [](uint32_t) { return true; };

template <bool kPrefetch>
void look_up(benchmark::State& state, uint64_t first) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const Table table = full_table(count);
  const std::vector<uint64_t> hashes = draw_hashes(count, first);
  size_t begin = 0;
  for (auto _ : state) {
    const uint64_t* burst = hashes.data() + begin;
    if constexpr (kPrefetch) {
      for (uint32_t i = 0; i < kBurst; ++i) table.prefetch(burst[i]);
    }
    for (uint32_t i = 0; i < kBurst; ++i) {
      benchmark::DoNotOptimize(table.find(burst[i], kAccept));
    }
    begin = (begin + kBurst) % hashes.size();
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
}

void hit_burst(benchmark::State& state) { look_up<true>(state, 0); }
void hit_single(benchmark::State& state) { look_up<false>(state, 0); }
void miss_burst(benchmark::State& state) { look_up<true>(state, uint64_t{1} << 40); }

// One connection ends and another begins, in a full table; a burst of each.
void erase_insert(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  Table table = full_table(count);
  std::vector<uint64_t> hashes(count);
  for (uint32_t value = 0; value < count; ++value) hashes[value] = hash_of(value);
  base::Random random(8);
  std::array<uint32_t, kBurst> values;
  std::array<uint64_t, kBurst> fresh;
  for (auto _ : state) {
    for (uint32_t i = 0; i < kBurst; ++i) {
      values[i] = random.below(count);
      fresh[i] = random.next();
      table.prefetch(hashes[values[i]]);
      table.prefetch(fresh[i]);
    }
    for (uint32_t i = 0; i < kBurst; ++i) {
      table.erase(hashes[values[i]], values[i]);
      MR_ASSERT(table.insert(fresh[i], values[i]));
      hashes[values[i]] = fresh[i];
    }
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1'000)->Arg(1'000'000)->Arg(10'000'000);
}

BENCHMARK(hit_burst)->Apply(sizes);
BENCHMARK(hit_single)->Apply(sizes);
BENCHMARK(miss_burst)->Apply(sizes);
BENCHMARK(erase_insert)->Apply(sizes);

}  // namespace
}  // namespace millrace::flow
