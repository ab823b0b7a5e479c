// SPDX-License-Identifier: BSD-3-Clause
// Several requests on a connection: at a time, and one after the other.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "load/generator.h"
#include "load/slot_queue.h"
#include "unit/app/load_servers.h"

namespace millrace::load {
namespace {

TEST(SlotQueue, HasEachSlotOnceInTheOrderInWhichTheyCame) {
  SlotQueue queue(3);
  for (const uint32_t slot : {2u, 0u, 2u, 1u, 0u}) queue.push(slot);
  EXPECT_EQ(queue.take(), 2u);
  queue.push(2);
  EXPECT_EQ(queue.take(), 0u);
  EXPECT_EQ(queue.take(), 1u);
  EXPECT_EQ(queue.take(), 2u);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.take(), SlotQueue::kNone);
}

const TcpOptions kNoNagle{.nodelay = true};

TEST(Pipeline, HasSoManyRequestsOutOnEachConnection) {
  for (const Protocol protocol : {Protocol::kEcho, Protocol::kHttp}) {
    serve::ServeProgram server(protocol == Protocol::kEcho ? echo_service() : http_service());
    const Plan plan{.mode = Mode::kRps,
                    .concurrency = 2,
                    .pipeline = 5,
                    .duration = milliseconds(100),
                    .tcp = kNoNagle};
    LoadPair pair(plan,
                  {.protocol = protocol, .request_bytes = protocol == Protocol::kEcho ? 64u : 0u},
                  server);
    ASSERT_TRUE(pair.probe());
    pair.pass(milliseconds(50));
    EXPECT_EQ(pair.get(Count::kRequests) - pair.get(Count::kResponses), 10u);
    ASSERT_TRUE(pair.run());
    // A round trip is two steps of 100 us; what is out when the time is up is still answered.
    EXPECT_EQ(pair.get(Count::kRequests), 2u * 5u * 500u);
    EXPECT_EQ(pair.get(Count::kResponses), 2u * 5u * 500u);
    EXPECT_EQ(pair.get(Count::kCompleted), 2u);
    const Histogram& times = pair.generator().latencies().of(Latency::kResponse);
    EXPECT_NEAR(times.max().seconds(), 200e-6, 1e-6);
    expect_in_order(pair, plan);
  }
}

TEST(Pipeline, MeasuresEachRequestFromWhenItWasSent) {
  // Answers four requests at a time, so the first has waited for the fourth.
  int held = 0;
  MadeUpServer server([&](Shard& s, ConnectionId id, std::string_view data) {
    held += static_cast<int>(data.size() / 128);
    for (; held >= 4; held -= 4) {
      for (int i = 0; i < 4; ++i) say(s, id, kOk);
    }
  });
  const Plan plan{.mode = Mode::kRps,
                  .concurrency = 1,
                  .pipeline = 4,
                  .rate = 1000,
                  .duration = milliseconds(40),
                  .tcp = kNoNagle};
  LoadPair pair(plan, {.request_bytes = 128}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.failures(), "");
  const Histogram& times = pair.generator().latencies().of(Latency::kResponse);
  // A round trip is 200 us; the first of four has waited 3 ms more, the last not at all.
  EXPECT_NEAR(times.min().seconds(), 0.0002, 0.0001);
  EXPECT_NEAR(times.max().seconds(), 0.0032, 0.0001);
}

TEST(Pipeline, AtARateFillsAllConnectionsAlike) {
  serve::ServeProgram server(echo_service());
  // 20 are out at a time: 2 on each connection, and no arrival waits.
  const Plan plan{.mode = Mode::kRps,
                  .concurrency = 10,
                  .pipeline = 4,
                  .rate = 100'000,
                  .duration = milliseconds(100),
                  .tcp = kNoNagle};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kSkippedConcurrency), 0u);
  EXPECT_EQ(pair.get(Count::kRequests) + pair.get(Count::kSkippedEnd), 10'000u);
  EXPECT_LT(pair.generator().latencies().of(Latency::kLateness).max(), milliseconds(1));
  expect_in_order(pair, plan);
}

TEST(Pipeline, WhatIsOutFailsWithItsConnection) {
  int answers = 0;
  MadeUpServer server([&](Shard& s, ConnectionId id, std::string_view) {
    if (++answers == 3) {
      s.abort(id);
    } else {
      say(s, id, kOk);
    }
  });
  const Plan plan{.mode = Mode::kRps, .concurrency = 1, .pipeline = 8, .duration = {}, .count = 1};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.failures(), "peer-reset 1");
  EXPECT_GT(pair.get(Count::kRequestsFailed), 6u);
  expect_in_order(pair, plan);
}

