// SPDX-License-Identifier: BSD-3-Clause
// The load generator against servers good and bad, in virtual time: what is opened when, what
// becomes of each connection and request, and how a run ends.
#include "load/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "unit/app/load_servers.h"

namespace millrace::load {
namespace {

// --- What is said -------------------------------------------------------------------------------

TEST(Generator, OpensAConnectionForEachRequest) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 7, .duration = {}, .count = 100};
  LoadPair pair(plan, {.response_bytes = 64}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kProbes), 1u);
  EXPECT_EQ(pair.get(Count::kLaunched), 100u);
  EXPECT_EQ(pair.get(Count::kEstablished), 100u);
  EXPECT_EQ(pair.get(Count::kCompleted), 100u);
  EXPECT_EQ(pair.get(Count::kRequests), 100u);
  EXPECT_EQ(pair.get(Count::kResponses), 100u);
  EXPECT_EQ(server.counts().requests.get(), 100u);
  EXPECT_EQ(pair.failures(), "");
  EXPECT_EQ(pair.generator().latencies().of(Latency::kConnect).count(), 100u);
  EXPECT_EQ(pair.generator().latencies().of(Latency::kResponse).count(), 100u);
  expect_in_order(pair, plan);
}

TEST(Generator, KeepsConnectionsOpenForManyRequests) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.mode = Mode::kRps, .concurrency = 4, .duration = milliseconds(100)};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kLaunched), 4u);
  EXPECT_EQ(pair.get(Count::kCompleted), 4u);
  // A round trip is two steps, and the last request is answered after the time is up.
  EXPECT_EQ(pair.get(Count::kRequests), 4u * 500u);
  EXPECT_EQ(pair.get(Count::kResponses), 4u * 500u);
  EXPECT_EQ(pair.get(Count::kBytesSent), 4u * 500u * 64u);
  EXPECT_EQ(pair.get(Count::kBytesReceived), 4u * 500u * 64u);
  expect_in_order(pair, plan);
}

TEST(Generator, MeasuresEachStepFromItsBeginning) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.concurrency = 1, .duration = {}, .count = 3};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.run());
  for (const Latency latency :
       {Latency::kConnect, Latency::kFirstByte, Latency::kResponse, Latency::kClose}) {
    const Histogram& times = pair.generator().latencies().of(latency);
    EXPECT_EQ(times.count(), 3u);
    EXPECT_NEAR(static_cast<double>(times.min().ns), 200'000, 200);
    EXPECT_NEAR(static_cast<double>(times.max().ns), 200'000, 200);
  }
  EXPECT_EQ(pair.generator().latencies().of(Latency::kFromSchedule).count(), 0u);
}

TEST(Generator, TellsTheFirstByteFromTheLast) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1, .duration = {}, .count = 1};
  LoadPair pair(plan, {.paths = {"/bytes/1000000"}, .response_bytes = 1'000'000}, server);
  ASSERT_TRUE(pair.run());
  const Latencies& times = pair.generator().latencies();
  EXPECT_NEAR(times.of(Latency::kFirstByte).max().seconds(), 200e-6, 1e-6);
  EXPECT_GT(times.of(Latency::kResponse).max(), microseconds(400));
}

TEST(Generator, ARepeatedSynCountsApartAndStaysInTheDistribution) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1, .rate = 1, .duration = {}, .count = 2};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  pair.pass(milliseconds(500));
  EXPECT_EQ(pair.get(Count::kSynRetransmissions), 0u);
  pair.cut(true, false);
  pair.pass(milliseconds(600));  // the second one's SYN is lost
  pair.cut(false, false);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 2u);
  EXPECT_EQ(pair.get(Count::kSynRetransmissions), 1u);
  EXPECT_EQ(pair.get(Count::kRetransmissions), 1u);
  const Histogram& connect = pair.generator().latencies().of(Latency::kConnect);
  EXPECT_EQ(connect.count(), 2u);
  EXPECT_GE(connect.max(), milliseconds(999));  // RFC 6298's first timeout
}

TEST(Generator, SendsARequestThatDoesNotFitAtOnce) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.concurrency = 2, .duration = {}, .count = 4};
  LoadPair pair(plan, {.protocol = Protocol::kEcho, .request_bytes = 1u << 20}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 4u);
  EXPECT_EQ(pair.get(Count::kBytesSent), uint64_t{4} << 20);
  EXPECT_EQ(pair.get(Count::kBytesReceived), uint64_t{4} << 20);
  expect_in_order(pair, plan);
}

