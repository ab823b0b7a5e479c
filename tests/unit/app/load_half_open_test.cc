// SPDX-License-Identifier: BSD-3-Clause
// Honest clients beside connections that were begun and never finished.
#include "load/half_open.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "load/half_open_command.h"
#include "unit/app/load_servers.h"

namespace millrace::load {
namespace {

HalfOpenPlan plan_of(uint64_t count) {
  HalfOpenPlan plan;
  plan.embryonic = {.target = ProgramPair::kTarget,
                    .rate = 50'000,
                    .duration = {},
                    .count = count,
                    .sources = {AddressRange::parse("10.9.0.0/24").value()}};
  plan.clients = {
      .target = ProgramPair::kTarget, .concurrency = 50, .rate = 500, .duration = seconds(1)};
  return plan;
}

class HalfOpenRun {
 public:
  explicit HalfOpenRun(HalfOpenPlan plan, ShardConfig server_config = {})
      : plan_(std::move(plan)),
        exchange_(Exchange::create(GeneratorParts::with_host(kEcho64)).value()),
        server_(echo_service()),
        program_(plan_, exchange_),
        pair_(program_, server_, with_sources(), server_config) {}

  HalfOpen& program() { return program_; }
  ProgramPair& pair() { return pair_; }
  [[nodiscard]] uint64_t get(Count count) { return program_.clients().tally().get(count); }

 private:
  [[nodiscard]] ShardConfig with_sources() const {
    ShardConfig config;
    config.interface.ranges = plan_.embryonic.sources;
    return config;
  }

  HalfOpenPlan plan_;
  Exchange exchange_;
  serve::ServeProgram server_;
  HalfOpen program_;
  ProgramPair pair_;
};

TEST(HalfOpenConnections, StayWhileClientsAreServed) {
  HalfOpenRun run(plan_of(3000));
  run.pair().pass(milliseconds(30));
  EXPECT_EQ(run.get(Count::kLaunched), 0u);  // not before all have been begun
  run.pair().pass(milliseconds(500));
  EXPECT_EQ(run.program().embryonic().counts().sent.get(), 3000u);
  EXPECT_GE(run.pair().server().use().half_open, 3000u);
  EXPECT_GT(run.get(Count::kCompleted), 100u);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.get(Count::kCompleted), 500u);
  EXPECT_EQ(run.program().clients().tally().snapshot().failed(), 0u);
  EXPECT_EQ(run.program().embryonic().counts().syn_acks.get(), 3000u);
  EXPECT_TRUE(residue(run.program().clients().snapshot(), Count::kLaunched).none());
  const nlohmann::json json = half_open_json({&run.program().embryonic()});
  EXPECT_EQ(json["sent"], 3000);
  EXPECT_EQ(json["syn_ack"], 3000);
  EXPECT_EQ(json["none"], 0);
}

TEST(HalfOpenConnections, PastTheServersBoundLetClientsInByCookies) {
  HalfOpenRun run(plan_of(5000));
  ASSERT_TRUE(run.pair().run());
  EXPECT_GT(run.pair().server().counters().get(Counter::kTcpExtSyncookiesSent), 0u);
  EXPECT_EQ(run.get(Count::kCompleted), 500u);
  EXPECT_EQ(run.program().clients().tally().snapshot().failed(), 0u);
}

TEST(HalfOpenConnections, OfATargetThatIsNotThereEndWithTheReason) {
  HalfOpenPlan plan = plan_of(10);
  plan.embryonic.target.address = plan.clients.target.address = IpAddress::v4(0x0a000063);
  HalfOpenRun run(plan);
  ASSERT_TRUE(run.pair().run());
  EXPECT_EQ(run.program().clients().error(), run.program().embryonic().error());
  EXPECT_NE(run.program().clients().error(), "");
  EXPECT_EQ(run.get(Count::kLaunched), 0u);
}

TEST(HalfOpenConnections, AreDividedWithTheirClients) {
  const std::vector<HalfOpenPlan> plans = divide(plan_of(1001), 3);
  ASSERT_EQ(plans.size(), 3u);
  uint64_t embryonic = 0;
  uint64_t rate = 0;
  for (const HalfOpenPlan& plan : plans) {
    embryonic += plan.embryonic.count;
    rate += plan.clients.rate;
  }
  EXPECT_EQ(embryonic, 1001u);
  EXPECT_EQ(rate, 500u);
}

}  // namespace
}  // namespace millrace::load