TEST(Pipeline, LargeRequestsLeaveOneBehindTheOther) {
  serve::ServeProgram server(echo_service());
  const Plan plan{
      .mode = Mode::kRps, .concurrency = 2, .pipeline = 3, .duration = milliseconds(300)};
  LoadPair pair(plan, {.protocol = Protocol::kEcho, .request_bytes = 300'000}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.failures(), "");
  EXPECT_GT(pair.get(Count::kResponses), 20u);
  EXPECT_EQ(pair.get(Count::kBytesSent), pair.get(Count::kResponses) * 300'000);
  expect_in_order(pair, plan);
}

TEST(Requests, OfAConnectionComeOneAfterTheOther) {
  for (const CloseBy close : {CloseBy::kClient, CloseBy::kHalf, CloseBy::kReset}) {
    serve::ServeProgram server(http_service());
    const Plan plan{.concurrency = 3, .requests = 7, .duration = {}, .count = 20, .close = close};
    LoadPair pair(plan, {}, server);
    ASSERT_TRUE(pair.run());
    EXPECT_EQ(pair.get(Count::kCompleted), 20u);
    EXPECT_EQ(pair.get(Count::kResponses), 140u);
    EXPECT_EQ(server.counts().requests.get(), 140u);
    EXPECT_EQ(pair.failures(), "");
    expect_in_order(pair, plan);
  }
}

TEST(Think, IsTheTimeFromAnAnswerToTheNextRequest) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.mode = Mode::kRps,
                  .concurrency = 10,
                  .duration = seconds(1),
                  .think_min = milliseconds(10),
                  .think_max = milliseconds(10)};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.run());
  // Each asks at 0, 10.2 ms, 20.4 ms, ...
  EXPECT_EQ(pair.get(Count::kResponses), 10u * 99u);
  expect_in_order(pair, plan);
}

TEST(Think, IsAnyLengthOfAStretchAsLikely) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.mode = Mode::kRps,
                  .concurrency = 100,
                  .duration = seconds(2),
                  .think_min = Duration{},
                  .think_max = milliseconds(40)};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.run());
  const double each = 100.0 * 2.0 / 0.0202;  // the mean of a think, and a round trip
  EXPECT_NEAR(static_cast<double>(pair.get(Count::kResponses)), each, each * 0.03);
  expect_in_order(pair, plan);
}

TEST(Think, OfAConnectionThatFailsEndsWithIt) {
  MadeUpServer server([](Shard& s, ConnectionId id, std::string_view) {
    say(s, id, kOk);
    s.shutdown(id);
  });
  const Plan plan{.mode = Mode::kRps,
                  .concurrency = 3,
                  .duration = milliseconds(100),
                  .think_min = milliseconds(1),
                  .think_max = milliseconds(5)};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_GT(pair.get(Count::kCompleted), 100u);
  EXPECT_EQ(pair.failures(), "");
  expect_in_order(pair, plan);
}

TEST(Targets, AreConnectedToInTurn) {
  const Endpoint second{ProgramPair::kTarget.address, 81};
  struct TwoPorts final : Program, App {
    std::map<uint16_t, int> connections;
    Result<void> start(Shard& s) override {
      EXPECT_TRUE(s.listen({{}, 80}, *this).ok());
      EXPECT_TRUE(s.listen({{}, 81}, *this).ok());
      return {};
    }
    void on_established(Shard& s, ConnectionRef c) override {
      ++connections[s.info(c.id)->key.local_port];
    }
    size_t on_data(Shard& s, ConnectionRef c, std::span<const std::byte> d) override {
      say(s, c.id, kOk);
      return d.size();
    }
    void on_closed(Shard&, ConnectionRef, CloseReason) override {}
  } server;
  const Plan plan{.round = {ProgramPair::kTarget, second, second},
                  .concurrency = 3,
                  .duration = {},
                  .count = 90};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 90u);
  EXPECT_EQ(pair.get(Count::kProbes), 2u);
  EXPECT_EQ(server.connections[80], 1 + 30);
  EXPECT_EQ(server.connections[81], 1 + 60);
}

TEST(Targets, AllHaveToAnswerBeforeThereIsLoad) {
  serve::ServeProgram server(http_service());
  LoadPair pair({.round = {ProgramPair::kTarget, {ProgramPair::kTarget.address, 81}}}, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_NE(pair.generator().error().find("10.0.0.1:81 answers with RST"), std::string::npos);
  EXPECT_EQ(pair.get(Count::kLaunched), 0u);
}

}  // namespace
}  // namespace millrace::load