TEST(Generator, ReadsAResponseThatComesByteForByte) {
  struct Dripping final : Program, App {
    std::map<uint32_t, std::pair<ConnectionId, size_t>> open;
    Result<void> start(Shard& s) override {
      EXPECT_TRUE(s.listen({{}, MadeUpServer::kPort}, *this, {.nodelay = true}).ok());
      return {};
    }
    void turn(Shard& s) override {
      for (auto& [index, at] : open) {
        if (at.second < kOk.size()) say(s, at.first, kOk.substr(at.second++, 1));
      }
    }
    void on_established(Shard&, ConnectionRef) override {}
    size_t on_data(Shard&, ConnectionRef c, std::span<const std::byte> d) override {
      open[c.id.index] = {c.id, 0};
      return d.size();
    }
    void on_closed(Shard&, ConnectionRef c, CloseReason) override { open.erase(c.id.index); }
  } dripping;
  const Plan plan{.concurrency = 3, .duration = {}, .count = 9};
  LoadPair pair(plan, {}, dripping);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 9u);
  EXPECT_EQ(pair.get(Count::kBytesReceived), 9u * kOk.size());
  expect_in_order(pair, plan);
}

TEST(Generator, ConnectsFromAllItsSources) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1,
                  .duration = {},
                  .count = 6,
                  .sources = {AddressRange::parse("10.9.0.0/30").value()}};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.failures(), "");
  EXPECT_EQ(pair.sources_seen(), (std::set<std::string>{"10.9.0.1", "10.9.0.2"}));
}

TEST(Generator, EachSourceHasThePortsOfTheRangeAndTheErrorCountsItsOwn) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1,
                  .duration = {},
                  .count = 30,
                  .sources = {AddressRange::parse("10.9.0.1-10.9.0.2").value()}};
  ShardConfig ten_ports;
  ten_ports.port_first = 2000;
  ten_ports.port_last = 2009;
  ten_ports.time_wait_reuse = false;
  LoadPair pair(plan, {}, server, ten_ports);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 19u);  // and the probe
  EXPECT_EQ(pair.failures(), "connect-failed 11");
  const std::string error = pair.generator().connect_error();
  EXPECT_EQ(error.find("no port left from 10.9.0."), 0u) << error;
  EXPECT_NE(error.find("of 10 ports 2000..2009 all are in use, 0 by connections and 10 in "
                       "TIME-WAIT"),
            std::string::npos)
      << error;
}

// --- Who closes ---------------------------------------------------------------------------------

TEST(GeneratorClose, ByTheClient) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1, .duration = {}, .count = 5, .close = CloseBy::kClient};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 5u);
  EXPECT_EQ(pair.client().use().time_wait, 6u);  // and the probe's
}

TEST(GeneratorClose, ByTheServer) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1, .duration = {}, .count = 5, .close = CloseBy::kServer};
  LoadPair pair(plan, {.close = true}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 5u);
  EXPECT_EQ(pair.client().use().time_wait, 1u);  // the probe's
}

TEST(GeneratorClose, ByReset) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1, .duration = {}, .count = 5, .close = CloseBy::kReset};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 5u);
  EXPECT_EQ(pair.failures(), "");
  EXPECT_EQ(pair.client().use().time_wait, 1u);
}

TEST(GeneratorClose, AServerThatDoesNotIsAMismatch) {
  MadeUpServer server = answering(std::string(kOk));
  const Plan plan{.concurrency = 1,
                  .duration = {},
                  .count = 2,
                  .timeout = milliseconds(50),
                  .close = CloseBy::kServer};
  LoadPair pair(plan, {.close = true}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kResponses), 2u);
  EXPECT_EQ(pair.get(Count::kCompleted), 0u);
  EXPECT_EQ(pair.failures(), "close-mismatch 2");
}

TEST(GeneratorClose, AnAnnouncedCloseMakesRoomForAnotherConnection) {
  MadeUpServer server([](Shard& s, ConnectionId id, std::string_view) {
    say(s, id, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    s.shutdown(id);
  });
  const Plan plan{.mode = Mode::kRps, .concurrency = 2, .duration = {}, .count = 6};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 6u);
  EXPECT_EQ(pair.get(Count::kResponses), 6u);
  EXPECT_EQ(pair.failures(), "");
}

