// SPDX-License-Identifier: BSD-3-Clause
// Modes that hold connections: how many are there when, who asks, which are replaced, and how they
// go again.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "load/generator.h"
#include "unit/app/load_servers.h"

namespace millrace::load {
namespace {

void expect_lawful(LoadPair& pair, std::optional<Count> arrived) {
  EXPECT_TRUE(residue(pair.tally(), arrived).none());
  EXPECT_EQ(pair.client().use().connections, 0u);
  EXPECT_EQ(pair.failures(), "");
}

Plan cc(uint32_t concurrency, Duration duration) {
  return {.mode = Mode::kCc, .concurrency = concurrency, .duration = duration};
}

TEST(HoldConnections, OpensThemAtARateAndKeepsThem) {
  serve::ServeProgram server(http_service());
  Plan plan = cc(500, seconds(3));
  plan.open_rate = 1000;
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  pair.pass(milliseconds(250));
  EXPECT_NEAR(static_cast<double>(pair.tally().open()), 250, 2);
  pair.pass(milliseconds(500));
  EXPECT_EQ(pair.tally().open(), 500u);
  EXPECT_NEAR(pair.generator().built().after.seconds(), 0.5, 0.002);
  pair.pass(seconds(2));
  EXPECT_EQ(pair.tally().open(), 500u);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kLaunched), 500u);
  EXPECT_EQ(pair.get(Count::kCompleted), 500u);
  EXPECT_EQ(pair.get(Count::kRequests), 0u);
  expect_lawful(pair, std::nullopt);
}

TEST(HoldConnections, EachAsksOnceInSoLong) {
  serve::ServeProgram server(echo_service());
  Plan plan = cc(10, seconds(2));
  plan.every = milliseconds(100);
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.run());
  // The first time 100 ms after it was opened.
  EXPECT_NEAR(static_cast<double>(pair.get(Count::kRequests)), 10 * 19, 10);
  EXPECT_EQ(pair.get(Count::kResponses), pair.get(Count::kRequests));
  EXPECT_EQ(pair.get(Count::kLaunched), 10u);
  EXPECT_NEAR(pair.generator().latencies().of(Latency::kFromSchedule).percentile(50).seconds(),
              200e-6, 101e-6);
  expect_lawful(pair, Count::kRequests);
}

TEST(HoldConnections, ARequestThatComesBeforeTheLastIsAnsweredIsSkipped) {
  MadeUpServer server = silent();
  Plan plan = cc(3, seconds(1));
  plan.every = milliseconds(100);
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kRequests), 3u);
  EXPECT_NEAR(static_cast<double>(pair.get(Count::kSkippedConcurrency)), 3 * 8, 3);
  EXPECT_EQ(pair.get(Count::kRequestsDrained), 3u);
  expect_lawful(pair, Count::kRequests);
}

TEST(HoldConnections, ChurnReplacesThemAtARate) {
  serve::ServeProgram server(http_service());
  Plan plan = cc(50, seconds(2));
  plan.churn = 100;
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  pair.pass(seconds(1));
  EXPECT_NEAR(static_cast<double>(pair.get(Count::kCompleted)), 100, 2);
  EXPECT_GE(pair.tally().open(), 49u);
  ASSERT_TRUE(pair.run());
  EXPECT_NEAR(static_cast<double>(pair.get(Count::kLaunched)), 250, 2);
  expect_lawful(pair, std::nullopt);
}

TEST(HoldConnections, OneThatTheTargetClosesIsAFailure) {
  MadeUpServer server({}, [n = 0](Shard& s, ConnectionId id) mutable {
    if (++n == 3) s.shutdown(id);
  });
  LoadPair pair(cc(5, seconds(1)), {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.failures(), "close-mismatch 1");
  EXPECT_EQ(pair.get(Count::kCompleted), 5u);  // it was replaced
}

TEST(Teardown, ClosesAtItsRateOnceAllAreOpen) {
  serve::ServeProgram server(http_service());
  const Plan plan{
      .mode = Mode::kTeardown, .concurrency = 500, .rate = 1000, .duration = {}, .open_rate = 2000};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  pair.pass(milliseconds(240));
  EXPECT_EQ(pair.get(Count::kCloses), 0u);
  pair.pass(milliseconds(260));
  EXPECT_NEAR(static_cast<double>(pair.get(Count::kCloses)), 250, 5);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 500u);
  EXPECT_EQ(pair.generator().latencies().of(Latency::kClose).count(), 500u);
  expect_lawful(pair, Count::kCloses);
  const nlohmann::json json = to_json(pair.outcome());
  EXPECT_EQ(json["mode"], "teardown");
  EXPECT_EQ(json["held"]["open"], 500);
  EXPECT_EQ(json["held"]["closes"], 500);
  EXPECT_NEAR(json["held"]["built_seconds"].get<double>(), 0.25, 0.002);
  EXPECT_NEAR(json["held"]["closes_per_second"].get<double>(), 1000, 10);
  EXPECT_TRUE(succeeded(pair.outcome()));
}

TEST(Teardown, WithoutARateClosesAsFastAsItGoes) {
  serve::ServeProgram server(http_service());
  for (const CloseBy close : {CloseBy::kClient, CloseBy::kReset}) {
    const Plan plan{.mode = Mode::kTeardown, .concurrency = 300, .duration = {}, .close = close};
    LoadPair pair(plan, {}, server);
    ASSERT_TRUE(pair.run());
    EXPECT_EQ(pair.get(Count::kCompleted), 300u);
    EXPECT_LT(pair.generator().ran_for(), milliseconds(5));
    expect_lawful(pair, std::nullopt);
  }
}

}  // namespace
}  // namespace millrace::load
