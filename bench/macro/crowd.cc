// SPDX-License-Identifier: BSD-3-Clause
// What many connections cost, in one process: two shards, and between them a wire that only copies.
//
//     crowd memory COUNT       bytes for each idle connection, at both ends, and each record of
//                              TIME-WAIT, all in: what the process grew by when they came
//     crowd time COUNT...      connect, request, response, close with so many idle connections at
//                              each end, against the same shards with none
//
// --hugepages (of time): tables in reserved 2 MiB pages, as far as there are any. With --json the
// same as one object. Memory is what the system has given to the process (resident) and what the
// shards have asked it for (reserved), which only costs addresses until it is used. Two shards that
// hold nothing take some, too, which is told apart: large pages round it up.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "support/shard_pair.h"

namespace millrace::bench {
namespace {

constexpr uint32_t kBurst = 32;

struct Memory {
  double resident = 0;
  double reserved = 0;
};

Memory memory_now() {
  unsigned long pages = 0;
  unsigned long resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%lu %lu", &pages, &resident) != 2) {
    std::fprintf(stderr, "crowd: /proc/self/statm cannot be read\n");
    std::exit(1);
  }
  std::fclose(file);
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  return {static_cast<double>(resident) * page, static_cast<double>(pages) * page};
}

struct Row {
  std::string name;
  uint32_t count;
  double resident;
  double reserved;
  double bar;
};

// What a pair takes before there is a crowd.
Memory memory_of_nothing() {
  const Memory before = memory_now();
  const Pair pair(Pair::Round::kServerCloses, kBurst);
  const Memory after = memory_now();
  return {after.resident - before.resident, after.reserved - before.reserved};
}

Memory operator-(const Memory& a, const Memory& b) {
  return {a.resident - b.resident, a.reserved - b.reserved};
}

// Both ends hold as many, so the growth is halved.
Row idle_memory(uint32_t count, const Memory& nothing) {
  const Memory before = memory_now();
  Pair pair(Pair::Round::kServerCloses, kBurst, {.idle_max = count});
  pair.open_idle(count);
  const Memory grown = memory_now() - before - nothing;
  if (pair.client().use().connections != count || pair.server().use().connections != count) {
    std::fprintf(stderr, "crowd: not all connections are there\n");
    std::exit(1);
  }
  return {"established, idle", count, grown.resident / 2 / count, grown.reserved / 2 / count, 256};
}

Row time_wait_memory(uint32_t count, const Memory& nothing) {
  const Memory before = memory_now();
  Pair pair(Pair::Round::kServerCloses, kBurst, {.time_wait_max = count});
  while (pair.server().use().time_wait < count) pair.play();
  const Memory grown = memory_now() - before - nothing;
  return {"time-wait", count, grown.resident / count, grown.reserved / count, 32};
}

void print_memory(const std::vector<Row>& rows, const Memory& nothing, bool json) {
  if (json) {
    fmt::print("{{\"two_empty_shards_bytes\": {:.0f}, \"memory\": [", nothing.resident);
    for (size_t i = 0; i < rows.size(); ++i) {
      const Row& r = rows[i];
      fmt::print(
          "{}{{\"name\": \"{}\", \"count\": {}, \"resident_bytes\": {:.1f}, "
          "\"reserved_bytes\": {:.1f}, \"bar\": {}}}",
          i == 0 ? "" : ", ", r.name, r.count, r.resident, r.reserved, r.bar);
    }
    fmt::print("]}}\n");
    return;
  }
  fmt::print("{:<20} {:>10} {:>10} {:>10} {:>6}\n", "bytes each, all in", "count", "resident",
             "reserved", "bar");
  for (const Row& r : rows) {
    fmt::print("{:<20} {:>10} {:>10.1f} {:>10.1f} {:>6}\n", r.name, r.count, r.resident, r.reserved,
               r.bar);
  }
  fmt::print("two empty shards: {:.1f} MB resident\n", nothing.resident / 1e6);
}

// Times both pairs in turn and gives nanoseconds for a connection of each: the median of many laps,
// which one that loses its CPU does not move.
struct Times {
  double none;
  double crowded;
};

Times race(Pair& none, Pair& crowded) {
  using Clock = std::chrono::steady_clock;
  constexpr int kLaps = 400;
  constexpr int kPlays = 20;
  const auto lap = [](Pair& pair) {
    const Clock::time_point begin = Clock::now();
    for (int play = 0; play < kPlays; ++play) pair.play();
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() /
           (kPlays * kBurst);
  };
  std::vector<double> none_ns;
  std::vector<double> crowded_ns;
  for (int i = 0; i < kLaps; ++i) {
    none_ns.push_back(lap(none));
    crowded_ns.push_back(lap(crowded));
  }
  const auto median = [](std::vector<double>& values) {
    std::nth_element(values.begin(), values.begin() + kLaps / 2, values.end());
    return values[kLaps / 2];
  };
  return {median(none_ns), median(crowded_ns)};
}

void time_crowds(const std::vector<uint32_t>& counts, bool json, bool hugepages) {
  if (json) {
    fmt::print("{{\"connect_request_close\": [");
  } else {
    fmt::print("{:>12} {:>14} {:>14} {:>8} {:>6}\n", "idle", "ns, none idle", "ns", "ratio", "bar");
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    const Crowd crowd{.idle_max = counts[i], .hugepages = hugepages};
    Pair none(Pair::Round::kServerCloses, kBurst, crowd);
    Pair crowded(Pair::Round::kServerCloses, kBurst, crowd);
    none.open_idle(0);
    crowded.open_idle(counts[i]);
    const Times times = race(none, crowded);
    if (!none.consistent() || !crowded.consistent()) {
      std::fprintf(stderr, "crowd: the rounds did not do what they say\n");
      std::exit(1);
    }
    const double ratio = times.crowded / times.none;
    if (json) {
      fmt::print(
          "{}{{\"idle\": {}, \"none_ns\": {:.0f}, \"ns\": {:.0f}, \"ratio\": {:.3f}, "
          "\"bar\": 1.15}}",
          i == 0 ? "" : ", ", counts[i], times.none, times.crowded, ratio);
    } else {
      fmt::print("{:>12} {:>14.0f} {:>14.0f} {:>8.3f} {:>6}\n", counts[i], times.none,
                 times.crowded, ratio, 1.15);
      std::fflush(stdout);
    }
  }
  if (json) fmt::print("]}}\n");
}

[[noreturn]] void explain() {
  std::fprintf(stderr, "usage: crowd memory|time [--json] [--hugepages] COUNT...\n");
  std::exit(2);
}

int run(int argc, char** argv) {
  if (argc < 2) explain();
  const std::string_view what = argv[1];
  bool json = false;
  bool hugepages = false;
  std::vector<uint32_t> counts;
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
      continue;
    }
    if (std::strcmp(argv[i], "--hugepages") == 0) {
      hugepages = true;
      continue;
    }
    const unsigned long count = std::strtoul(argv[i], nullptr, 10);
    if (count == 0 || count > 20'000'000) explain();
    counts.push_back(static_cast<uint32_t>(count));
  }
  if (counts.empty()) counts = {1'000, 100'000, 1'000'000};
  if (what == "time") {
    time_crowds(counts, json, hugepages);
    return 0;
  }
  if (what != "memory") explain();
  const Memory nothing = memory_of_nothing();
  std::vector<Row> rows;
  for (const uint32_t count : counts) {
    rows.push_back(idle_memory(count, nothing));
    rows.push_back(time_wait_memory(count, nothing));
  }
  print_memory(rows, nothing, json);
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) { return millrace::bench::run(argc, argv); }
