// SPDX-License-Identifier: BSD-3-Clause
// Whose word on the window counts (RFC 9293 section 3.10.7.4, SND.WL1 and SND.WL2), and what a
// window that does not change leaves as it is.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneWindowUpdate, ARetransmissionThatAcknowledgesMoreBringsItsWindowAlong) {
  // The peer's pure ACK had a higher sequence number than its retransmission; the retransmission
  // has the later news.
  Scene s(established().nodelay());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(5).in(". 101 ack 1 win 500").silence();
  s.at(10).in("P. 1:101 ack 101 win 0").silence();
  s.at(20).app("write 100").silence();
  s.at(50).out(". 101 ack 101");
}

TEST(SceneWindowUpdate, ARepeatedSmallWindowLeavesTheProbeTimerRunning) {
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

TEST(SceneWindowUpdate, DataPastTheWindowIsCutOff) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("P. 1:1461 ack 1").out(". 1 ack 1001 win 0").received(1000);
}

TEST(SceneWindowUpdate, AnOldAcknowledgementDoesNotMoveIt) {
  Scene s(established().window(2000));
  s.at(0).app("write 4000").out("1:1461 ack 1").out("1461:2001 ack 1");
  s.at(10).in(". 1 ack 1461 win 1000").silence();
  s.at(20).in(". 1 ack 1 win 65535").silence();
}

}  // namespace
}  // namespace millrace::test