TEST(GeneratorClose, ABodyMayEndWithTheConnection) {
  MadeUpServer server([](Shard& s, ConnectionId id, std::string_view) {
    say(s, id, "HTTP/1.1 200 OK\r\n\r\nall there is");
    s.shutdown(id);
  });
  const Plan plan{.concurrency = 2, .duration = {}, .count = 6};
  LoadPair pair(plan, {.response_bytes = 12}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 6u);
  EXPECT_EQ(pair.get(Count::kResponses), 6u);
}

TEST(GeneratorClose, OfAConnectionThatRestsIsNoFailure) {
  MadeUpServer server([](Shard& s, ConnectionId id, std::string_view) {
    say(s, id, kOk);
    s.shutdown(id);  // without a word in the response
  });
  const Plan plan{.mode = Mode::kRps, .concurrency = 1, .rate = 100, .duration = {}, .count = 3};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 3u);
  EXPECT_EQ(pair.failures(), "");
  expect_in_order(pair, plan);
}

TEST(GeneratorClose, OfAConnectionThatRestsIsBoundedByTheTimeoutToo) {
  MadeUpServer server([](Shard& s, ConnectionId id, std::string_view) {
    say(s, id, kOk);
    s.shutdown(id);
  });
  const Plan plan{.mode = Mode::kRps,
                  .concurrency = 1,
                  .rate = 1,
                  .duration = seconds(5),
                  .count = 1,
                  .timeout = milliseconds(500)};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  while (pair.get(Count::kResponses) == 0) pair.pass(LoadPair::kStep);
  pair.cut(true, true);  // the acknowledgement of our FIN never comes
  pair.pass(milliseconds(600));
  EXPECT_EQ(pair.failures(), "timeout 1");
}

// --- Failures, by reason ------------------------------------------------------------------------

struct BadServer {
  const char* name;
  const char* failures;
  MadeUpServer::OnData on_data;
  ExchangeConfig exchange;
};

class GeneratorFailure : public testing::TestWithParam<BadServer> {};

TEST_P(GeneratorFailure, IsCountedByItsReason) {
  MadeUpServer server(GetParam().on_data);
  for (const Mode mode : {Mode::kCps, Mode::kRps}) {
    const Plan plan{
        .mode = mode, .concurrency = 2, .duration = {}, .count = 4, .timeout = milliseconds(200)};
    LoadPair pair(plan, GetParam().exchange, server);
    ASSERT_TRUE(pair.run());
    EXPECT_EQ(pair.failures(), GetParam().failures);
    EXPECT_EQ(pair.get(Count::kLaunched), 4u);
    EXPECT_EQ(pair.get(Count::kCompleted), 0u);
    EXPECT_EQ(pair.get(Count::kRequestsFailed),
              pair.get(Count::kRequests) - pair.get(Count::kResponses));
    expect_in_order(pair, plan);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Servers, GeneratorFailure,
    testing::Values(BadServer{"Silent", "timeout 4", {}, {}},
                    BadServer{"NotFound",
                              "bad-response 4",
                              [](Shard& s, ConnectionId id, std::string_view) {
                                say(s, id, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
                              },
                              {}},
                    BadServer{"WrongLength",
                              "bad-response 4",
                              [](Shard& s, ConnectionId id, std::string_view) { say(s, id, kOk); },
                              {.response_bytes = 3}},
                    BadServer{"NotHttp",
                              "bad-response 4",
                              [](Shard& s, ConnectionId id, std::string_view) {
                                say(s, id, "220 ready\r\n");
                              },
                              {}},
                    BadServer{"MoreThanItsLength",
                              "bad-response 4",
                              [](Shard& s, ConnectionId id, std::string_view) {
                                say(s, id, std::string(kOk) + "!!\r\n");
                              },
                              {}},
                    BadServer{"ClosesInTheHead",
                              "short-response 4",
                              [](Shard& s, ConnectionId id, std::string_view) {
                                say(s, id, "HTTP/1.1 200 OK\r\nCont");
                                s.shutdown(id);
                              },
                              {}},
                    BadServer{"ClosesInTheBody",
                              "short-response 4",
                              [](Shard& s, ConnectionId id, std::string_view) {
                                say(s, id, kOk.substr(0, kOk.size() - 1));
                                s.shutdown(id);
                              },
                              {}},
                    BadServer{"ClosesAtOnce",
                              "short-response 4",
                              [](Shard& s, ConnectionId id, std::string_view) { s.shutdown(id); },
                              {}},
                    BadServer{"BadStatusAndClose",
                              "bad-response 4",
                              [](Shard& s, ConnectionId id, std::string_view) {
                                say(s, id, "HTTP/1.1 500 No\r\n\r\nsorry");
                                s.shutdown(id);
                              },
                              {}},
                    BadServer{"Resets",
                              "peer-reset 4",
                              [](Shard& s, ConnectionId id, std::string_view) { s.abort(id); },
                              {}},
                    BadServer{"EchoesSomethingElse", "bad-response 4",
                              [](Shard& s, ConnectionId id, std::string_view text) {
                                std::string other(text);
                                other.back() = static_cast<char>(other.back() ^ 1);
                                say(s, id, other);
                              },
                              kEcho64},
                    BadServer{"EchoesLess", "short-response 4",
                              [](Shard& s, ConnectionId id, std::string_view text) {
                                say(s, id, text.substr(1 - 1, text.size() - 1));
                                s.shutdown(id);
                              },
                              kEcho64}),
    [](const auto& p) { return std::string(p.param.name); });

TEST(Generator, TakesNoWordItDidNotAskFor) {
  MadeUpServer server({}, [](Shard& s, ConnectionId id) { say(s, id, kOk); });
  const Plan plan{.mode = Mode::kRps, .concurrency = 2, .rate = 1, .duration = {}, .count = 2};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  pair.pass(milliseconds(10));
  // On the other connection a request had just left, and this might have been its answer.
  EXPECT_EQ(pair.failures(), "bad-response 1");
}

TEST(Generator, GivesUpConnectingAfterItsTimeout) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 3, .duration = {}, .count = 3, .timeout = milliseconds(300)};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  pair.cut(true, true);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.failures(), "timeout 3");
  EXPECT_EQ(pair.get(Count::kEstablished), 0u);
  EXPECT_EQ(pair.get(Count::kRequests), 0u);
}

