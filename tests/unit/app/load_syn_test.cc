// SPDX-License-Identifier: BSD-3-Clause
// A SYN flood against servers of several kinds, in virtual time: what leaves when, and which answer
// belongs to which SYN.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "load/syn_flood.h"
#include "load/syn_report.h"
#include "serve/serve_program.h"
#include "unit/app/program_pair.h"

namespace millrace::load {
namespace {

SynPlan plan_of(uint64_t count) {
  return {.target = ProgramPair::kTarget,
          .duration = {},
          .count = count,
          .address = IpAddress::v4(0x0a000002)};
}

serve::ServeConfig discard() {
  serve::ServeConfig config;
  config.discard_port = MadeUpServer::kPort;
  return config;
}

class SynRun {
 public:
  explicit SynRun(SynPlan plan, ShardConfig server_config = {})
      : plan_(std::move(plan)),
        server_(discard()),
        program_(plan_),
        pair_(program_, server_, with_sources(plan_), server_config) {}

  ProgramPair& pair() { return pair_; }
  const SynFlood& program() const { return program_; }
  const SynCounts& counts() const { return program_.counts(); }
  SynOutcome outcome() { return {plan_, "loopback", team_, pair_.counters(), pair_.report()}; }
  [[nodiscard]] uint64_t server_counts(Counter counter) {
    return pair_.server().counters().get(counter);
  }

 private:
  static ShardConfig with_sources(const SynPlan& plan) {
    ShardConfig config;
    config.interface.ranges = plan.sources;
    return config;
  }

  SynPlan plan_;
  serve::ServeProgram server_;
  SynFlood program_;
  Team<SynFlood> team_{{&program_}};
  ProgramPair pair_;
};

TEST(SynFlood, EverySynIsAnsweredAndNothingIsOpened) {
  SynRun run(plan_of(1000));
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.counts().sent.get(), 1000u);
  EXPECT_EQ(run.counts().syn_acks.get(), 1000u);
  EXPECT_EQ(run.counts().resets.get(), 0u);
  EXPECT_EQ(run.counts().foreign.get(), 0u);
  EXPECT_EQ(run.pair().client().use().connections, 0u);
  EXPECT_EQ(run.pair().server().use().half_open, 1000u);  // no RST has told it otherwise
  EXPECT_TRUE(succeeded(run.outcome()));
}

TEST(SynFlood, ResetsLetTheServerForget) {
  SynPlan plan = plan_of(1000);
  plan.reset = true;
  SynRun run(plan);
  ASSERT_TRUE(run.pair().run());
  run.pair().pass(milliseconds(1));
  EXPECT_EQ(run.counts().syn_acks.get(), 1000u);
  EXPECT_EQ(run.pair().server().use().half_open, 0u);
}

TEST(SynFlood, AClosedPortAnswersByReset) {
  SynPlan plan = plan_of(100);
  plan.target.port = 81;
  SynRun run(plan);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.counts().resets.get(), 100u);
  EXPECT_EQ(run.counts().syn_acks.get(), 0u);
}

TEST(SynFlood, SilenceIsCountedOnceTheTimeoutIsOver) {
  SynPlan plan = plan_of(0);
  plan.duration = milliseconds(100);
  plan.rate = 10'000;
  plan.timeout = milliseconds(300);
  SynRun run(plan);
  run.pair().pass(milliseconds(50));
  run.pair().cut(true, false);
  const Instant cut = run.pair().now();
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.counts().sent.get(), 1000u);
  EXPECT_NEAR(static_cast<double>(run.counts().syn_acks.get()), 500, 10);
  EXPECT_GE(run.pair().now() - cut, milliseconds(340));
  const nlohmann::json json = to_json(run.outcome());
  EXPECT_EQ(json["answers"]["none"], 1000 - run.counts().syn_acks.get());
}

TEST(SynFlood, MeasuresByTheTimestampThatComesBack) {
  for (const bool timestamps : {true, false}) {
    SynPlan plan = plan_of(100);
    plan.rate = 10'000;
    plan.tcp.timestamps = timestamps;
    SynRun run(plan);
    ASSERT_TRUE(run.pair().run());
    const nlohmann::json connect = to_json(run.outcome())["latency_us"]["connect"];
    EXPECT_EQ(connect["count"], timestamps ? 100 : 0);
    EXPECT_NEAR(connect["p50"].get<double>(), timestamps ? 200 : 0, 1);
  }
}

