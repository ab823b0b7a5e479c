// SPDX-License-Identifier: BSD-3-Clause
// When groups are reported, and in which words (RFC 3810 section 6, RFC 2710).
#include "net/groups.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::net {
namespace {

Instant at(int64_t ms) { return Instant{} + milliseconds(ms); }

// "joins 1 2", "has 1", "has 1 v1": what is said at `ms`, a line for each report.
std::vector<std::string> said(Groups& groups, int64_t ms) {
  std::vector<std::string> lines;
  groups.advance(at(ms), [&](wire::GroupRecord record, std::span<const uint32_t> some, bool v1) {
    std::string line = record == wire::GroupRecord::kToExclude ? "joins" : "has";
    for (const uint32_t group : some) line += " " + std::to_string(group);
    lines.push_back(line + (v1 ? " v1" : ""));
  });
  return lines;
}
using Lines = std::vector<std::string>;

std::vector<uint32_t> first(uint32_t count) {
  std::vector<uint32_t> groups;
  for (uint32_t i = 0; i < count; ++i) groups.push_back(i);
  return groups;
}

TEST(NetGroups, JoiningIsSaidAtOnceAndOnceMoreWithinASecond) {
  Groups groups(1, true);
  groups.set({3, 7}, at(0));
  EXPECT_EQ(groups.next_deadline(), at(0));
  EXPECT_EQ(said(groups, 0), Lines{"joins 3 7"});
  const Instant again = groups.next_deadline();
  EXPECT_GE(again, at(0));
  EXPECT_LE(again, at(1000));
  EXPECT_EQ(said(groups, 1000), Lines{"joins 3 7"});
  EXPECT_EQ(groups.next_deadline(), Instant::never());
  EXPECT_EQ(said(groups, 100'000), Lines{});
}

TEST(NetGroups, OnlyWhatIsNewIsAReasonToSpeak) {
  Groups groups(1, true);
  groups.set({3, 7}, at(0));
  said(groups, 0);
  said(groups, 1000);
  groups.set({7}, at(2000));
  groups.set({7}, at(2000));
  EXPECT_EQ(groups.next_deadline(), Instant::never());
  groups.set({7, 9}, at(3000));
  EXPECT_EQ(said(groups, 3000), Lines{"joins 7 9"});
}

TEST(NetGroups, WhoIsNotToSpeakUnaskedAnswersAllTheSame) {
  Groups groups(1, false);
  groups.set({3}, at(0));
  EXPECT_EQ(groups.next_deadline(), Instant::never());
  groups.on_query(milliseconds(0), false, at(10));
  EXPECT_EQ(said(groups, 10), Lines{"has 3"});
}

TEST(NetGroups, AQueryIsAnsweredWithinItsTimeAndASecondOneWithIt) {
  Groups groups(1, false);
  groups.set({3, 7}, at(0));
  Instant earliest = Instant::never();
  Instant latest{};
  for (int i = 0; i < 200; ++i) {
    const Instant asked = at(i * 100'000);
    groups.on_query(seconds(10), false, asked);
    const Instant due = groups.next_deadline();
    ASSERT_LE(due, asked + seconds(10));
    earliest = std::min(earliest, Instant{} + (due - asked));
    latest = std::max(latest, Instant{} + (due - asked));
    groups.on_query(seconds(1000), false, asked);  // does not put it off
    ASSERT_LE(groups.next_deadline(), due);
    ASSERT_EQ(said(groups, i * 100'000 + 10'000), Lines{"has 3 7"});
    ASSERT_EQ(groups.next_deadline(), Instant::never());
  }
  EXPECT_LT(earliest, at(1000));
  EXPECT_GT(latest, at(9000));
}

TEST(NetGroups, AQueryForOneIsAnsweredByThatOne) {
  Groups groups(1, false);
  groups.set({3, 7}, at(0));
  groups.on_query(7, milliseconds(0), false, at(0));
  groups.on_query(7, milliseconds(0), false, at(0));
  EXPECT_EQ(said(groups, 0), Lines{"has 7"});
  EXPECT_EQ(groups.next_deadline(), Instant::never());
}

TEST(NetGroups, WhoAsksForTooManyOneByOneHearsOfAll) {
  Groups groups(1, false);
  groups.set(first(20), at(0));
  for (uint32_t i = 0; i < 9; ++i) groups.on_query(i, milliseconds(0), false, at(0));
  Lines expected;
  for (uint32_t i = 0; i < 8; ++i) expected.push_back("has " + std::to_string(i));
  std::string all = "has";
  for (uint32_t i = 0; i < 20; ++i) all += " " + std::to_string(i);
  expected.push_back(all);
  EXPECT_EQ(said(groups, 0), expected);
}

TEST(NetGroups, ReportsAreOfSixtyAtMost) {
  Groups groups(1, true);
  groups.set(first(Groups::kMax), at(0));
  const Lines lines = said(groups, 0);
  EXPECT_EQ(lines.size(), (Groups::kMax + wire::kGroupRecordsMax - 1) / wire::kGroupRecordsMax);
  EXPECT_TRUE(lines.front().starts_with("joins 0 1 "));
  EXPECT_TRUE(lines.back().ends_with(" 1023"));
}

TEST(NetGroups, AnOlderQuerierIsAnsweredInItsWordsForAWhile) {
  Groups groups(1, true);
  groups.set({3, 7}, at(0));
  said(groups, 0);
  said(groups, 1000);
  groups.on_query(milliseconds(0), true, at(2000));
  EXPECT_EQ(said(groups, 2000), (Lines{"has 3 v1", "has 7 v1"}));
  groups.on_query(milliseconds(0), false, at(261'999));
  EXPECT_EQ(said(groups, 261'999), (Lines{"has 3 v1", "has 7 v1"}));
  groups.on_query(milliseconds(0), false, at(262'000));
  EXPECT_EQ(said(groups, 262'000), Lines{"has 3 7"});
}

TEST(NetGroups, ManyReportsOfTheOlderKindComeAFewAtATime) {
  Groups groups(1, false);
  groups.set(first(70), at(0));
  groups.on_query(milliseconds(0), true, at(0));
  EXPECT_EQ(said(groups, 0).size(), 32u);
  EXPECT_EQ(groups.next_deadline(), at(10));
  EXPECT_EQ(said(groups, 9).size(), 0u);
  EXPECT_EQ(said(groups, 10).size(), 32u);
  groups.set(first(65), at(15));  // some go in the middle of it
  EXPECT_EQ(said(groups, 20), Lines{"has 64 v1"});
  EXPECT_EQ(groups.next_deadline(), Instant::never());
}

}  // namespace
}  // namespace millrace::net
