// SPDX-License-Identifier: BSD-3-Clause
// Workers that come and go while two engines talk: what one worker began another one ends, and
// nobody at the other end can tell.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "unit/runtime/programs.h"

namespace millrace::runtime {
namespace {

EngineConfig config_of(const char* prefix, uint16_t workers) {
  EngineConfig config;
  config.shard = small_shard(prefix);
  config.workers = workers;
  return config;
}

Endpoint echo_server() { return Endpoint::parse("10.0.0.1:7").value(); }

// A server that may have `kMost` workers and begins with one; as many clients.
struct Meeting {
  static constexpr size_t kMost = 3;

  Meeting(uint32_t connections, size_t bytes) {
    std::vector<Program*> servers;
    std::vector<Program*> others;
    for (size_t i = 0; i < kMost; ++i) {
      clients.push_back(std::make_unique<EchoClient>(echo_server(), connections, bytes));
      servers.push_back(&server[i]);
      others.push_back(clients.back().get());
    }
    auto engines = Engine::create_loopback(config_of("10.0.0.1/24", 1), servers,
                                           config_of("10.0.0.2/24", 0), others);
    EXPECT_TRUE(engines) << engines.error().message;
    left = std::move(engines->first);
    right = std::move(engines->second);
    EXPECT_TRUE(left->start());
    EXPECT_TRUE(right->start());
  }
  [[nodiscard]] uint64_t sum(Counter counter) const { return sum(*left, counter); }
  static uint64_t sum(const Engine& engine, Counter counter) {
    uint64_t total = 0;
    for (size_t i = 0; i < engine.shard_count(); ++i) total += engine.counters(i).get(counter);
    return total;
  }

  std::array<EchoServer, kMost> server;
  std::vector<std::unique_ptr<EchoClient>> clients;
  std::unique_ptr<Engine> left;
  std::unique_ptr<Engine> right;
};

void expect_nothing_left(const EngineReport& report) {
  EXPECT_TRUE(report.drained);
  for (const ShardUse& left : report.left) {
    EXPECT_EQ(left.connections + left.half_open, 0u);
    EXPECT_EQ(left.small_blocks + left.large_blocks + left.loss_records, 0u);
    EXPECT_EQ(left.timers + left.control_frames, 0u);
  }
}

TEST(WorkersChange, NoStreamIsBrokenByWorkersThatComeAndGo) {
  constexpr uint32_t kConnections = 40;
  Meeting meeting(kConnections, 3'000'000);
  constexpr std::array<size_t, 6> kWorkers = {2, 1, 3, 2, 3, 1};
  uint64_t changes = 0;
  while (meeting.right->running()) {
    const size_t workers = kWorkers[changes++ % kWorkers.size()];
    const Result<void> changed = meeting.left->set_workers(workers);
    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(meeting.left->workers(), workers);
  }
  const EngineReport of_clients = meeting.right->finish();
  meeting.left->stop();
  const EngineReport of_servers = meeting.left->finish();

  for (const auto& client : meeting.clients) {
    EXPECT_TRUE(client->intact);
    EXPECT_EQ(client->echoed, kConnections);
    EXPECT_EQ(client->closed_normally, kConnections);
  }
  const uint64_t moved = meeting.sum(Counter::kConnectionsMovedOut);
  EXPECT_GT(moved, 100u);
  EXPECT_EQ(moved, meeting.sum(Counter::kConnectionsMovedIn));
  // Nobody was reset. But what is sent twice, or the answer to it, may come behind the end.
  EXPECT_LE(meeting.sum(Counter::kTcpOutRsts),
            meeting.sum(Counter::kTcpRetransSegs) +
                Meeting::sum(*meeting.right, Counter::kTcpRetransSegs));
  expect_nothing_left(of_clients);
  expect_nothing_left(of_servers);
}

TEST(WorkersChange, AStopMeetsConnectionsOnTheirWay) {
  Meeting meeting(100, 100'000'000);
  for (size_t i = 0; i < 20; ++i) ASSERT_TRUE(meeting.left->set_workers(1 + i % 3));
  meeting.left->stop();
  while (meeting.left->running()) static_cast<void>(meeting.left->set_workers(2));
  const EngineReport of_servers = meeting.left->finish();
  for (const ShardUse& left : of_servers.left) {
    EXPECT_EQ(left.connections + left.half_open + left.timers, 0u);
    EXPECT_EQ(left.small_blocks + left.large_blocks + left.loss_records, 0u);
  }
  meeting.right->stop();
  static_cast<void>(meeting.right->finish());
}

TEST(WorkersChange, OnlyAsManyAsThereMayBeAndWhereTheProgramAgrees) {
  Meeting meeting(1, 1000);
  EXPECT_EQ(meeting.left->workers(), 1u);
  EXPECT_FALSE(meeting.left->set_workers(0));
  EXPECT_FALSE(meeting.left->set_workers(4));
  EXPECT_FALSE(meeting.right->set_workers(1)) << "a client's connections stay with their worker";
  EXPECT_EQ(meeting.right->workers(), 3u);
}

}  // namespace
}  // namespace millrace::runtime
