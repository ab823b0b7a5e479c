// SPDX-License-Identifier: BSD-3-Clause
// What a run is summed up to: the law of its counts, the tables, the JSON, and whether it counts
// as a success.
#include "load/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "load/hdr_text.h"
#include "serve/serve_program.h"
#include "unit/app/load_pair.h"

namespace millrace::load {
namespace {

TEST(Tally, NamesEveryFailure) {
  EXPECT_EQ(to_string(Failure::kTimeout), "timeout");
  EXPECT_EQ(to_string(Failure::kBadResponse), "bad-response");
  EXPECT_EQ(to_string(Failure::kShortResponse), "short-response");
  EXPECT_EQ(to_string(Failure::kConnectFailed), "connect-failed");
  for (size_t i = 0; i < kCloseReasonCount; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    EXPECT_EQ(to_string(failure_of(reason)), millrace::to_string(reason));
  }
}

TEST(Tally, SumsUp) {
  Tally tally;
  tally.add(Count::kLaunched, 10);
  tally.add(Count::kCompleted, 4);
  tally.add(Count::kDrained);
  tally.add(Failure::kTimeout);
  tally.add(failure_of(CloseReason::kPeerReset));
  tally.add(failure_of(CloseReason::kPeerReset));
  tally.set(Count::kSkippedLate, 3);
  tally.add(Count::kSkippedEnd, 2);
  const TallySnapshot s = tally.snapshot();
  EXPECT_EQ(s.failed(), 3u);
  EXPECT_EQ(s.get(Failure::kTimeout), 1u);
  EXPECT_EQ(s.skipped(), 5u);
  EXPECT_EQ(s.open(), 2u);
  TallySnapshot twice = s;
  twice += s;
  EXPECT_EQ(twice.get(Count::kLaunched), 20u);
  EXPECT_EQ(twice.failed(), 6u);
  twice -= s;
  EXPECT_EQ(twice, s);
}

TEST(Tally, AReaderBesideTheWriterNeverSeesLessThanNoneOpen) {
  Tally tally;
  tally.add(Count::kCompleted);
  EXPECT_EQ(tally.snapshot().open(), 0u);
}

TEST(Residue, IsWhatTheLawLeavesUnexplained) {
  Tally tally;
  tally.add(Count::kScheduled, 20);
  tally.add(Count::kSkippedLate, 1);
  tally.add(Count::kSkippedConcurrency, 2);
  tally.add(Count::kSkippedEnd, 3);
  tally.add(Count::kLaunched, 14);
  tally.add(Count::kCompleted, 10);
  tally.add(Count::kDrained, 1);
  tally.add(Failure::kBadResponse);
  tally.add(Failure::kTimeout);
  tally.add(failure_of(CloseReason::kRefused));
  tally.add(Count::kRequests, 12);
  tally.add(Count::kResponses, 9);
  tally.add(Count::kRequestsFailed, 2);
  tally.add(Count::kRequestsDrained, 1);
  EXPECT_TRUE(residue(tally.snapshot(), Count::kLaunched).none());
  EXPECT_EQ(residue(tally.snapshot(), Count::kRequests), (Residue{.arrivals = 2}));
  EXPECT_TRUE(residue(tally.snapshot(), std::nullopt).none());
  tally.add(Count::kCompleted);
  tally.add(Count::kRequests);
  EXPECT_EQ(residue(tally.snapshot(), std::nullopt), (Residue{.connections = -1, .requests = 1}));
}

// --- Reports ------------------------------------------------------------------------------------

serve::ServeConfig services() {
  serve::ServeConfig config;
  config.echo_port = MadeUpServer::kPort;
  return config;
}

const ExchangeConfig kEcho100{.protocol = Protocol::kEcho, .request_bytes = 100};

// 1000 connections of one request each in one second, and everything as it should be.
class ReportOfAGoodRun : public testing::Test {
 protected:
  ReportOfAGoodRun()
      : server_(services()),
        pair_({.concurrency = 50, .rate = 1000, .duration = seconds(1)}, kEcho100, server_) {
    EXPECT_TRUE(pair_.run());
  }

