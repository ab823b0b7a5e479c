// SPDX-License-Identifier: BSD-3-Clause
// How connections end, against servers that obey and servers that do not.
#include <gtest/gtest.h>

#include <string>

#include "load/generator.h"
#include "unit/app/load_servers.h"

namespace millrace::load {
namespace {

struct Case {
  const char* name;
  CloseBy close;
  serve::Closing server;
  bool agrees;
};

class CloseByEachSide : public testing::TestWithParam<Case> {};

TEST_P(CloseByEachSide, IsAsPlannedOrAMismatch) {
  const Case& c = GetParam();
  for (const Protocol protocol : {Protocol::kEcho, Protocol::kHttp}) {
    serve::ServeConfig service = protocol == Protocol::kEcho ? echo_service() : http_service();
    service.closing = c.server;
    serve::ServeProgram server(service);
    const Plan plan{.concurrency = 2,
                    .duration = {},
                    .count = 6,
                    .timeout = milliseconds(100),
                    .close = c.close};
    LoadPair pair(plan,
                  {.protocol = protocol, .request_bytes = protocol == Protocol::kEcho ? 64u : 0u},
                  server);
    ASSERT_TRUE(pair.run());
    EXPECT_EQ(pair.failures(), c.agrees ? "" : "close-mismatch 6") << to_string(protocol);
    EXPECT_EQ(pair.get(Count::kCompleted), c.agrees ? 6u : 0u);
    expect_in_order(pair, plan);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sides, CloseByEachSide,
    testing::Values(Case{"Client", CloseBy::kClient, serve::Closing::kPeer, true},
                    Case{"ClientButServer", CloseBy::kClient, serve::Closing::kFin, false},
                    Case{"Server", CloseBy::kServer, serve::Closing::kFin, true},
                    Case{"ServerButNobody", CloseBy::kServer, serve::Closing::kPeer, false},
                    Case{"ServerButReset", CloseBy::kServer, serve::Closing::kReset, false},
                    Case{"ServerReset", CloseBy::kServerReset, serve::Closing::kReset, true},
                    Case{"ServerResetButFin", CloseBy::kServerReset, serve::Closing::kFin, false},
                    Case{"ServerResetButNobody", CloseBy::kServerReset, serve::Closing::kPeer,
                         false},
                    Case{"Reset", CloseBy::kReset, serve::Closing::kPeer, true},
                    Case{"Half", CloseBy::kHalf, serve::Closing::kPeer, true}),
    [](const auto& p) { return std::string(p.param.name); });

TEST(CloseByHalf, LeavesTheTimeWaitToUsAndWaitsForTheWholeResponse) {
  serve::ServeProgram server(http_service());
  const Plan plan{.concurrency = 1, .duration = {}, .count = 3, .close = CloseBy::kHalf};
  LoadPair pair(plan, {.paths = {"/bytes/100000"}, .response_bytes = 100'000}, server);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kCompleted), 3u);
  EXPECT_EQ(pair.failures(), "");
  EXPECT_EQ(pair.client().use().time_wait, 4u);  // and the probe's
}

TEST(CloseByNobody, KeepsThemUntilTheEnd) {
  serve::ServeProgram server(echo_service());
  const Plan plan{.concurrency = 20,
                  .duration = seconds(1),
                  .timeout = milliseconds(200),
                  .close = CloseBy::kNone};
  LoadPair pair(plan, kEcho64, server);
  ASSERT_TRUE(pair.probe());
  pair.pass(milliseconds(900));
  EXPECT_EQ(pair.tally().open(), 20u);
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.get(Count::kLaunched), 20u);
  EXPECT_EQ(pair.get(Count::kCompleted), 20u);
  EXPECT_EQ(pair.failures(), "");
  expect_in_order(pair, plan);
}

}  // namespace
}  // namespace millrace::load
