// SPDX-License-Identifier: BSD-3-Clause
// How a run of the load generator begins, when its target answers, and how it ends.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "load/generator.h"
#include "unit/app/load_servers.h"

namespace millrace::load {
namespace {

// --- The first answer ---------------------------------------------------------------------------

TEST(GeneratorProbe, WaitsForATargetThatComesLate) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1, .duration = {}, .count = 1, .timeout = seconds(5)};
  LoadPair pair(plan, {}, server);
  pair.cut(true, true);
  pair.pass(seconds(2));
  EXPECT_EQ(pair.get(Count::kLaunched), 0u);
  pair.cut(false, false);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 1u);
  EXPECT_EQ(pair.generator().error(), "");
  EXPECT_LT(pair.generator().ran_for(), milliseconds(10));
}

TEST(GeneratorProbe, OffersNothingBeforeTheAgreedTime) {
  serve::ServeProgram server(http_service());
  const Instant start{3'000'000'000};
  const Plan plan{.concurrency = 1, .duration = seconds(1), .start_at = start};
  LoadPair pair(plan, {}, server);
  pair.pass(milliseconds(1500));
  EXPECT_EQ(pair.get(Count::kProbes), 1u);
  EXPECT_EQ(pair.get(Count::kLaunched), 0u);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.generator().began(), start);
  EXPECT_EQ(pair.generator().ran_for(), seconds(1));
  EXPECT_GT(pair.get(Count::kCompleted), 0u);
}

std::string probe_error(LoadPair& pair) {
  EXPECT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kLaunched), 0u);
  return pair.generator().error();
}

TEST(GeneratorProbe, ARefusalIsAnAnswer) {
  serve::ServeProgram server(http_service());
  LoadPair pair({.target = {LoadPair::kTarget.address, 81}, .timeout = seconds(5)}, {}, server);
  const Instant began = pair.now();
  EXPECT_EQ(probe_error(pair),
            "10.0.0.1:81 answers with RST (refused): nothing listens on that "
            "port");
  EXPECT_LT(pair.now() - began, milliseconds(200));
}

TEST(GeneratorProbe, SaysThatNobodyAnswersArp) {
  serve::ServeProgram server(http_service());
  LoadPair pair({.target = {IpAddress::v4(0x0a000063), 80}, .timeout = seconds(8)}, {}, server);
  EXPECT_EQ(
      probe_error(pair),
      "10.0.0.99:80 or its gateway does not answer on the link (neighbor-unreachable): check the "
      "address, the network, and that the peer is up");
}

TEST(GeneratorProbe, SaysThatNobodyAnswers) {
  serve::ServeProgram server(http_service());
  LoadPair pair({.timeout = seconds(1)}, {}, server);
  pair.pass(LoadPair::kStep * 3);  // ARP
  pair.cut(true, true);
  EXPECT_EQ(probe_error(pair),
            "10.0.0.1:80 does not answer (connect-timeout): check that it is up "
            "and can be reached");
}

// --- The end ------------------------------------------------------------------------------------

TEST(GeneratorEnd, LetsRequestsFinishThatAreUnderWay) {
  struct Slow final : Program, App {
    std::multimap<Instant, ConnectionId> due;
    Result<void> start(Shard& s) override {
      EXPECT_TRUE(s.listen({{}, MadeUpServer::kPort}, *this).ok());
      return {};
    }
    void turn(Shard& s) override {
      while (!due.empty() && due.begin()->first <= s.now()) {
        say(s, due.begin()->second, kOk);
        due.erase(due.begin());
      }
    }
    void on_established(Shard&, ConnectionRef) override {}
    size_t on_data(Shard& s, ConnectionRef c, std::span<const std::byte> d) override {
      due.emplace(s.now() + milliseconds(300), c.id);
      return d.size();
    }
    void on_closed(Shard&, ConnectionRef, CloseReason) override {}
  } slow;
  const Plan plan{.mode = Mode::kRps, .concurrency = 3, .duration = seconds(1)};
  LoadPair pair(plan, {}, slow);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.generator().when_time_was_up().get(Count::kResponses), 9u);
  EXPECT_EQ(pair.get(Count::kResponses), 12u);
  EXPECT_EQ(pair.get(Count::kCompleted), 3u);
  EXPECT_EQ(pair.get(Count::kDrained), 0u);
  EXPECT_EQ(pair.generator().ran_for(), seconds(1));
  expect_in_order(pair, plan);
}

