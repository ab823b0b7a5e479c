// SPDX-License-Identifier: BSD-3-Clause
// Two engines in one process: programs meet over the in-process wire, and after a stop nothing is
// left of what they did.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include <string>
#include <thread>

#include "unit/runtime/programs.h"

namespace millrace::runtime {
namespace {

constexpr const char* kLeft = "10.0.0.1/24";
constexpr const char* kRight = "10.0.0.2/24";

EngineConfig config_of(const char* prefix) {
  EngineConfig config;
  config.shard = small_shard(prefix);
  return config;
}

Endpoint echo_server() { return Endpoint::parse("10.0.0.1:7").value(); }

void expect_clean(const EngineReport& report) {
  EXPECT_TRUE(report.drained);
  EXPECT_EQ(report.mbufs_missing, 0u);
  ASSERT_EQ(report.left.size(), 1u);
  const ShardUse& left = report.left.front();
  EXPECT_EQ(left.connections, 0u);
  EXPECT_EQ(left.half_open, 0u);
  EXPECT_EQ(left.small_blocks, 0u);
  EXPECT_EQ(left.large_blocks, 0u);
  EXPECT_EQ(left.loss_records, 0u);
  EXPECT_EQ(left.timers, 0u);
  EXPECT_EQ(left.control_frames, 0u);
}

// One worker on each side.
auto pair_of(const EngineConfig& left_config, Program& left, const EngineConfig& right_config,
             Program& right) {
  Program* const left_programs[] = {&left};
  Program* const right_programs[] = {&right};
  return Engine::create_loopback(left_config, left_programs, right_config, right_programs);
}

TEST(EngineLoopback, EchoesAndEndsWithNothingLeft) {
  EchoServer server;
  EchoClient client(echo_server(), 100, 3000);
  auto engines = pair_of(config_of(kLeft), server, config_of(kRight), client);
  ASSERT_TRUE(engines) << engines.error().message;
  auto& [left, right] = *engines;
  EXPECT_TRUE(left->link_up());
  EXPECT_EQ(left->shard_count(), 1u);
  EXPECT_NE(left->mac(), right->mac());
  ASSERT_TRUE(left->start());
  ASSERT_TRUE(right->start());

  const EngineReport of_client = right->finish();  // it ends by itself
  EXPECT_FALSE(right->running());
  left->stop();
  left->stop();
  const EngineReport of_server = left->finish();

  EXPECT_EQ(client.echoed, 100u);
  EXPECT_EQ(client.closed_normally, 100u);
  EXPECT_TRUE(client.intact);
  EXPECT_EQ(server.opened, 100u);
  EXPECT_EQ(server.closed_normally, 100u);
  EXPECT_EQ(server.stoppings, 1);
  expect_clean(of_client);
  expect_clean(of_server);
  EXPECT_EQ(of_client.device.frames_out, of_server.device.frames_in);
  EXPECT_EQ(of_client.device.tx_dropped, 0u);
  ASSERT_EQ(of_client.workers.size(), 1u);
  EXPECT_GT(of_client.workers[0].busy_turns, 0u);
  EXPECT_GT(of_client.workers[0].busy_time, Duration{});
  EXPECT_EQ(of_client.workers[0].frames_received, of_client.device.frames_in);
  EXPECT_EQ(right->counters(0).get(Counter::kTcpActiveOpens), 100u);
}

// More than either send buffer or the wire's slots hold at once.
TEST(EngineLoopback, CarriesMegabytesBothWays) {
  EchoServer server;
  EchoClient client(echo_server(), 4, 2'000'000);
  EngineConfig left_config = config_of(kLeft);
  EngineConfig right_config = config_of(kRight);
  left_config.tx_descriptors = right_config.tx_descriptors = 64;
  auto engines = pair_of(left_config, server, right_config, client);
  ASSERT_TRUE(engines) << engines.error().message;
  auto& [left, right] = *engines;
  ASSERT_TRUE(left->start());
  ASSERT_TRUE(right->start());
  const EngineReport of_client = right->finish();
  left->stop();
  expect_clean(of_client);
  expect_clean(left->finish());
  EXPECT_EQ(client.echoed, 4u);
  EXPECT_TRUE(client.intact);
}

// What is open when the server stops is shut down in order, by both.
TEST(EngineLoopback, StoppingClosesOpenConnections) {
  EchoServer server;
  EchoClient client(echo_server(), 10, 100, true);
  auto engines = pair_of(config_of(kLeft), server, config_of(kRight), client);
  ASSERT_TRUE(engines) << engines.error().message;
  auto& [left, right] = *engines;
  ASSERT_TRUE(left->start());
  ASSERT_TRUE(right->start());
  const EngineReport of_client = right->finish();
  left->stop();
  expect_clean(of_client);
  expect_clean(left->finish());
  EXPECT_EQ(client.closed_normally, 10u);
  EXPECT_EQ(server.closed_normally, 10u);
}

// With nobody at the other end the SYNs are never answered: the drain ends at its deadline.
TEST(EngineLoopback, AnEngineEndsWithoutItsPeer) {
  EchoServer server;
  EchoClient client(echo_server(), 3, 100);
  EngineConfig right_config = config_of(kRight);
  right_config.drain_timeout = milliseconds(20);
  auto engines = pair_of(config_of(kLeft), server, right_config, client);
  ASSERT_TRUE(engines) << engines.error().message;
  auto& [left, right] = *engines;
  ASSERT_TRUE(right->start());
  left.reset();
  EXPECT_FALSE(right->link_up());
  right->stop();
  const EngineReport report = right->finish();
  EXPECT_EQ(client.closed, 3u);
  EXPECT_EQ(client.closed_normally, 0u);
  ASSERT_EQ(report.left.size(), 1u);
  EXPECT_EQ(report.left[0].connections, 0u);
  EXPECT_EQ(report.left[0].control_frames, 0u);
}

TEST(EngineLoopback, AProgramsErrorIsTheEnginesAndTheEngineCanGo) {
  EchoServer first;
  EchoServer second;
  auto engines = pair_of(config_of(kLeft), first, config_of(kRight), second);
  ASSERT_TRUE(engines) << engines.error().message;

  class Refusing final : public Program {
   public:
    Result<void> start(Shard& /*shard*/) override { return Error{"no page to serve"}; }
  };
  Refusing refusing;
  auto others = pair_of(config_of(kLeft), refusing, config_of(kRight), second);
  ASSERT_TRUE(others) << others.error().message;
  const auto outcome = others->first->start();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "no page to serve");
  EXPECT_FALSE(others->first->running());
}

TEST(EngineLoopback, AnEngineThatRunsCanBeDestroyed) {
  EchoServer first;
  EchoServer second;
  auto engines = pair_of(config_of(kLeft), first, config_of(kRight), second);
  ASSERT_TRUE(engines) << engines.error().message;
  ASSERT_TRUE(engines->first->start());
  ASSERT_TRUE(engines->second->start());
  engines->first.reset();
  EXPECT_EQ(first.stoppings, 1);
  EXPECT_TRUE(engines->second->running());
}

TEST(EngineLoopback, AShardsErrorNamesItsField) {
  EchoServer first;
  EchoServer second;
  EngineConfig bad = config_of(kRight);
  bad.shard.interface.mtu = 100;
  const auto engines = pair_of(config_of(kLeft), first, bad, second);
  ASSERT_FALSE(engines);
  EXPECT_NE(engines.error().message.find("mtu"), std::string::npos) << engines.error().message;
}

TEST(EngineLoopback, ACpuThatIsNotThereIsAnError) {
  EchoServer first;
  EchoServer second;
  EngineConfig left_config = config_of(kLeft);
  left_config.cpus = {1 << 20};
  auto engines = pair_of(left_config, first, config_of(kRight), second);
  ASSERT_TRUE(engines) << engines.error().message;
  const auto outcome = engines->first->start();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            "cpu is 1048576: this process may not run there; `nproc` and `taskset -p $$` show "
            "where it may");
}

