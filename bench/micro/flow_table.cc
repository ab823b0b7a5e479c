// SPDX-License-Identifier: BSD-3-Clause
// The flow table as a shard uses it, beside rte_hash: bursts of 32 keys of 16 bytes in random
// order, found or not, and an entry that goes while another comes. Ours includes what the shard
// does around it: the keyed hash, and the comparison with the key where the record keeps it, one
// cache line for each record. rte_hash has the room it likes, a quarter more than it holds.
//
// Sizes from what fits a cache to what fits none; --benchmark_filter='/1000$' runs the quick ones.
#include "flow/table.h"

#include <benchmark/benchmark.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "support/rival.h"

namespace millrace::flow {
namespace {

constexpr uint32_t kBurst = 32;
constexpr uint32_t kBurstsPerLap = 64;
constexpr uint32_t kLap = kBurst * kBurstsPerLap;
constexpr uint32_t kRivalMegabytes = 1400;

struct Key {
  uint64_t words[2];
  bool operator==(const Key&) const = default;
};

struct alignas(64) Record {
  Key key;
};

constexpr base::HashKey kSecret{0x9ae16a3b2f90404f, 0xc949d7c7509e6557, 0xff51afd7ed558ccd,
                                0xc4ceb9fe1a85ec53};

// As Shard::Impl::flow_hash does for the addresses and the ports of IPv4.
uint64_t hash_of(const Key& key) {
  const uint64_t hash =
      base::fold_multiply(key.words[0] ^ kSecret.k0, key.words[1] ^ kSecret.k1) ^ kSecret.k2;
  return base::fold_multiply(hash, kSecret.k3);
}

// Key i of a set; keys of different sets differ.
Key key_of(uint64_t set, uint64_t i) {
  base::Random random((set << 40) | i);
  return {{random.next(), random.next()}};
}

// Both tables, full of the same keys.
class Tables {
 public:
  explicit Tables(uint32_t count)
      : count_(count),
        memory_(std::move(*base::Region::allocate(size_t{count} * sizeof(Record), true))),
        records_(reinterpret_cast<Record*>(memory_.data())),
        ours_(std::move(*Table::create(count, 0, true))) {
    bench::start_eal(kRivalMegabytes);
    rte_hash_parameters parameters{};
    parameters.name = "rival";
    parameters.entries = count + count / 4;
    parameters.key_len = sizeof(Key);
    parameters.hash_func = rte_hash_crc;
    theirs_.reset(rte_hash_create(&parameters));
    MR_ASSERT(theirs_ != nullptr);
    for (uint32_t i = 0; i < count; ++i) {
      records_[i].key = key_of(0, i);
      MR_ASSERT(ours_.insert(hash_of(records_[i].key), i));
      MR_ASSERT(rte_hash_add_key(theirs_.get(), &records_[i].key) >= 0);
    }
    their_keys_.resize(count);
    for (uint32_t i = 0; i < count; ++i) their_keys_[i] = records_[i].key;
  }

  // One after another of those asked for is kept: setting up ten million takes a while.
  static Tables& of(uint32_t count, bool unchanged) {
    static std::unique_ptr<Tables> last;
    if (!last || last->count_ != count || (unchanged && last->changed_)) {
      last.reset();
      last = std::make_unique<Tables>(count);
    }
    last->changed_ = !unchanged;
    return *last;
  }

  // Takes out record i and brings it back with another key.
  void change_ours(uint32_t i, const Key& key) {
    ours_.erase(hash_of(records_[i].key), i);
    records_[i].key = key;
    MR_ASSERT(ours_.insert(hash_of(key), i));
  }