TEST(Generator, PausesWhenTheStackOpensNoMore) {
  MadeUpServer server = silent();
  const Plan plan{.concurrency = 10, .duration = milliseconds(100), .timeout = seconds(5)};
  ShardConfig small;
  small.connections_max = 4;
  LoadPair pair(plan, {}, server, small);
  ASSERT_TRUE(pair.run());
  // One attempt every 10 ms, each counted.
  const uint64_t refused = pair.tally().get(Failure::kConnectFailed);
  EXPECT_GE(refused, 9u);
  EXPECT_LE(refused, 11u);
  EXPECT_NE(pair.generator().connect_error(), "");
  EXPECT_EQ(pair.get(Count::kDrained) + refused, pair.get(Count::kLaunched));
  expect_in_order(pair, plan);
}

// --- Rates --------------------------------------------------------------------------------------

TEST(GeneratorRate, ArrivalsComeEvenlyAndAreAllServed) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 100, .rate = 1000, .duration = seconds(1)};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  for (int ms = 0; ms < 1000; ms += 100) {
    EXPECT_NEAR(static_cast<double>(pair.get(Count::kLaunched)), 1 + ms, 1) << ms;
    pair.pass(milliseconds(100));
  }
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kScheduled), 1000u);
  EXPECT_EQ(pair.get(Count::kLaunched), 1000u);
  EXPECT_EQ(pair.get(Count::kCompleted), 1000u);
  EXPECT_EQ(pair.tally().skipped(), 0u);
  EXPECT_EQ(pair.generator().latencies().of(Latency::kFromSchedule).count(), 1000u);
  expect_in_order(pair, plan);
}

TEST(GeneratorRate, EachSecondIsCountedByItself) {
  serve::ServeProgram server(http_service());
  LoadPair pair({.concurrency = 50, .rate = 1000, .duration = seconds(3)}, {}, server);
  ASSERT_TRUE(pair.run());
  const auto& each = pair.generator().each_second();
  ASSERT_EQ(each.size(), 3u);
  for (const Generator::Second& second : each) {
    EXPECT_NEAR(static_cast<double>(second.connections), 1000, 2);
    EXPECT_NEAR(static_cast<double>(second.requests), 1000, 2);
    EXPECT_EQ(second.failed, 0u);
  }
}

TEST(GeneratorRate, RequestsArriveOnOpenConnections) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.mode = Mode::kRps, .concurrency = 8, .rate = 2000, .duration = seconds(1)};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kLaunched), 8u);
  EXPECT_EQ(pair.get(Count::kScheduled), 2000u);
  EXPECT_EQ(pair.get(Count::kRequests), 2000u);
  EXPECT_EQ(pair.get(Count::kResponses), 2000u);
  expect_in_order(pair, plan);
}