// Each client's frames come by its own wire, and most belong to another worker of the server.
TEST(EngineLoopback, WorkersHandEachOtherWhatIsTheirs) {
  constexpr size_t kWorkers = 4;
  std::vector<std::unique_ptr<EchoServer>> servers;
  std::vector<std::unique_ptr<EchoClient>> clients;
  std::vector<Program*> left_programs;
  std::vector<Program*> right_programs;
  for (size_t i = 0; i < kWorkers; ++i) {
    servers.push_back(std::make_unique<EchoServer>());
    clients.push_back(std::make_unique<EchoClient>(echo_server(), 50, 3000));
    left_programs.push_back(servers.back().get());
    right_programs.push_back(clients.back().get());
  }
  auto engines =
      Engine::create_loopback(config_of(kLeft), left_programs, config_of(kRight), right_programs);
  ASSERT_TRUE(engines) << engines.error().message;
  auto& [left, right] = *engines;
  EXPECT_EQ(left->shard_count(), kWorkers);
  ASSERT_TRUE(left->start());
  ASSERT_TRUE(right->start());
  const EngineReport of_clients = right->finish();  // each ends when its connections have
  left->stop();
  const EngineReport of_servers = left->finish();

  uint64_t accepted = 0;
  for (const auto& server : servers) {
    EXPECT_EQ(server->opened, server->closed_normally);
    EXPECT_NE(server->opened, 0u) << "every worker takes its part";
    accepted += server->opened;
  }
  EXPECT_EQ(accepted, 50 * kWorkers);
  for (const auto& client : clients) {
    EXPECT_EQ(client->echoed, 50u);
    EXPECT_EQ(client->closed_normally, 50u);
    EXPECT_TRUE(client->intact);
  }
  for (const EngineReport* report : {&of_clients, &of_servers}) {
    EXPECT_TRUE(report->drained);
    ASSERT_EQ(report->workers.size(), kWorkers);
    uint64_t handed_in = 0;
    uint64_t handed_out = 0;
    for (const WorkerStats& worker : report->workers) {
      handed_in += worker.handed_in;
      handed_out += worker.handed_out;
      EXPECT_EQ(worker.handing_failed, 0u);
    }
    EXPECT_GT(handed_in, 50 * kWorkers);  // connections of whom most come by another
    EXPECT_LE(handed_in, handed_out);
    for (const ShardUse& left_over : report->left) EXPECT_EQ(left_over.connections, 0u);
  }
}

