// SPDX-License-Identifier: BSD-3-Clause
// The demos go as RFC 9293 draws them, and what is said of a row is what happened there.
#include "trace/demo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "trace/happening.h"
#include "trace/ladder_json.h"
#include "trace/ladder_text.h"
#include "trace/pictures.h"
#include "unit/app/source_folder.h"

namespace millrace::trace {
namespace {

Ladder play(std::string_view name) {
  const Demo* demo = find_demo(name);
  EXPECT_NE(demo, nullptr) << name;
  return demo == nullptr ? Ladder{} : demo->play();
}

// "CLOSED SYN-SENT ESTABLISHED": every state that an end was in.
std::string states(const Ladder& ladder, Side side) {
  const auto i = static_cast<size_t>(side);
  std::string out(to_string(ladder.rows.front().ends[i].before));
  State last = ladder.rows.front().ends[i].before;
  for (const Row& row : ladder.rows) {
    EXPECT_EQ(row.ends[i].before, last);
    last = row.ends[i].after;
    if (row.ends[i].any()) out += ' ' + std::string(to_string(last));
  }
  return out;
}

std::vector<std::string> meanings(const Ladder& ladder) {
  std::vector<std::string> out;
  const Row* before = nullptr;
  for (const Row& row : ladder.rows) {
    out.emplace_back(to_string(happening_of(row, before)));
    before = &row;
  }
  return out;
}

std::vector<std::string> segments(const Ladder& ladder) {
  std::vector<std::string> out;
  for (const Row& row : ladder.rows) {
    if (row.way != Way::kNothing) out.push_back(segment_text(row));
  }
  return out;
}

using Strings = std::vector<std::string>;

TEST(TraceDemo, HandshakeIsFigure6) {
  const Ladder ladder = play("handshake");
  EXPECT_EQ(states(ladder, Side::kLeft), "CLOSED SYN-SENT ESTABLISHED");
  EXPECT_EQ(states(ladder, Side::kRight), "LISTEN SYN-RECEIVED ESTABLISHED");
  EXPECT_EQ(segments(ladder),
            (Strings{"[S] seq 0 win 65535", "[S.] seq 0 ack 1 win 65535", "[.] ack 1 win 512",
                     "[P.] seq 1:101 ack 1 win 512", "[.] ack 101 win 512"}));
  EXPECT_EQ(meanings(ladder),
            (Strings{"open", "open-answered", "open-done", "data", "acknowledged"}));
}

TEST(TraceDemo, TeardownIsFigure12) {
  const Ladder ladder = play("teardown");
  EXPECT_EQ(states(ladder, Side::kLeft), "ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED");
  EXPECT_EQ(states(ladder, Side::kRight), "ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED");
  EXPECT_EQ(meanings(ladder),
            (Strings{"fin-first", "fin-acked", "fin-second", "last-ack", "time-wait-over"}));
}

TEST(TraceDemo, HalfClosedEndGoesOnReading) {
  const Ladder ladder = play("half-close");
  EXPECT_EQ(states(ladder, Side::kLeft), "ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED");
  EXPECT_EQ(
      meanings(ladder),
      (Strings{"data", "acknowledged", "fin-first", "fin-acked", "data-half-closed", "acknowledged",
               "data-half-closed", "acknowledged", "fin-second", "last-ack", "time-wait-over"}));
}

TEST(TraceDemo, SimultaneousOpenIsFigure7) {
  const Ladder ladder = play("simultaneous-open");
  for (const Side side : {Side::kLeft, Side::kRight}) {
    EXPECT_EQ(states(ladder, side), "CLOSED SYN-SENT SYN-RECEIVED ESTABLISHED");
  }
  const Strings said = meanings(ladder);
  EXPECT_EQ(std::count(said.begin(), said.end(), "open-crossed"), 2);
  EXPECT_EQ(said.front(), "open");
}

TEST(TraceDemo, SimultaneousCloseIsFigure13) {
  const Ladder ladder = play("simultaneous-close");
  for (const Side side : {Side::kLeft, Side::kRight}) {
    EXPECT_EQ(states(ladder, side), "ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT CLOSED");
  }
  EXPECT_EQ(meanings(ladder), (Strings{"fin-first", "fin-first", "fin-crossed", "acknowledged",
                                       "fin-crossed", "acknowledged", "fin-crossed-acked",
                                       "fin-crossed-acked", "time-wait-over", "time-wait-over"}));
}

TEST(TraceDemo, ResetsEndBothAtOnce) {
  const Ladder reset = play("reset");
  EXPECT_EQ(states(reset, Side::kLeft), "ESTABLISHED CLOSED");
  EXPECT_EQ(states(reset, Side::kRight), "ESTABLISHED CLOSED");
  EXPECT_EQ(meanings(reset), (Strings{"data", "acknowledged", "reset"}));
  const Ladder refused = play("refused");
  EXPECT_EQ(states(refused, Side::kLeft), "CLOSED SYN-SENT CLOSED");
  EXPECT_EQ(states(refused, Side::kRight), "CLOSED");
  EXPECT_EQ(meanings(refused), (Strings{"open", "open-refused"}));
}

TEST(TraceDemo, TimeWaitAnswersARepeatedFin) {
  const Ladder ladder = play("lost-fin");
  EXPECT_EQ(meanings(ladder),
            (Strings{"fin-first", "fin-again", "fin-acked", "fin-second", "acknowledged",
                     "fin-again", "time-wait-ack", "time-wait-over"}));
  EXPECT_EQ(ladder.rows[0].way, Way::kLost);
  EXPECT_EQ(ladder.rows[4].way, Way::kLost);
  // 2 MSL begin anew with the repeated FIN (RFC 9293 section 3.10.7.4).
  EXPECT_EQ(ladder.rows[7].time - ladder.rows[6].time, seconds(60));
}

TEST(TraceDemo, KeepaliveProbesUntilItGivesUp) {
  const Ladder ladder = play("keepalive");
  EXPECT_EQ(meanings(ladder),
            (Strings{"probe", "probe-answered", "probe", "probe", "probe", "gave-up"}));
  EXPECT_EQ(states(ladder, Side::kLeft), "ESTABLISHED CLOSED");
  EXPECT_EQ(states(ladder, Side::kRight), "ESTABLISHED");
}

TEST(TraceDemo, CookieServerStaysInListen) {
  const Ladder ladder = play("syn-cookie");
  EXPECT_EQ(states(ladder, Side::kRight), "LISTEN ESTABLISHED");
  EXPECT_EQ(meanings(ladder), (Strings{"open", "cookie-sent", "cookie-returned"}));
}

TEST(TraceDemo, EverySentenceIsOneLineAndNoLineIsTooLong) {
  for (const Demo& demo : demos()) {
    const std::string text = ladder_text(demo.play(), Detail::kExplained);
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      const std::string line = text.substr(at, end - at);
      EXPECT_LE(line.size(), 100u) << demo.name << ": " << line;
      if (line.find(" # ") != std::string::npos) {
        EXPECT_TRUE(line.ends_with(')')) << demo.name << ": " << line;
        EXPECT_NE(line.find("(RFC "), std::string::npos) << demo.name << ": " << line;
      }
      at = end + 1;
    }
  }
}

TEST(TraceDemo, TextIsTwoColumnsOfStates) {
  const Ladder ladder = play("teardown");
  EXPECT_EQ('\n' + ladder_text(ladder, Detail::kRows), R"(
       time  10.0.0.1:40000 (client)                                            10.0.0.2:80 (server)
             ESTABLISHED                                                                ESTABLISHED
   0.000000  FIN-WAIT-1   --- [F.] seq 1 ack 1 win 512 -------------------------------> CLOSE-WAIT
   0.010000  FIN-WAIT-2   <-- [.] ack 2 win 512 --------------------------------------- CLOSE-WAIT
   0.020000  TIME-WAIT    <-- [F.] seq 1 ack 2 win 512 -------------------------------- LAST-ACK
   0.030000  TIME-WAIT    --- [.] ack 2 win 512 --------------------------------------> CLOSED
  60.030000  CLOSED                                                                     CLOSED
)");
}

TEST(TraceDemo, JsonHasStatesBeforeAndAfter) {
  const auto json = ladder_json(play("simultaneous-open"));
  EXPECT_EQ(json["ends"][1]["address"], "10.0.0.2");
  EXPECT_EQ(json["rows"][0].dump(),
            R"({"seconds":0.0,"way":"sent","from":"left","flags":"S","seq":0,"payload_bytes":0,)"
            R"("window":65535,"options":{"mss":1460,"sack_permitted":true,"window_scale":7},)"
            R"("repeated":false,"left":{"before":"CLOSED","after":"SYN-SENT"},)"
            R"("right":{"before":"CLOSED","after":"CLOSED"},"meaning":"open"})");
}

TEST(TraceDemo, PageOfPicturesIsWhatTheDemosPrint) {
  std::ifstream file(std::string(MILLRACE_SOURCE_FOLDER) + "/docs/tcp-in-pictures.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(page, pictures_page())
      << "stale: millrace trace --demo all --markdown > docs/tcp-in-pictures.md";
}

}  // namespace
}  // namespace millrace::trace