  serve::ServeProgram server_;
  LoadPair pair_;
};

TEST_F(ReportOfAGoodRun, IsASuccess) { EXPECT_TRUE(succeeded(pair_.outcome())); }

TEST_F(ReportOfAGoodRun, InJson) {
  const nlohmann::json json = to_json(pair_.outcome());
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["command"], "load");
  EXPECT_EQ(json["mode"], "cps");
  EXPECT_EQ(json["protocol"], "echo");
  EXPECT_EQ(json["target"], "10.0.0.1:80");
  EXPECT_EQ(json["device_uri"], "loopback");
  EXPECT_EQ(json["concurrency"], 50);
  EXPECT_EQ(json["rate"], 1000);
  EXPECT_EQ(json["seconds"], 1.0);
  EXPECT_EQ(json["succeeded"], true);
  EXPECT_FALSE(json.contains("error"));
  EXPECT_FALSE(json.contains("connect_error"));

  const nlohmann::json& connections = json["connections"];
  EXPECT_EQ(connections["launched"], 1000);
  EXPECT_EQ(connections["established"], 1000);
  EXPECT_EQ(connections["completed"], 1000);
  EXPECT_EQ(connections["failed"], 0);
  EXPECT_EQ(connections["drained"], 0);
  EXPECT_EQ(connections["failures"], nlohmann::json::object());
  EXPECT_EQ(connections["per_second"], 1000.0);

  ASSERT_EQ(json["each_second"].size(), 1u);
  // The last to arrive, at 999 ms, have been answered, and those before them have closed.
  EXPECT_NEAR(json["each_second"][0]["connections"].get<double>(), 1000, 2);
  EXPECT_NEAR(json["each_second"][0]["requests"].get<double>(), 1000, 1);
  EXPECT_EQ(json["each_second"][0]["failed"], 0);

  EXPECT_EQ(json["requests"]["sent"], 1000);
  EXPECT_EQ(json["requests"]["completed"], 1000);
  EXPECT_EQ(json["requests"]["failed"], 0);
  EXPECT_EQ(json["requests"]["per_second"], 1000.0);
  EXPECT_EQ(
      json["arrivals"],
      nlohmann::json(
          {{"scheduled", 1000}, {"skipped_late", 0}, {"skipped_busy", 0}, {"skipped_end", 0}}));
  EXPECT_EQ(json["bytes"], nlohmann::json({{"sent", 100'000}, {"received", 100'000}}));
  EXPECT_EQ(json["unexplained"],
            nlohmann::json({{"arrivals", 0}, {"connections", 0}, {"requests", 0}}));
  for (const char* times : {"connect", "first_byte", "response", "close"}) {
    EXPECT_EQ(json["latency_us"][times]["count"], 1000);
    for (const char* figure :
         {"min", "mean", "p50", "p75", "p90", "p95", "p99", "p99_9", "p99_99", "max"}) {
      EXPECT_NEAR(json["latency_us"][times][figure].get<double>(), 200, 0.2) << figure;
    }
  }
  // From the moment an arrival was due: a handshake and a request.
  EXPECT_NEAR(json["latency_us"]["connect_from_schedule"]["p50"].get<double>(), 200, 0.2);
  EXPECT_NEAR(json["latency_us"]["from_schedule"]["p50"].get<double>(), 400, 0.4);
  EXPECT_EQ(json["latency_us"]["lateness"]["max"], 0.0);
  for (const char* times : {"connect", "from_schedule", "lateness"}) {
    EXPECT_EQ(decode_hdr(json["histograms"][times].get<std::string>()).value().count(), 1000u);
  }
  EXPECT_EQ(json["syn_retransmissions"], 0);
  EXPECT_EQ(json["verdict"]["limit"], "plan");
  // SYN, ACK with the request, ACK of the response with FIN, ACK of the server's FIN.
  EXPECT_NEAR(json["connections"]["frames_each"]["out"].get<double>(), 4, 0.01);
  EXPECT_GT(json["stack"]["counters"].size(), 0u);
}

TEST_F(ReportOfAGoodRun, AsText) {
  const std::string text = to_text(pair_.outcome());
  const auto has = [&](const char* line) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nis not in\n" << text;
  };
  has("cps (echo) to 10.0.0.1:80 over loopback for 1.00 s, 1,000 arrivals/s, "
      "at most 50 connections\n");
  has("\nconnections                 1,000    1.00 k/s\n");
  has("\nrequests                    1,000    1.00 k/s\n");
  has("\narrivals                    1,000            \n");
  has("\nbytes sent                100,000  800 kbit/s\n");
  has("\nframes/connection ");
  has("\n  connect                       1,000    200 us    200 us    200 us    200 us    200 us   "
      " "
      "200 us\n");
  has("\n  close                         1,000 ");
  has("\nlimited by: plan (all that was asked for was offered in time)\n");
  for (const char* absent : {"failed", "drained", "skipped", "unexplained", "opened"}) {
    EXPECT_EQ(text.find(absent), std::string::npos) << absent << " is in\n" << text;
  }
}

