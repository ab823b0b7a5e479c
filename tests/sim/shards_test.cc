// SPDX-License-Identifier: BSD-3-Clause
// A host of several shards is one host: whichever queue a frame comes by, damaged ones and ICMP
// errors too, its shard gets it, and what connects is answered.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

#include "flow/rss.h"
#include "swarm.h"
#include "world.h"

namespace millrace::sim {
namespace {

Scenario with_shards(uint64_t seed) {
  Scenario scenario = swarm_scenario(seed, Faults::kDrawn);
  scenario.name = "with shards";
  Random random(seed);
  for (HostPlan& host : scenario.hosts) {
    const auto count = static_cast<uint16_t>(random.between(1, 5));
    host.shard.sharding = {.count = count,
                           .rss_key = flow::random_key(random.next()),
                           .rss_table = flow::even_table(random.between(5, 512), count)};
  }
  return scenario;
}

uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

uint64_t first_seed() { return number("MILLRACE_SIM_FIRST", 1); }
uint64_t last_seed() { return first_seed() + number("MILLRACE_SIM_SEEDS", 200) - 1; }

TEST(SimShards, AreOneHost) {
  Coverage covered;
  for (uint64_t seed = first_seed(); seed <= last_seed() && !HasFailure(); ++seed) {
    World world(with_shards(seed));
    const Outcome outcome = world.run();
    EXPECT_TRUE(outcome.ok()) << outcome.failure;
    covered.add(outcome.coverage);
  }
  EXPECT_GT(covered.bytes, 1'000'000u);
}

Scenario with_moves(uint64_t seed) {
  Scenario scenario = with_shards(seed);
  scenario.name = "with entries that move";
  for (HostPlan& host : scenario.hosts) host.move = seed % 3 == 0 ? 0.5 : 0.03;
  return scenario;
}

// Entries of the table go from one shard to another while connections are open, are opened and end;
// who talks to such a host sees nothing of it.
TEST(SimShards, EntriesChangeHandsUnderWay) {
  Coverage covered;
  for (uint64_t seed = first_seed(); seed <= last_seed() && !HasFailure(); ++seed) {
    World world(with_moves(seed), std::getenv("MILLRACE_SIM_VERBOSE") != nullptr);
    const Outcome outcome = world.run();
    EXPECT_TRUE(outcome.ok()) << outcome.failure;
    covered.add(outcome.coverage);
  }
  EXPECT_GT(covered.bytes, 1'000'000u);
  EXPECT_GT(covered.moved, 1'000u);
  EXPECT_EQ(covered.moved, covered.counters[static_cast<size_t>(Counter::kConnectionsMovedIn)]);
  EXPECT_EQ(covered.moved, covered.counters[static_cast<size_t>(Counter::kConnectionsMovedOut)]);
}

// 781: the turn in which a paced segment may leave is that of the move. 1644: there is no room for
// all, and those who have come must be able to end. 5650, in IPv6: a SYN-ACK waits for its next
// hop's address while its connection is opened at another shard.
TEST(SimShards, MovesAtTheWorstTime) {
  for (const uint64_t seed : {781, 1644, 5650}) {
    World world(with_moves(seed));
    const Outcome outcome = world.run();
    EXPECT_TRUE(outcome.ok()) << outcome.failure;
    EXPECT_GT(outcome.coverage.moved, 10u);
  }
}

}  // namespace
}  // namespace millrace::sim
