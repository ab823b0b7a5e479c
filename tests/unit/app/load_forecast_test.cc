// SPDX-License-Identifier: BSD-3-Clause
// What a plan will take.
#include "load/forecast.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::load {
namespace {

const Endpoint kTarget{IpAddress::v4(0x0a000001), 80};

AddressRange range(const char* text) { return AddressRange::parse(text).value(); }

TEST(Forecast, HasATupleForEachSourcePortAndTarget) {
  Plan plan{.target = kTarget};
  EXPECT_EQ(forecast(plan, {}).tuples_had, 64'512u);
  plan.sources = {range("10.1.0.0-10.1.0.9"), range("10.2.0.5")};
  EXPECT_EQ(forecast(plan, {}).tuples_had, 11u * 64'512u);
  plan.round = {kTarget, {kTarget.address, 81}, kTarget};
  EXPECT_EQ(forecast(plan, {}).tuples_had, 2u * 11u * 64'512u);
}

TEST(Forecast, KnowsWhatTimeWaitHolds) {
  Plan plan{.target = kTarget, .rate = 1000, .duration = seconds(100)};
  EXPECT_EQ(forecast(plan, {}).time_wait, 60'000u);
  EXPECT_FALSE(forecast(plan, {}).time_wait_blocks);  // timestamps tell old from new
  plan.duration = seconds(10);
  EXPECT_EQ(forecast(plan, {}).time_wait, 10'000u);
  plan.close = CloseBy::kServer;
  EXPECT_EQ(forecast(plan, {}).time_wait, 0u);
}

TEST(Forecast, CountsFrames) {
  const Forecast cps = forecast({.target = kTarget, .requests = 3, .rate = 1000}, {});
  EXPECT_EQ(cps.frames_out, 6000u);
  EXPECT_EQ(cps.frames_in, 5000u);
  const Forecast rps = forecast({.mode = Mode::kRps, .target = kTarget, .rate = 700}, {});
  EXPECT_EQ(rps.frames_out, 700u);
  const Forecast cc = forecast(
      {.mode = Mode::kCc, .target = kTarget, .concurrency = 500, .every = seconds(5), .churn = 10},
      {});
  EXPECT_EQ(cc.frames_out, 130u);
  EXPECT_EQ(forecast({.target = kTarget}, {}).frames_out, 0u);  // as many as go
}

TEST(Forecast, SaysWhatToChangeWhereTuplesAreTooFew) {
  Plan plan{.mode = Mode::kCc, .target = kTarget, .concurrency = 64'512};
  EXPECT_TRUE(check(forecast(plan, {})).ok());
  plan.concurrency = 1'000'000;
  EXPECT_EQ(check(forecast(plan, {})).error().message,
            "1,000,000 tuples of address and port are needed, for 1,000,000 connections at a time; "
            "lower --concurrency, or give 16 addresses by --source (1 address to 1 target have "
            "64,512)");
  plan.sources = {range("10.1.0.0/27")};
  EXPECT_TRUE(check(forecast(plan, {})).ok());
}

TEST(Forecast, TimeWaitWithoutTimestampsNeedsTuplesToo) {
  Plan plan{.target = kTarget, .rate = 10'000, .duration = seconds(60)};
  EXPECT_TRUE(check(forecast(plan, {})).ok());
  plan.tcp.timestamps = false;
  const Result<void> checked = check(forecast(plan, {}));
  ASSERT_FALSE(checked.ok());
  EXPECT_NE(checked.error().message.find("600,000 of them in TIME-WAIT"), std::string::npos);
  EXPECT_NE(checked.error().message.find("give 10 addresses by --source"), std::string::npos);
  plan.close = CloseBy::kReset;
  EXPECT_TRUE(check(forecast(plan, {})).ok());
}

TEST(Forecast, IsALine) {
  EXPECT_EQ(to_text(forecast({.target = kTarget, .rate = 1000, .duration = seconds(1)}, {})),
            "plan: 64 connections at a time, of 64,512 tuples; 13 KiB of state; 4,000 frames/s out "
            "and 3,000 in, at least; 1,000 in TIME-WAIT\n");
}

}  // namespace
}  // namespace millrace::load
