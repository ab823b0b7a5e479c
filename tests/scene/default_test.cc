// SPDX-License-Identifier: BSD-3-Clause
// What holds when nobody sets anything: the times that RFC 9293 asks for.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneDefaults, AConnectIsTriedForThreeMinutes) {
  // RFC 9293 section 3.8.3, MUST-23.
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(180'000).whatever().open();
  s.at(190'000).whatever().closed("connect-timeout");
}

TEST(SceneDefaults, DataIsSentAgainForMoreThanAHundredSeconds) {
  // Section 3.8.3, SHLD-11.
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1");
  s.at(100'000).whatever().open();
  s.at(3'600'000).whatever().closed("timed-out");
}

TEST(SceneDefaults, KeepaliveWaitsForTwoHours) {
  // Section 3.8.4, MUST-28. Ten probes are lost before the connection is.
  Scene s(established().tune([](TcpOptions& o) { o.keepalive = true; }));
  s.at(7'199'999).silence();
  for (int64_t probe = 0; probe < 10; ++probe) {
    s.at(7'200'000 + probe * 75'000).out(". 0 ack 1").open();
  }
  s.at(7'200'000 + 10 * 75'000).silence().closed("keepalive-timeout");
}

TEST(SceneDefaults, ADelayedAckLeavesWithinHalfASecond) {
  // Section 3.8.6.3, MUST-40; a longer delay cannot be set.
  Scene s(established());
  s.at(0).in("1:11 ack 1").out_by(499, ". 1 ack 11");
  TcpOptions slow;
  slow.delayed_ack_timeout = milliseconds(500);
  EXPECT_FALSE(s.host().set_options(s.connection(), slow).ok());
  slow.delayed_ack_timeout = milliseconds(499);
  EXPECT_TRUE(s.host().set_options(s.connection(), slow).ok());
}

}  // namespace
}  // namespace millrace::test