TEST(GeneratorEnd, CutsShortWhatDoesNotFinishAndCallsItNoFailure) {
  MadeUpServer server = silent();
  const Plan plan{.concurrency = 3, .duration = seconds(1), .timeout = seconds(60)};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  const Instant began = pair.now();
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.failures(), "");
  EXPECT_EQ(pair.get(Count::kDrained), 3u);
  EXPECT_EQ(pair.get(Count::kRequestsDrained), 3u);
  EXPECT_LT(pair.now() - began, milliseconds(3010));  // a second of load, two of grace
  expect_in_order(pair, plan);
}

TEST(GeneratorEnd, DrainsWhatIsStillConnecting) {
  serve::ServeProgram server(http_service());
  for (const CloseBy close : {CloseBy::kClient, CloseBy::kServer, CloseBy::kReset}) {
    const Plan plan{
        .concurrency = 3, .duration = milliseconds(500), .timeout = seconds(5), .close = close};
    LoadPair pair(plan, {}, server);
    ASSERT_TRUE(pair.probe());
    pair.cut(true, true);  // the first SYNs are on the wire, and arrive; their answers do not
    ASSERT_TRUE(pair.run());
    EXPECT_EQ(pair.failures(), "");
    EXPECT_EQ(pair.get(Count::kCompleted), 0u) << static_cast<int>(close);
    EXPECT_EQ(pair.get(Count::kDrained), 3u) << static_cast<int>(close);
    expect_in_order(pair, plan);
  }
}

TEST(GeneratorEnd, AConnectionThatOpensTooLateIsDrained) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 3, .duration = milliseconds(500), .timeout = seconds(5)};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  pair.cut(true, true);
  while (pair.generator().running()) pair.pass(LoadPair::kStep);
  pair.cut(false, false);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kRequests), 0u);
  EXPECT_EQ(pair.get(Count::kCompleted), 0u);
  EXPECT_EQ(pair.get(Count::kDrained), 3u);
  expect_in_order(pair, plan);
}

TEST(GeneratorEnd, StopEndsARunAtOnce) {
  serve::ServeProgram server(http_service());
  for (const Mode mode : {Mode::kCps, Mode::kRps}) {
    for (const uint64_t rate : {uint64_t{0}, uint64_t{500}}) {
      const Plan plan{.mode = mode, .concurrency = 8, .rate = rate, .duration = {}};
      LoadPair pair(plan, {}, server);
      ASSERT_TRUE(pair.probe());
      pair.pass(milliseconds(50));
      pair.stop();
      const Instant stopped = pair.now();
      ASSERT_TRUE(pair.run());
      EXPECT_LT(pair.now() - stopped, milliseconds(5));
      EXPECT_EQ(pair.generator().ran_for(), milliseconds(50));
      EXPECT_EQ(pair.failures(), "");
      EXPECT_GT(pair.get(Count::kResponses), 20u);
      expect_in_order(pair, plan);
    }
  }
}

TEST(GeneratorEnd, StopBeforeTheFirstAnswerSaysSo) {
  serve::ServeProgram server(http_service());
  LoadPair pair({.timeout = seconds(60)}, {}, server);
  pair.cut(true, true);
  pair.pass(seconds(1));
  pair.stop();
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kLaunched), 0u);
  EXPECT_EQ(pair.generator().error(), "stopped before 10.0.0.1:80 had answered");
}

}  // namespace
}  // namespace millrace::load
