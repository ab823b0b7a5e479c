// SPDX-License-Identifier: BSD-3-Clause
// Flow control: closed windows, probes, updates, and no silly ones (RFC 9293 section 3.8.6).
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneWindow, NothingIsSentIntoAClosedWindowButProbes) {
  Scene s(established().rtt(100).window(1000));
  s.at(0).app("write 3000").out("1:1001 ack 1");
  s.at(10).in(". 1 ack 1001 win 0").silence();
  s.at(210).out(". 1001:1002 ack 1");  // one byte, after the retransmission timeout
  s.at(220).in(". 1 ack 1001 win 0").silence();
  s.at(610).out(". 1001:1002 ack 1");  // twice as long later
  s.at(620).in(". 1 ack 1001 win 0").silence();
}

TEST(SceneWindow, AnAnsweredProbeNeverEndsTheConnection) {
  Scene s(established().window(1000).tune([](TcpOptions& o) {
    o.data_retries = 3;
    o.rto_max = seconds(1);
  }));
  s.at(0).app("write 3000").out("1:1001 ack 1");
  s.at(10).in(". 1 ack 1001 win 0");
  int64_t now = 10;
  for (int i = 0; i < 20; ++i) {
    s.out_by(now + 1100, ". 1001:1002 ack 1").in(". 1 ack 1001 win 0");
    now += 1100;
  }
  s.open();
}

TEST(SceneWindow, AnUnansweredProbeDoes) {
  Scene s(established().window(1000).tune([](TcpOptions& o) {
    o.data_retries = 3;
    o.rto_max = seconds(1);
  }));
  s.at(0).app("write 3000").out("1:1001 ack 1");
  s.at(10).in(". 1 ack 1001 win 0");
  for (int i = 0; i < 3; ++i) s.out_by(5000, ". 1001:1002 ack 1");
  s.at(6000).maybe(". 1001:1002 ack 1").closed("timed-out").drained();
}

TEST(SceneWindow, WhenItOpensTheProbedByteGoesFirstAndInFull) {
  Scene s(established().nodelay().window(1000));
  s.at(0).app("write 3000").out("1:1001 ack 1");
  s.at(10).in(". 1 ack 1001 win 0");
  s.out_by(2000, ". 1001:1002 ack 1");
  s.at(300).in(". 1 ack 1001 win 4000").out("1001:2461 ack 1").out("P. 2461:3001 ack 1");
}

TEST(SceneWindow, AProbedByteThatWasTakenIsNotSentAgain) {
  Scene s(established().nodelay().window(1000));
  s.at(0).app("write 3000").out("1:1001 ack 1");
  s.at(10).in(". 1 ack 1001 win 0");
  s.out_by(2000, ". 1001:1002 ack 1");
  s.at(300).in(". 1 ack 1002 win 4000").out("1002:2462 ack 1").out("P. 2462:3001 ack 1");
}

TEST(SceneWindow, OursClosesWithUnreadBytesAndOpensWhenTheyAreRead) {
  Scene s(established().receive_buffer(3000));
  s.at(0).in("1:1461 ack 1").silence();
  s.at(1).in("1461:2921 ack 1").out(". 1 ack 2921 win 80");
  s.at(10).in("P. 2921:3001 ack 1").silence();
  s.at(50).out(". 1 ack 3001 win 0");
  s.at(60).app("read 1000").silence();  // less than a segment is no news
  s.at(70).app("read 1000").out(". 1 ack 3001 win 2000");
}

TEST(SceneWindow, AProbeOfOurClosedWindowIsAnsweredAndNotTaken) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("P. 1:1001 ack 1").silence();
  s.at(40).out(". 1 ack 1001 win 0");
  s.at(100).in(". 1001:1002 ack 1").out(". 1 ack 1001 win 0").received(1000);
}

TEST(SceneWindow, DataPastTheWindowIsCutOff) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("P. 1:1461 ack 1").out(". 1 ack 1001 win 0").received(1000);
}

TEST(SceneWindow, SmallPiecesOfAWindowAreNotUsed) {
  // Sender's silly-window avoidance (RFC 9293 section 3.8.6.2.1): 100 bytes of a 8-KB window.
  Scene s(established().window(8000));
  s.at(0)
      .app("write 8000")
      .out("1:1461 ack 1")
      .out("1461:2921 ack 1")
      .out("2921:4381 ack 1")
      .out("4381:5841 ack 1")
      .out("5841:7301 ack 1")
      .silence();
}

TEST(SceneWindow, AnOldAcknowledgementDoesNotMoveIt) {
  Scene s(established().window(2000));
  s.at(0).app("write 4000").out("1:1461 ack 1").out("1461:2001 ack 1");
  s.at(10).in(". 1 ack 1461 win 1000").silence();
  s.at(20).in(". 1 ack 1 win 65535").silence();
}

TEST(SceneWindow, ARetransmissionThatAcknowledgesMoreBringsItsWindowAlong) {
  // The peer's pure ACK had a higher sequence number than its retransmission; the retransmission
  // has the later news.
  Scene s(established().nodelay());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(5).in(". 101 ack 1 win 500").silence();
  s.at(10).in("P. 1:101 ack 101 win 0").silence();
  s.at(20).app("write 100").silence();
  s.at(50).out(". 101 ack 101");
}

TEST(SceneWindow, ARepeatedSmallWindowLeavesTheProbeTimerRunning) {
  Scene s(established().rtt(100).window(8000));
  s.at(0)
      .app("write 8000")
      .out("1:1461 ack 1")
      .out("1461:2921 ack 1")
      .out("2921:4381 ack 1")
      .out("4381:5841 ack 1")
      .out("5841:7301 ack 1")
      .silence();
  s.at(100).in(". 1 ack 7301 win 100").silence();
  s.at(110).in(". 1 ack 7301 win 100").silence();
  s.out_by(600, ". 7301:7401 ack 1");  // rather little than nothing, after the timeout
}

TEST(SceneWindow, ScalingMultipliesBothWays) {
  Scene s(established().nodelay().window_scale(2).receive_buffer(256 * 1024).window(1000));
  s.at(0)
      .app("write 6000")
      .out("1:1461 ack 1 win 32768")
      .out("1461:2921 ack 1")
      .out("2921:4001 ack 1")
      .silence();
  s.at(10).in(". 1 ack 2921 win 1000").out("4001:5461 ack 1").out("P. 5461:6001 ack 1");
}

}  // namespace
}  // namespace millrace::test
