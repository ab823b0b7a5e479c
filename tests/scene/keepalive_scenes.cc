// SPDX-License-Identifier: BSD-3-Clause
// Keep-alive (RFC 9293 section 3.8.4), user timeout and retries (section 3.8.3).
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneKeepalive, IsOffByDefault) {
  Scene s(established());
  s.at(100'000'000).silence().state("ESTABLISHED");
}

TEST(SceneKeepalive, ASilentPeerIsProbedAndThenDead) {
  Scene s(established().keepalive(10'000, 1000, 3));
  s.at(10'000).out(". 0 ack 1");  // one before what is next: the peer must answer
  s.at(11'000).out(". 0 ack 1");
  s.at(12'000).out(". 0 ack 1");
  s.at(12'999).open();
  s.at(13'001).maybe("R. 1 ack 1").closed("keepalive-timeout").drained();
}

TEST(SceneKeepalive, AnAnswerStartsTheIdleTimeAgain) {
  Scene s(established().keepalive(10'000, 1000, 3));
  s.at(10'000).out(". 0 ack 1");
  s.at(10'100).in(". 1 ack 1").silence();
  s.at(20'099).silence();
  s.at(20'100).out(". 0 ack 1");
}

TEST(SceneKeepalive, DataStartsTheIdleTimeAgain) {
  Scene s(established().keepalive(10'000, 1000, 3));
  s.at(9'000).in("P. 1:101 ack 1").silence();
  s.at(9'040).out(". 1 ack 101");
  s.at(18'999).silence();
  s.at(19'000).out(". 0 ack 101");
}

TEST(SceneKeepalive, ThePeersProbeIsAnswered) {
  Scene s(established());
  s.at(100'000).in(". 0 ack 1").out(". 1 ack 1");
}

TEST(SceneKeepalive, ThePeersProbeWithAByteIsAnsweredToo) {
  Scene s(established());
  s.at(0).in("P. 1:101 ack 1").silence();
  s.at(40).out(". 1 ack 101");
  s.at(100'000).in(". 100:101 ack 1").out(". 1 ack 101").received(100);
}

TEST(SceneKeepalive, UnacknowledgedDataEndsTheConnectionAfterItsRetries) {
  Scene s(established().tune([](TcpOptions& o) { o.data_retries = 3; }));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1000).out("P. 1:101 ack 1");
  s.at(3000).out("P. 1:101 ack 1");
  s.at(7000).out("P. 1:101 ack 1");
  s.at(14'999).open();
  s.at(15'001)
      .maybe("R. 101 ack 1")
      .closed("timed-out")
      .counter("TcpExtTCPAbortOnTimeout", 1)
      .drained();
}

TEST(SceneKeepalive, TheUserTimeoutComesBeforeTheRetriesAreUsedUp) {
  Scene s(established().tune([](TcpOptions& o) { o.user_timeout = seconds(5); }));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1000).out("P. 1:101 ack 1");
  s.at(3000).out("P. 1:101 ack 1");
  s.at(7'001).closed("timed-out").drained();
}

TEST(SceneKeepalive, ASynThatNobodyAnswersEndsTheAttempt) {
  Scene s(client().tune([](TcpOptions& o) { o.syn_retries = 2; }));
  s.at(0).app("connect").out("S 0");
  s.at(1000).out("S 0");
  s.at(3000).out("S 0");
  s.at(7'001).closed("connect-timeout").counter("TcpAttemptFails", 1).drained();
}

}  // namespace
}  // namespace millrace::test
