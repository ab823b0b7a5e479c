// SPDX-License-Identifier: BSD-3-Clause
// Bytes without end, in virtual time: which way they go, what counts, and how a run ends.
#include "load/throughput.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "load/throughput_report.h"
#include "serve/serve_program.h"
#include "unit/app/program_pair.h"

namespace millrace::load {
namespace {

ThroughputPlan plan_of(Direction direction, uint32_t concurrency) {
  return {.target = ProgramPair::kTarget,
          .direction = direction,
          .concurrency = concurrency,
          .duration = milliseconds(200)};
}

serve::ServeConfig service(uint16_t serve::ServeConfig::*port) {
  serve::ServeConfig config;
  config.*port = MadeUpServer::kPort;
  return config;
}

class ThroughputRun {
 public:
  ThroughputRun(ThroughputPlan plan, Program& server)
      : plan_(std::move(plan)), program_(plan_), pair_(program_, server) {}

  ProgramPair& pair() { return pair_; }
  const Throughput& program() const { return program_; }
  [[nodiscard]] uint64_t get(Count count) const { return program_.tally().get(count); }
  ThroughputOutcome outcome() {
    return {plan_, "loopback", team_, pair_.counters(), pair_.report()};
  }
  void expect_nothing_left() {
    EXPECT_TRUE(residue(program_.tally().snapshot(), std::nullopt).none());
    EXPECT_EQ(pair_.client().use().connections, 0u);
    EXPECT_EQ(pair_.client().use().small_blocks, 0u);
    EXPECT_EQ(pair_.client().use().large_blocks, 0u);
  }

 private:
  ThroughputPlan plan_;
  Throughput program_;
  Team<Throughput> team_{{&program_}};
  ProgramPair pair_;
};

TEST(Throughput, UpCountsWhatTheServerHasRead) {
  serve::ServeProgram server(service(&serve::ServeConfig::discard_port));
  ThroughputRun run(plan_of(Direction::kUp, 3), server);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.get(Count::kCompleted), 3u);
  EXPECT_EQ(run.program().ran_for(), milliseconds(200));
  // Nothing is lost on this wire, so in the end the server has all that was sent.
  EXPECT_EQ(server.counts().bytes_in.get(), run.get(Count::kBytesSent));
  EXPECT_GT(run.program().acknowledged_bytes(), 10'000'000u);
  // What was in the send buffers when the time was up had not arrived.
  const uint64_t buffered = run.get(Count::kBytesSent) - run.program().acknowledged_bytes();
  EXPECT_GT(buffered, 0u);
  EXPECT_LE(buffered, 3u * TcpOptions{}.send_buffer_bytes);
  EXPECT_EQ(run.program().received_bytes(), 0u);
  EXPECT_TRUE(succeeded(run.outcome()));
  run.expect_nothing_left();
}

TEST(Throughput, DownReadsWhatComesUnasked) {
  serve::ServeProgram server(service(&serve::ServeConfig::chargen_port));
  ThroughputRun run(plan_of(Direction::kDown, 3), server);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.get(Count::kCompleted), 3u);
  EXPECT_EQ(run.get(Count::kBytesSent), 0u);
  EXPECT_GT(run.program().received_bytes(), 10'000'000u);
  EXPECT_TRUE(succeeded(run.outcome()));
  run.expect_nothing_left();
}

TEST(Throughput, BothComparesTheEcho) {
  serve::ServeProgram server(service(&serve::ServeConfig::echo_port));
  ThroughputRun run(plan_of(Direction::kBoth, 2), server);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.get(Count::kCompleted), 2u);
  EXPECT_GT(run.program().acknowledged_bytes(), 1'000'000u);
  EXPECT_EQ(run.get(Count::kBytesReceived), run.get(Count::kBytesSent));
  EXPECT_TRUE(succeeded(run.outcome()));
  run.expect_nothing_left();
}

TEST(Throughput, AnEchoOfSomethingElseIsAFailure) {
  MadeUpServer server([](Shard& s, ConnectionId id, std::string_view) { say(s, id, "nonsense"); });
  ThroughputRun run(plan_of(Direction::kBoth, 1), server);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.program().tally().snapshot().get(Failure::kBadResponse), 1u);
  EXPECT_FALSE(succeeded(run.outcome()));
  run.expect_nothing_left();
}