TEST(SynFlood, ComesFromEveryAddressAndPortInTurn) {
  SynPlan plan = plan_of(300'000);  // more than there are tuples
  plan.sources = {AddressRange::parse("10.9.0.0/30").value(),
                  AddressRange::parse("10.9.1.1").value()};
  plan.rate = 1'000'000;
  ShardConfig cookies;
  cookies.syn_cookies = SynCookies::kAlways;
  SynRun run(plan, cookies);
  EXPECT_EQ(run.program().tuples(), 3u * 64'512);
  ASSERT_TRUE(run.pair().run());
  // An answer is told apart from those to the same tuple one round earlier.
  EXPECT_EQ(run.counts().sent.get(), 300'000u);
  EXPECT_EQ(run.counts().syn_acks.get(), 300'000u);
  EXPECT_EQ(run.counts().repeated.get(), 0u);
  EXPECT_EQ(run.server_counts(Counter::kTcpExtSyncookiesSent), 300'000u);
}

TEST(SynFlood, ARepeatedSynAckCountsApart) {
  SynPlan plan = plan_of(0);
  plan.duration = milliseconds(2500);  // long enough for the server to say its first ones again
  plan.rate = 100;
  SynRun run(plan);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.counts().syn_acks.get(), 250u);
  EXPECT_GE(run.counts().repeated.get(), 140u);  // those of 1.5 seconds
  EXPECT_EQ(run.counts().repeated.get(), run.server_counts(Counter::kTcpExtTCPSynRetrans));
}

TEST(SynFlood, KeepsToItsRate) {
  SynPlan plan = plan_of(0);
  plan.duration = milliseconds(500);
  plan.rate = 2000;
  SynRun run(plan);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.counts().sent.get(), 1000u);
  EXPECT_EQ(run.counts().scheduled.get(), 1000u);
  EXPECT_EQ(run.counts().skipped.get(), 0u);
  EXPECT_EQ(run.program().ran_for(), milliseconds(500));
}

TEST(SynFlood, CatchesUpAfterAStallOnlyOnWhatIsNotTooLate) {
  SynPlan plan = plan_of(0);
  plan.duration = milliseconds(1000);
  plan.rate = 1000;
  SynRun run(plan);
  run.pair().pass(milliseconds(200));
  run.pair().stall(milliseconds(300));
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.counts().sent.get() + run.counts().skipped.get(), 1000u);
  EXPECT_NEAR(static_cast<double>(run.counts().skipped.get()), 200, 2);
}

TEST(SynFlood, CarriesTheOptionsThatAreInForce) {
  SynPlan plan = plan_of(1);
  plan.mss = 536;
  plan.tcp.timestamps = false;
  plan.tcp.sack = false;
  plan.tcp.window_scale = false;
  SynRun run(plan);
  ASSERT_TRUE(run.pair().run());
  // ARP request or announcement aside, one frame: Ethernet, IP, TCP, and MSS as only option.
  const uint64_t arp = run.pair().client().counters().get(Counter::kArpRequestsOut);
  EXPECT_EQ(run.pair().client().counters().get(Counter::kBytesOut),
            arp * 60 + run.pair().client().counters().get(Counter::kArpRepliesOut) * 60 + 58);
}

TEST(SynFlood, ATargetThatAnswersNoArpIsNeverLoaded) {
  SynPlan plan = plan_of(10);
  plan.target.address = IpAddress::v4(0x0a000063);
  SynRun run(plan);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.counts().sent.get(), 0u);
  EXPECT_EQ(
      run.program().error(),
      "10.0.0.99 or its gateway does not answer on the link: check the address, the network, and "
      "that the peer is up");
  EXPECT_FALSE(succeeded(run.outcome()));
  EXPECT_EQ(to_json(run.outcome())["error"], run.program().error());
}

TEST(SynFlood, StopEndsIt) {
  SynPlan plan = plan_of(0);
  plan.rate = 1000;
  SynRun run(plan);
  run.pair().pass(milliseconds(100));
  ASSERT_TRUE(run.program().running());
  run.pair().stop();
  ASSERT_TRUE(run.pair().run());
  EXPECT_FALSE(run.program().running());
  EXPECT_NEAR(static_cast<double>(run.counts().sent.get()), 100, 2);
}

TEST(SynFlood, IsReported) {
  SynPlan plan = plan_of(1000);
  plan.rate = 10'000;
  SynRun run(plan);
  ASSERT_TRUE(run.pair().run());
  const nlohmann::json json = to_json(run.outcome());
  EXPECT_EQ(json["mode"], "syn");
  EXPECT_EQ(json["target"], "10.0.0.1:80");
  EXPECT_EQ(json["rate"], 10'000);
  EXPECT_EQ(json["tuples"], 64'512);
  EXPECT_EQ(json["syns"]["sent"], 1000);
  EXPECT_EQ(json["syns"]["scheduled"], 1000);
  EXPECT_NEAR(json["syns"]["per_second"].get<double>(), 10'000, 50);
  EXPECT_EQ(json["answers"]["syn_ack"], 1000);
  EXPECT_EQ(json["answers"]["rst"], 0);
  EXPECT_EQ(json["answers"]["none"], 0);
  EXPECT_EQ(json["succeeded"], true);
  const std::string text = to_text(run.outcome());
  for (const char* line :
       {"syn to 10.0.0.1:80 over loopback for ", "10,000 SYNs/s, from 1 address\n",
        "\nSYNs sent                   1,000  ", "\nanswered                    1,000  ",
        "\n  by SYN-ACK                1,000 ", "\nunanswered                      0 "}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nis not in\n" << text;
  }
}

}  // namespace
}  // namespace millrace::load
