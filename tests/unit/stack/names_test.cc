// SPDX-License-Identifier: BSD-3-Clause
// Names in reports are those of the MIBs and RFCs, one for each value.
#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "millrace/app.h"
#include "millrace/counters.h"
#include "millrace/tcp_info.h"

namespace millrace {
namespace {

TEST(StackNames, EveryCounterHasOneOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kCounterCount; ++i) names.insert(to_string(static_cast<Counter>(i)));
  EXPECT_EQ(names.size(), kCounterCount);
  EXPECT_EQ(to_string(Counter::kFramesIn), "FramesIn");
  EXPECT_EQ(to_string(Counter::kTcpActiveOpens), "TcpActiveOpens");
  EXPECT_EQ(to_string(Counter::kTcpExtTCPTimeouts), "TcpExtTCPTimeouts");
  EXPECT_EQ(to_string(kFirstDrop), "DropRunt");
  EXPECT_EQ(to_string(Counter::kDropNoRoute), "DropNoRoute");
}

TEST(StackNames, StatesAreWrittenAsInTheRfc) {
  EXPECT_EQ(to_string(State::kClosed), "CLOSED");
  EXPECT_EQ(to_string(State::kSynReceived), "SYN-RECEIVED");
  EXPECT_EQ(to_string(State::kFinWait2), "FIN-WAIT-2");
  EXPECT_EQ(to_string(State::kTimeWait), "TIME-WAIT");
}

TEST(StackNames, EveryReasonHasOneOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kCloseReasonCount; ++i) {
    names.insert(to_string(static_cast<CloseReason>(i)));
  }
  EXPECT_EQ(names.size(), kCloseReasonCount);
  EXPECT_EQ(to_string(CloseReason::kNoResources), "no-resources");
}

TEST(StackNames, DropsAreTheSumOfTheDropCounters) {
  Counters counters;
  counters.add(Counter::kTcpExtTCPRstLimited, 100);  // the last that is no drop
  EXPECT_EQ(counters.drops(), 0u);
  counters.add(Counter::kDropRunt, 2);
  counters.add(Counter::kDropNoRoute, 3);
  EXPECT_EQ(counters.drops(), 5u);
}

}  // namespace
}  // namespace millrace