TEST(GeneratorRate, AStallShowsInTheTimesFromTheSchedule) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.mode = Mode::kRps, .concurrency = 64, .rate = 1000, .duration = seconds(1)};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.probe());
  pair.pass(milliseconds(100));
  pair.stall(milliseconds(50));
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kResponses), 1000u);
  EXPECT_LT(pair.generator().latencies().of(Latency::kResponse).percentile(99), milliseconds(1));
  EXPECT_GT(pair.generator().latencies().of(Latency::kFromSchedule).max(), milliseconds(49));
}

TEST(GeneratorRate, ALongStallIsCaughtUpInPart) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.mode = Mode::kRps, .concurrency = 200, .rate = 1000, .duration = seconds(1)};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.probe());
  pair.pass(milliseconds(100));
  pair.stall(milliseconds(400));
  ASSERT_TRUE(pair.run());
  EXPECT_NEAR(static_cast<double>(pair.get(Count::kSkippedLate)), 300, 2);
  EXPECT_EQ(pair.get(Count::kSkippedConcurrency), 0u);
  EXPECT_EQ(pair.get(Count::kRequests) + pair.get(Count::kSkippedLate), 1000u);
  expect_in_order(pair, plan);
}

TEST(GeneratorRate, WhatFindsEveryConnectionBusyIsSkippedAsSuch) {
  MadeUpServer server = silent();
  for (const Mode mode : {Mode::kCps, Mode::kRps}) {
    const Plan plan{.mode = mode,
                    .concurrency = 3,
                    .rate = 1000,
                    .duration = seconds(1),
                    .timeout = seconds(5)};
    LoadPair pair(plan, {}, server);
    ASSERT_TRUE(pair.run());
    EXPECT_EQ(pair.get(Count::kLaunched), 3u);
    EXPECT_EQ(pair.get(Count::kRequests), 3u);
    EXPECT_EQ(pair.get(Count::kSkippedLate), 0u);
    // The last 100 ms could still have been caught up on.
    EXPECT_NEAR(static_cast<double>(pair.get(Count::kSkippedConcurrency)), 897, 3);
    EXPECT_NEAR(static_cast<double>(pair.get(Count::kSkippedEnd)), 100, 3);
    EXPECT_EQ(pair.get(Count::kScheduled), 1000u);
    expect_in_order(pair, plan);
  }
}

TEST(GeneratorRate, ACountLimitsConnectionsAndNotRequests) {
  serve::ServeProgram server(echo_service());
  const Plan plan{
      .mode = Mode::kRps, .concurrency = 8, .rate = 1000, .duration = seconds(1), .count = 2};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kLaunched), 2u);
  EXPECT_EQ(pair.get(Count::kRequests), 1000u);
  expect_in_order(pair, plan);
}

TEST(GeneratorRate, ACountOfArrivalsEndsTheRun) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 8, .rate = 1000, .duration = {}, .count = 50};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kScheduled), 50u);
  EXPECT_EQ(pair.get(Count::kCompleted), 50u);
  EXPECT_LT(pair.generator().ran_for(), milliseconds(52));
}

// --- Ramp ---------------------------------------------------------------------------------------

TEST(GeneratorRamp, OpensSoManyPerTurn) {
  MadeUpServer server = silent();
  const Plan plan{.concurrency = 200, .duration = seconds(1), .timeout = seconds(5)};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  EXPECT_EQ(pair.get(Count::kLaunched), 64u);
  pair.pass(LoadPair::kStep);
  EXPECT_EQ(pair.get(Count::kLaunched), 128u);
  pair.pass(LoadPair::kStep);
  EXPECT_EQ(pair.get(Count::kLaunched), 192u);
  pair.pass(LoadPair::kStep);
  EXPECT_EQ(pair.get(Count::kLaunched), 200u);
  pair.pass(milliseconds(10));
  EXPECT_EQ(pair.get(Count::kLaunched), 200u);
  EXPECT_EQ(pair.tally().open(), 200u);
}

TEST(GeneratorRamp, ReplacesWhatHasEnded) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 5, .duration = milliseconds(100)};
  LoadPair pair(plan, {}, server);
  ASSERT_TRUE(pair.probe());
  while (pair.generator().running()) {
    EXPECT_LE(pair.client().use().connections, 6u);  // the probe's may still be there
    pair.pass(LoadPair::kStep);
  }
  EXPECT_GT(pair.get(Count::kLaunched), 100u);
}

}  // namespace
}  // namespace millrace::load