TEST(EngineLoopback, AsManyWorkersOnEitherSide) {
  EchoServer first;
  EchoServer second;
  Program* const one[] = {&first};
  Program* const two[] = {&first, &second};
  const auto engines = Engine::create_loopback(config_of(kLeft), one, config_of(kRight), two);
  ASSERT_FALSE(engines);
  EXPECT_EQ(engines.error().message, "a loopback has as many workers on either side, not 1 and 2");
}

TEST(EngineCreate, SaysWhatWorkersAndQueuesMayBe) {
  EchoServer first;
  EchoServer second;
  Program* const programs[] = {&first, &second};
  EngineConfig config = config_of(kLeft);
  config.device = DeviceUri::parse("tap:mill0").value();
  const auto complaint = [&] { return Engine::create(config, programs).error().message; };
  config.queues = 3;
  EXPECT_EQ(complaint(), "queues is 3: 2 workers can serve at most 2");
  config.queues = 0;
  config.cpus = {0};
  EXPECT_EQ(complaint(), "1 CPUs were named for 2 workers: name one for each, or none");
  config.cpus = {};
  config.rss_key.resize(39);
  EXPECT_EQ(complaint(), "rss_key has 39 bytes; give 40 to 52");
}

}  // namespace
}  // namespace millrace::runtime
