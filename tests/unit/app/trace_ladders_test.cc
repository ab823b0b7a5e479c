// SPDX-License-Identifier: BSD-3-Clause
// What an observer infers is what the two ends report; many connections are told apart, within
// bounds.
#include "trace/ladders.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "trace/demo.h"
#include "trace/happening.h"
#include "trace/ladder_text.h"

namespace millrace::trace {
namespace {

Segment segment(uint16_t from, uint16_t to, uint16_t flags, uint32_t seq, uint32_t ack = 0,
                uint32_t payload = 0) {
  Segment s;
  s.source = {IpAddress::v4(0x0a000001), from};
  s.destination = {IpAddress::v4(0x0a000001), to};
  s.flags = flags;
  s.seq = seq;
  s.ack = ack;
  s.payload_bytes = payload;
  return s;
}

// "FIN-WAIT-1/CLOSE-WAIT" behind each row.
std::vector<std::string> states(const Ladder& ladder) {
  std::vector<std::string> out;
  for (const Row& row : ladder.rows) {
    out.push_back(std::string(to_string(row.ends[0].after)) + '/' +
                  std::string(to_string(row.ends[1].after)));
  }
  return out;
}

using Strings = std::vector<std::string>;

TEST(TraceObserver, InfersWhatTheShardsReport) {
  for (const char* name : {"handshake", "teardown", "half-close", "reset", "refused"}) {
    const Ladder played = find_demo(name)->play();
    Ladders inferred({}, {});
    for (const Row& row : played.rows) {
      if (row.way != Way::kNothing) inferred.add(Instant{} + row.time, row.segment);
    }
    ASSERT_EQ(inferred.entries().size(), 1u) << name;
    const Ladder& seen = inferred.entries().front().ladder;
    for (size_t i = 0; i < seen.rows.size(); ++i) {
      const Row& mine = seen.rows[i];
      const Row& real = played.rows[i];
      EXPECT_EQ(segment_text(mine), segment_text(real)) << name << ' ' << i;
      EXPECT_EQ(mine.ends[0].after, real.ends[0].after) << name << ' ' << i;
      // Where nobody listens, only the RST shows it.
      if (std::string_view(name) != "refused") {
        EXPECT_EQ(mine.ends[1].after, real.ends[1].after) << name << ' ' << i;
      }
    }
  }
}

TEST(TraceObserver, FollowsFinsThatCross) {
  Ladders all({}, {});
  all.add({}, segment(4000, 80, kFin | kAck, 100, 200));
  all.add({}, segment(80, 4000, kFin | kAck, 200, 100));
  all.add({}, segment(4000, 80, kAck, 101, 201));
  all.add({}, segment(80, 4000, kAck, 201, 101));
  // A capture shows a FIN as if it had arrived at once: the right end is never in FIN-WAIT-1.
  EXPECT_EQ(
      states(all.entries().front().ladder),
      (Strings{"FIN-WAIT-1/CLOSE-WAIT", "CLOSING/LAST-ACK", "CLOSING/CLOSED", "TIME-WAIT/CLOSED"}));
}

TEST(TraceObserver, WaitsForWhatIsBeforeAFin) {
  Ladders all({}, {});
  all.add({}, segment(4000, 80, kAck, 100, 200));
  all.add({}, segment(4000, 80, kFin | kAck, 110, 200));  // 10 bytes are missing
  all.add({}, segment(80, 4000, kAck, 200, 100));
  all.add({}, segment(4000, 80, kPsh | kAck, 100, 200, 10));  // seen late
  all.add({}, segment(80, 4000, kAck, 200, 111));             // acknowledges the FIN too
  EXPECT_EQ(states(all.entries().front().ladder),
            (Strings{"ESTABLISHED/ESTABLISHED", "FIN-WAIT-1/ESTABLISHED", "FIN-WAIT-1/ESTABLISHED",
                     "FIN-WAIT-1/ESTABLISHED", "FIN-WAIT-2/CLOSE-WAIT"}));
}

TEST(TraceObserver, BelievesAResetOfTheExpectedNumberOnly) {
  Ladders all({}, {});
  all.add({}, segment(4000, 80, kAck, 100, 200));
  all.add({}, segment(4000, 80, kRst, 105));
  EXPECT_EQ(states(all.entries().front().ladder).back(), "CLOSED/ESTABLISHED");
  all.add({}, segment(4000, 80, kRst, 100));
  EXPECT_EQ(states(all.entries().front().ladder).back(), "CLOSED/CLOSED");
}

TEST(TraceObserver, KnowsWhatIsSentAgain) {
  Ladders all({}, {});
  all.add({}, segment(4000, 80, kSyn, 4294967290));
  all.add({}, segment(4000, 80, kSyn, 4294967290));
  all.add({}, segment(80, 4000, kSyn | kAck, 9, 4294967291));
  all.add({}, segment(4000, 80, kPsh | kAck, 4294967291, 10, 100));
  all.add({}, segment(4000, 80, kPsh | kAck, 4294967291, 10, 100));
  const Ladder& ladder = all.entries().front().ladder;
  Strings meanings;
  for (const Row& row : ladder.rows) {
    meanings.emplace_back(to_string(happening_of(row, nullptr)));
  }
  EXPECT_EQ(meanings, (Strings{"open", "syn-again", "open-answered", "data", "data-again"}));
  EXPECT_EQ(segment_text(ladder.rows.back()), "[P.] seq 1:101 ack 1 win 0");
}

TEST(TraceLadders, TellsIncarnationsOfATupleApart) {
  Ladders all({}, {});
  all.add({}, segment(4000, 80, kSyn, 100));
  all.add({}, segment(80, 4000, kRst | kAck, 0, 101));
  all.add({}, segment(4000, 80, kSyn, 900));
  ASSERT_EQ(all.entries().size(), 2u);
  EXPECT_EQ(states(all.entries()[0].ladder).back(), "CLOSED/CLOSED");
  EXPECT_EQ(states(all.entries()[1].ladder).back(), "SYN-SENT/SYN-RECEIVED");
}

TEST(TraceLadders, ShowsTheNthOfThoseThatPass) {
  Ladders second({.address = {}, .port = 80, .nth = 2}, {});
  second.add({}, segment(1, 81, kSyn, 0));
  for (uint16_t port = 1; port <= 3; ++port) second.add({}, segment(port, 80, kSyn, 0));
  second.add({}, segment(2, 80, kSyn, 0));
  ASSERT_EQ(second.entries().size(), 1u);
  EXPECT_EQ(second.entries()[0].number, 2u);
  EXPECT_EQ(second.entries()[0].ladder.rows.size(), 2u);
  EXPECT_EQ(second.connections(), 3u);
}

TEST(TraceLadders, AreBounded) {
  Ladders few({}, {.connections = 2, .tuples = 3, .rows = 2, .rows_in_all = 3});
  for (int i = 0; i < 3; ++i) {
    for (uint16_t port = 1; port <= 9; ++port) few.add({}, segment(port, 80, kSyn, 0));
  }
  ASSERT_EQ(few.entries().size(), 2u);
  EXPECT_EQ(few.entries()[0].ladder.rows.size(), 2u);
  EXPECT_EQ(few.entries()[1].ladder.rows.size(), 1u);
  EXPECT_EQ(few.entries()[0].ladder.rows_left_out + few.entries()[1].ladder.rows_left_out, 3u);
  EXPECT_EQ(few.connections(), 3u);
  EXPECT_EQ(few.segments(), 27u);
}

TEST(TraceLadders, FitTheirColumnsWhateverTheNumbers) {
  Segment widest = segment(65535, 65534, kFin | kPsh | kAck | kUrg | kEce | kCwr | kAe, 4000000000,
                           3000000000, 65535);
  widest.source.address = widest.destination.address =
      *IpAddress::parse("2001:db8:1111:2222:3333:4444:5555:6666");
  widest.options.has_timestamps = true;
  widest.options.ts_value = widest.options.ts_echo = 4294967295;
  widest.options.sack_count = 4;
  widest.options.sack = {{{1, 4294967295}, {1, 4294967295}, {1, 4294967295}, {1, 4294967295}}};
  Ladders all({}, {});
  all.add({}, segment(1, 2, kAck, 1, 1));
  all.add({}, widest);
  widest.seq -= 1'000'000'000;
  all.add({}, widest);
  for (const Ladders::Entry& entry : all.entries()) {
    std::istringstream text(ladder_text(entry.ladder, Detail::kExplained));
    for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), 100u) << line;
  }
}

}  // namespace
}  // namespace millrace::trace
