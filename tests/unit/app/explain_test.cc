// SPDX-License-Identifier: BSD-3-Clause
// Every name that a report may hold is explained.
#include "inspect/explain.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "load/tally.h"
#include "millrace/counters.h"

namespace millrace::inspect {
namespace {

TEST(Explain, KnowsEveryCounter) {
  for (size_t i = 0; i < kCounterCount; ++i) {
    const std::string_view name = to_string(static_cast<Counter>(i));
    EXPECT_NE(find_explained(name), nullptr) << name;
  }
}

TEST(Explain, KnowsEveryFailure) {
  for (size_t i = 0; i < load::kFailureCount; ++i) {
    const std::string_view name = load::to_string(static_cast<load::Failure>(i));
    EXPECT_NE(find_explained(name), nullptr) << name;
  }
}

TEST(Explain, SaysWhatToLookAtForEveryDrop) {
  for (auto i = static_cast<size_t>(kFirstDrop); i < kCounterCount; ++i) {
    const Explained* e = find_explained(to_string(static_cast<Counter>(i)));
    ASSERT_NE(e, nullptr);
    EXPECT_FALSE(e->cause.empty()) << e->name;
  }
}

TEST(Explain, HasNoNameTwice) {
  std::set<std::string_view> names;
  for (const Explained& e : explained()) {
    EXPECT_TRUE(names.insert(e.name).second) << e.name;
    EXPECT_FALSE(e.meaning.empty()) << e.name;
  }
}

TEST(Explain, TakesAnyCase) {
  EXPECT_EQ(find_explained("tcpextTCPSYNretrans"), find_explained("TcpExtTCPSynRetrans"));
  EXPECT_EQ(find_explained("TcpExtTCPSyn"), nullptr);
}

}  // namespace
}  // namespace millrace::inspect