  struct Free {
    void operator()(rte_hash* table) const { rte_hash_free(table); }
  };
  uint32_t count_;
  base::Region memory_;
  Record* records_;
  Table ours_;
  std::unique_ptr<rte_hash, Free> theirs_;
  std::vector<Key> their_keys_;
  bool changed_ = false;
};

// Only a function with a name can be told apart by callgrind.
[[gnu::noinline]] void find_burst(const Tables& tables, const Key* keys, uint32_t* found) {
  std::array<uint64_t, kBurst> hashes;
  std::array<Table::Home, kBurst> homes;
  std::array<Table::Hint, kBurst> hints;
  for (uint32_t i = 0; i < kBurst; ++i) {
    hashes[i] = hash_of(keys[i]);
    homes[i] = tables.ours_.prefetch(hashes[i]);
  }
  for (uint32_t i = 0; i < kBurst; ++i) {
    hints[i] = tables.ours_.hint(homes[i], hashes[i]);
    const uint32_t candidate = hints[i].value();
    if (candidate != kNil) __builtin_prefetch(tables.records_ + candidate);
  }
  for (uint32_t i = 0; i < kBurst; ++i) {
    found[i] = tables.ours_.find(hashes[i], hints[i], [&](uint32_t record) {
      return tables.records_[record].key == keys[i];
    });
  }
}

[[gnu::noinline]] void change_burst(Tables& tables, const uint32_t* which, const Key* fresh) {
  for (uint32_t i = 0; i < kBurst; ++i) {
    tables.ours_.prefetch(hash_of(tables.records_[which[i]].key));
    tables.ours_.prefetch(hash_of(fresh[i]));
  }
  for (uint32_t i = 0; i < kBurst; ++i) tables.change_ours(which[i], fresh[i]);
}

// Keys to look up, drawn beforehand: enough that they do not stay in a cache with their buckets.
std::vector<Key> draw_keys(uint32_t count, uint64_t set) {
  base::Random random(7);
  std::vector<Key> keys(1u << 18);
  for (Key& key : keys) key = key_of(set, random.below(count));
  return keys;
}

void look_up(benchmark::State& state, uint64_t set) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const Tables& tables = Tables::of(count, true);
  const std::vector<Key> keys = draw_keys(count, set);
  uint64_t found_ours = 0;
  uint64_t found_theirs = 0;
  // Each begins elsewhere: what one has just looked up is not warm for the other.
  size_t ours_at = 0;
  size_t theirs_at = keys.size() / 2;
  bench::race(
      state, kLap,
      [&] {
        std::array<uint32_t, kBurst> found;
        for (uint32_t burst = 0; burst < kBurstsPerLap; ++burst) {
          find_burst(tables, keys.data() + ours_at, found.data());
          for (const uint32_t record : found) found_ours += record != kNil;
          ours_at = (ours_at + kBurst) % keys.size();
        }
      },
      [&] {
        std::array<const void*, kBurst> wanted;
        std::array<int32_t, kBurst> found;
        for (uint32_t burst = 0; burst < kBurstsPerLap; ++burst) {
          for (uint32_t i = 0; i < kBurst; ++i) wanted[i] = &keys[theirs_at + i];
          rte_hash_lookup_bulk(tables.theirs_.get(), wanted.data(), kBurst, found.data());
          for (const int32_t position : found) found_theirs += position >= 0;
          theirs_at = (theirs_at + kBurst) % keys.size();
        }
      });
  const uint64_t all = set == 0 ? static_cast<uint64_t>(state.iterations()) * kLap : 0;
  if (found_ours != all || found_theirs != all) state.SkipWithError("a table gave a wrong answer");
}

void hits(benchmark::State& state) { look_up(state, 0); }
void misses(benchmark::State& state) { look_up(state, 1); }

// One connection ends and another begins, in a full table: an item is both. rte_hash has no bursts
// of changes; the shard knows its bursts, and so may prefetch.
void erase_and_insert(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  Tables& tables = Tables::of(count, false);
  std::vector<Key>& theirs = tables.their_keys_;
  base::Random ours_random(8);
  base::Random theirs_random(9);
  static uint64_t next_key = 0;  // goes on from call to call, as the tables do
  const auto draw = [&](base::Random& random, std::vector<uint32_t>& which,
                        std::vector<Key>& fresh) {
    for (uint32_t i = 0; i < kLap; ++i) {
      which[i] = random.below(count);
      fresh[i] = key_of(2, next_key++);
    }
  };
  std::vector<uint32_t> which(kLap);
  std::vector<Key> fresh(kLap);
  double ours_seconds = 0;
  double theirs_seconds = 0;
  for (auto _ : state) {
    draw(ours_random, which, fresh);
    const double seconds = bench::seconds_of([&] {
      for (uint32_t i = 0; i < kLap; i += kBurst) change_burst(tables, &which[i], &fresh[i]);
    });
    draw(theirs_random, which, fresh);
    theirs_seconds += bench::seconds_of([&] {
      for (uint32_t i = 0; i < kLap; ++i) {
        rte_hash_del_key(tables.theirs_.get(), &theirs[which[i]]);
        theirs[which[i]] = fresh[i];
        MR_ASSERT(rte_hash_add_key(tables.theirs_.get(), &fresh[i]) >= 0);
      }
    });
    ours_seconds += seconds;
    state.SetIterationTime(seconds);
  }
  bench::report(state, kLap, ours_seconds, theirs_seconds);
}

// The longest single insert on the way from empty to full. What the system does to the program in
// the middle of one is told from what the table does by filling three times: the same insert is
// slow each time, or it is not the table's doing.
void longest_insert(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  const auto count = static_cast<uint32_t>(state.range(0));
  std::vector<uint64_t> hashes(count);
  for (uint32_t i = 0; i < count; ++i) hashes[i] = hash_of(key_of(0, i));
  std::vector<uint32_t> shortest(count, std::numeric_limits<uint32_t>::max());
  for (auto _ : state) {
    auto table = Table::create(count, 0, true);
    MR_ASSERT(table);
    for (int round = 0; round < 3; ++round) {
      Clock::time_point before = Clock::now();
      for (uint32_t i = 0; i < count; ++i) {
        MR_ASSERT(table->insert(hashes[i], i));
        const Clock::time_point after = Clock::now();
        const auto took = static_cast<uint32_t>((after - before).count());
        shortest[i] = std::min(shortest[i], took);
        before = after;
      }
      for (uint32_t i = 0; i < count; ++i) table->erase(hashes[i], i);
    }
  }
  std::sort(shortest.begin(), shortest.end());
  state.counters["max_ns"] = shortest.back();
  state.counters["p99.99_ns"] = shortest[count - 1 - count / 10'000];
  state.counters["median_ns"] = shortest[count / 2];
}

void run_all(uint32_t count) {
  const auto add = [count](const char* name, void (*call)(benchmark::State&)) {
    return benchmark::RegisterBenchmark(name, call)->Arg(count);
  };
  add("hits", hits)->UseManualTime();
  add("misses", misses)->UseManualTime();
  add("erase_and_insert", erase_and_insert)->UseManualTime();
  add("longest_insert", longest_insert)->Iterations(1);
}

// By size, not by kind, so that each pair of tables is filled once.
[[maybe_unused]] const bool registered = [] {
  for (const uint32_t count : {1'000, 1'000'000, 10'000'000}) run_all(count);
  return true;
}();

}  // namespace
}  // namespace millrace::flow