TEST(Report, NamesFailuresByReason) {
  int asked = 0;
  MadeUpServer server([&](Shard& s, ConnectionId id, std::string_view text) {
    switch (asked++) {
      case 0:
        s.abort(id);
        return;
      case 1:
        say(s, id, "not what was said");
        return;
      case 2:
        s.shutdown(id);
        return;
      case 3:
        return;  // and never a word
      default:
        say(s, id, text);
    }
  });
  LoadPair pair({.concurrency = 1, .duration = {}, .count = 10, .timeout = milliseconds(100)},
                kEcho100, server);
  ASSERT_TRUE(pair.run());
  EXPECT_FALSE(succeeded(pair.outcome()));
  const nlohmann::json json = to_json(pair.outcome());
  EXPECT_EQ(json["succeeded"], false);
  EXPECT_EQ(json["connections"]["completed"], 6);
  EXPECT_EQ(json["connections"]["failed"], 4);
  EXPECT_EQ(json["connections"]["failures"],
            nlohmann::json(
                {{"peer-reset", 1}, {"bad-response", 1}, {"short-response", 1}, {"timeout", 1}}));
  EXPECT_EQ(json["requests"]["failed"], 4);
  EXPECT_EQ(json["rate"], 0);
  EXPECT_EQ(json["latency_us"]["from_schedule"]["count"], 0);
  const std::string text = to_text(pair.outcome());
  EXPECT_NE(text.find("\n  failed                        4            \n"
                      "    peer-reset                  1            \n"
                      "    timeout                     1            \n"
                      "    bad-response                1            \n"
                      "    short-response              1            \n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(", 1 connections at a time\n"), std::string::npos) << text;
}

TEST(Report, OfATargetThatWasNeverLoaded) {
  serve::ServeProgram server(services());
  LoadPair pair({.target = {LoadPair::kTarget.address, 81}}, kEcho100, server);
  ASSERT_TRUE(pair.run());
  EXPECT_FALSE(succeeded(pair.outcome()));
  const nlohmann::json json = to_json(pair.outcome());
  EXPECT_EQ(json["error"], "10.0.0.1:81 answers with RST (refused): nothing listens on that port");
  EXPECT_EQ(json["connections"]["per_second"], 0.0);
  EXPECT_EQ(json["seconds"], 0.0);
  EXPECT_TRUE(json["began"].is_null());
  EXPECT_EQ(json["verdict"]["limit"], "unknown");
}

TEST(Report, OfARunWithoutOneCompletedConnectionIsNoSuccess) {
  MadeUpServer server({});
  LoadPair pair({.concurrency = 2, .duration = milliseconds(100)}, kEcho100, server);
  ASSERT_TRUE(pair.run());
  EXPECT_FALSE(succeeded(pair.outcome()));
  const nlohmann::json json = to_json(pair.outcome());
  EXPECT_EQ(json["connections"]["failed"], 0);
  EXPECT_EQ(json["connections"]["drained"], 2);
  EXPECT_EQ(json["requests"]["drained"], 2);
}

TEST(Report, SaysWhyTheStackOpenedNoMore) {
  MadeUpServer server({});
  ShardConfig small;
  small.connections_max = 2;
  LoadPair pair({.concurrency = 10, .duration = milliseconds(50)}, kEcho100, server, small);
  ASSERT_TRUE(pair.run());
  EXPECT_FALSE(succeeded(pair.outcome()));
  const nlohmann::json json = to_json(pair.outcome());
  EXPECT_EQ(json["connect_error"], pair.generator().connect_error());
  EXPECT_GT(json["connections"]["failures"]["connect-failed"], 0);
  EXPECT_NE(to_text(pair.outcome())
                .find("connections could not be opened: " + pair.generator().connect_error()),
            std::string::npos);
}

}  // namespace
}  // namespace millrace::load