TEST(Throughput, AServerThatClosesEarlyIsAFailure) {
  MadeUpServer server([](Shard& s, ConnectionId id, std::string_view) { s.shutdown(id); });
  ThroughputRun run(plan_of(Direction::kUp, 1), server);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.program().tally().snapshot().get(Failure::kShortResponse), 1u);
  run.expect_nothing_left();
}

TEST(Throughput, AConnectionWithoutProgressTimesOut) {
  serve::ServeProgram server(service(&serve::ServeConfig::discard_port));
  ThroughputPlan plan = plan_of(Direction::kUp, 2);
  plan.duration = seconds(10);
  plan.timeout = milliseconds(500);
  ThroughputRun run(plan, server);
  run.pair().pass(milliseconds(100));
  ASSERT_TRUE(run.program().running());
  run.pair().cut(true, true);
  ASSERT_TRUE(run.pair().run(seconds(5)));  // all have failed: nothing to wait for
  EXPECT_EQ(run.program().tally().snapshot().get(Failure::kTimeout), 2u);
  run.expect_nothing_left();
}

TEST(Throughput, StopEndsARunWithoutAnEnd) {
  serve::ServeProgram server(service(&serve::ServeConfig::discard_port));
  ThroughputPlan plan = plan_of(Direction::kUp, 2);
  plan.duration = {};
  ThroughputRun run(plan, server);
  run.pair().pass(milliseconds(300));
  ASSERT_TRUE(run.program().running());
  run.pair().stop();
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.get(Count::kCompleted), 2u);
  EXPECT_GT(run.program().ran_for(), milliseconds(250));
  run.expect_nothing_left();
}

TEST(Throughput, ATargetThatRefusesIsNeverLoaded) {
  serve::ServeProgram server(service(&serve::ServeConfig::discard_port));
  ThroughputPlan plan = plan_of(Direction::kUp, 2);
  plan.target.port = 81;
  ThroughputRun run(plan, server);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.program().error(),
            "10.0.0.1:81 answers with RST (refused): nothing listens on that port");
  EXPECT_EQ(run.get(Count::kLaunched), 0u);
  EXPECT_FALSE(succeeded(run.outcome()));
}

TEST(Throughput, IsReported) {
  serve::ServeProgram server(service(&serve::ServeConfig::discard_port));
  ThroughputRun run(plan_of(Direction::kUp, 3), server);
  ASSERT_TRUE(run.pair().run());
  const nlohmann::json json = to_json(run.outcome());
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["mode"], "throughput");
  EXPECT_EQ(json["direction"], "up");
  EXPECT_EQ(json["target"], "10.0.0.1:80");
  EXPECT_EQ(json["concurrency"], 3);
  EXPECT_EQ(json["seconds"], 0.2);
  EXPECT_EQ(json["connections"]["completed"], 3);
  EXPECT_EQ(json["connections"]["failures"], nlohmann::json::object());
  EXPECT_EQ(json["bytes"]["acknowledged"], run.program().acknowledged_bytes());
  EXPECT_EQ(json["bits_per_second"]["up"],
            static_cast<double>(run.program().acknowledged_bytes()) * 8 / 0.2);
  EXPECT_EQ(json["bits_per_second"]["down"], 0.0);
  EXPECT_EQ(json["unexplained"]["connections"], 0);
  EXPECT_EQ(json["succeeded"], true);
  EXPECT_FALSE(json.contains("error"));
  const std::string text = to_text(run.outcome());
  for (const char* line :
       {"throughput (up) to 10.0.0.1:80 over loopback for 200 ms, 3 connections\n",
        "\nconnections                     3            \n", "\nbytes acknowledged ",
        "\nthe stack\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nis not in\n" << text;
  }
  EXPECT_EQ(text.find("bytes received"), std::string::npos) << text;
  EXPECT_EQ(text.find("failed"), std::string::npos) << text;
}

}  // namespace
}  // namespace millrace::load
