// SPDX-License-Identifier: BSD-3-Clause
// The diagram language itself: a scene that claims something wrong fails, says what was expected,
// what happened and what led there; and fails once.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneLanguage, AWrongNumberIsShownBesideTheRightOne) {
  EXPECT_NONFATAL_FAILURE(Scene(established()).in("1:101 ack 1").at(40).out(". 1 ack 100"),
                          "expected  . 1 ack 100\n  actual  . 1 ack 101 win 65435");
}

TEST(SceneLanguage, AWrongTimeIsShownBesideTheRightOne) {
  EXPECT_NONFATAL_FAILURE(Scene(established()).in("1:101 ack 1").at(38).out(". 1 ack 101"),
                          "silence");
  EXPECT_NONFATAL_FAILURE(Scene(established()).in("1:101 ack 1").at(42).out(". 1 ack 101"),
                          "differs  time");
}

TEST(SceneLanguage, EveryFieldThatALineNamesIsCompared) {
  const auto wrong = [](const char* line, const char* field) {
    static const char* claimed;
    static std::string said;
    claimed = line;
    said = std::string("differs  ") + field;
    EXPECT_NONFATAL_FAILURE(Scene(server()).in("S 0 <mss 1460,ws 2>").out(claimed), said.c_str());
  };
  wrong("S 0 ack 1", "flags");
  wrong("S. 1 ack 1", "seq");
  wrong("S. 0:1 ack 1", "payload length");
  wrong("S. 0 ack 2", "ack");
  wrong("S. 0", "ack: the line must name it");
  wrong("S. 0 ack 1 win 1000", "win");
  wrong("S. 0 ack 1 <mss 1400>", "mss");
  wrong("S. 0 ack 1 <!mss>", "mss where none was expected");
  wrong("S. 0 ack 1 <ws 2>", "ws is missing");
  wrong("S. 0 ack 1 <ts 0 0>", "ts is missing");
  wrong("S. 0 ack 1 <sackOK>", "sackOK is missing");
  wrong("S. 0 ack 1 <sack 1-2>", "sack is missing");
  wrong("S. 0 ack 1 <sack 1>", "the line makes no sense");
  wrong("icmp 3 3", "another frame");
  wrong("S. 0 back 1", "the line makes no sense");
}

TEST(SceneLanguage, SackBlocksAreComparedInTheirOrder) {
  const auto wrong = [](const char* line, const char* what) {
    static const char* claimed;
    static const char* said;
    claimed = line;
    said = what;
    EXPECT_NONFATAL_FAILURE(Scene(established().sack())
                                .in("101:201 ack 1")
                                .out(". 1 ack 1 <sack 101-201>")
                                .in("301:401 ack 1")
                                .out(claimed),
                            said);
  };
  wrong(". 1 ack 1 <sack 101-201 301-401>", "differs  sack\n");
  wrong(". 1 ack 1 <sack 301-401>", "actual  . 1 ack 1 win 65535 <sack 301-401 101-201>");
  wrong(". 1 ack 1 <!sack>", "differs  sack where none was expected");
}

TEST(SceneLanguage, TheEcnFieldAndItsFlagsAreWrittenAndRead) {
  Scene s(server());
  const NaiveFrame frame = decode(s.frame("SWA 0 <mss 1460> ce"));
  s.claim(frame.tcp->flags == (kSyn | kCwr | kAe) && frame.tcp->ecn == 3, "letters, option, field");
  s.claim(decode(s.frame("S5 0")).tcp->flags == (kSyn | kAe | kEce), "the same by a number");
  EXPECT_NONFATAL_FAILURE(Scene(server()).in("S 0").out("SE. 0 ack 1"), "differs  flags");
  EXPECT_NONFATAL_FAILURE(Scene(server()).in("S 0").out("S. 0 ack 1 ce"), "differs  the ECN field");
}

TEST(SceneLanguage, SilenceIsAClaim) {
  EXPECT_NONFATAL_FAILURE(Scene(server()).in("S 0").silence(), "1 unclaimed frame(s)");
  EXPECT_NONFATAL_FAILURE(Scene(server()).in("S 0").at(5), "1 unclaimed frame(s)");
  EXPECT_NONFATAL_FAILURE(Scene(server()).in("S 0"), "1 unclaimed frame(s)");
  EXPECT_NONFATAL_FAILURE(Scene(server()).out("S. 0 ack 1"), "actual  silence");
}

TEST(SceneLanguage, StatesReasonsAndCountsAreCompared) {
  EXPECT_NONFATAL_FAILURE(Scene(established()).state("CLOSE-WAIT"), "the state is ESTABLISHED");
  EXPECT_NONFATAL_FAILURE(Scene(established()).closed("normal"), "it is still open");
  EXPECT_NONFATAL_FAILURE(Scene(established()).in("1:11 ack 1").received(11), "it is 10");
  EXPECT_NONFATAL_FAILURE(Scene(established()).counter("TcpInErrs", 1), "it is 0");
  EXPECT_NONFATAL_FAILURE(Scene(established()).counter("TcpNothing", 0), "there is a counter");
  EXPECT_NONFATAL_FAILURE(Scene(established()).drained(), "in use are connections 1");
  EXPECT_NONFATAL_FAILURE(Scene(established()).app("write 10 takes 5"), "took 10");
}

TEST(SceneLanguage, ALineOfThePeerThatMakesNoSenseIsRefused) {
  EXPECT_NONFATAL_FAILURE(Scene(established()).in("1:11"), "must name its ack");
  EXPECT_NONFATAL_FAILURE(Scene(established()).in("X 1"), "is no sequence number");
  EXPECT_NONFATAL_FAILURE(Scene(established()).in("11:1 ack 1"), "is no range");
  EXPECT_NONFATAL_FAILURE(Scene(client()).in("S. 0 ack 1"), "ISN is not known");
}

TEST(SceneLanguage, TheTranscriptTellsTheStory) {
  EXPECT_NONFATAL_FAILURE(
      Scene(established()).at(3).in("1:101 ack 1").app("write 10").out("R 1"),
      "       3.000  in   . 1:101 ack 1 win 65535\n         3.000  app  write 10\n"
      "         3.000  out  P. 1:11 ack 101 win 65435\n\nESTABLISHED: in flight 10");
}

TEST(SceneLanguage, AfterTheFirstMistakeNothingMoreIsSaid) {
  EXPECT_NONFATAL_FAILURE(
      Scene(established()).out("R 1").state("LISTEN").at(-5).in("nonsense").drained(),
      "actual  silence");
}

TEST(SceneLanguage, EveryStateIsReached) {
  for (const char* state : {"SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2",
                            "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"}) {
    Scene(in_state(state)).state(state);
    Scene(in_state(state).timestamps().rtt(50)).state(state);
  }
  Scene(in_state("SYN-RECEIVED-SIMULTANEOUS")).state("SYN-RECEIVED");
  Scene(server()).state("LISTEN");
  Scene(client()).state("CLOSED");
}

TEST(SceneLanguage, BothSidesNumbersWrap) {
  Scene s(established());
  const TcpInfo info = s.info();
  s.claim(info.rcv_nxt == 0xffffffff, "the peer's second byte has number 0");
  s.claim(info.snd_nxt > 0xffffff00u - 1000, "ours wrap within the first bytes");
}

}  // namespace
}  // namespace millrace::test
