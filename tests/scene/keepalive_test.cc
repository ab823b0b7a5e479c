// SPDX-License-Identifier: BSD-3-Clause
// Keep-alive: RFC 9293 section 3.8.4.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneKeepalive, ItIsOffByDefault) {
  Scene s(established());
  s.at(24 * 3'600'000).silence().state("ESTABLISHED");
}

TEST(SceneKeepalive, AnIdleConnectionIsProbedFromJustBeforeTheWindow) {
  Scene s(established().keepalive(10000, 1000, 3));
  s.at(10000).out(". 0 ack 1").counter("TcpExtTCPKeepAlive", 1);
  s.at(10001).in(". 1 ack 1").silence();
  s.at(20001).out(". 0 ack 1").in(". 1 ack 1").silence();
}

TEST(SceneKeepalive, ASilentPeerIsGivenUpAfterSoManyProbes) {
  Scene s(established().keepalive(10000, 1000, 3));
  s.at(10000).out(". 0 ack 1");
  s.at(11000).out(". 0 ack 1");
  s.at(12000).out(". 0 ack 1");
  s.at(12999).open();
  s.at(13001).silence().closed("keepalive-timeout").drained();
}

TEST(SceneKeepalive, OneAnswerBeginsTheCountAnew) {
  Scene s(established().keepalive(10000, 1000, 2));
  s.at(10000).out(". 0 ack 1");
  s.at(11000).out(". 0 ack 1").in(". 1 ack 1");
  s.at(21000).out(". 0 ack 1");
  s.at(22000).out(". 0 ack 1").open();
}

TEST(SceneKeepalive, AnythingFromThePeerIsASignOfLife) {
  Scene s(established().keepalive(10000, 1000, 3));
  s.at(9000).in("1:101 ack 1").silence();
  s.at(9040).out(". 1 ack 101");
  s.at(18999).silence();
  s.at(19000).out(". 0 ack 101");
}

TEST(SceneKeepalive, WhatNobodyAnsweredIsNotCountedAgainstAWindowThatCloses) {
  Scene s(established().keepalive(10000, 1000, 3));
  s.at(10000).out(". 0 ack 1").claim(s.info().probes == 1, "one is not answered");
  TcpOptions options = s.host().shard().options(s.connection()).value();
  options.keepalive = false;
  s.claim(s.host().set_options(s.connection(), options).ok(), "it is turned off");
  s.in("1:101 ack 1 win 0").claim(s.info().probes == 0, "the peer lives").whatever();
}

TEST(SceneKeepalive, AResetInAnswerEndsTheConnection) {
  Scene s(established().keepalive(10000, 1000, 3));
  s.at(10000).out(". 0 ack 1").in("R 1").silence().closed("peer-reset");
}

TEST(SceneKeepalive, UnacknowledgedDataIsProbeEnough) {
  Scene s(established().keepalive(1500, 1000, 2));
  s.at(1400).app("write 100").out("P. 1:101 ack 1");
  s.at(2400).out("P. 1:101 ack 1");
  s.at(4400).out("P. 1:101 ack 1").in(". 1 ack 101");
  s.at(5899).silence();
  s.at(5900).out(". 100 ack 1");
}

TEST(SceneKeepalive, TheProbeOfAPeerIsAnswered) {
  Scene s(established());
  s.at(1000).in(". 0 ack 1").out(". 1 ack 1");
  s.at(2000).in("0:1 ack 1").out(". 1 ack 1");  // with a garbage byte, as some send it
}

TEST(SceneKeepalive, ItCanBeTurnedOnOnTheWay) {
  Scene s(established());
  TcpOptions options = *s.host().shard().options(s.connection());
  options.keepalive = true;
  options.keepalive_idle = seconds(5);
  s.at(1000).claim(s.host().set_options(s.connection(), options).ok(), "the options are good");
  s.at(6000).out(". 0 ack 1");
  options.keepalive = false;
  s.claim(s.host().set_options(s.connection(), options).ok(), "the options are good");
  s.at(600000).silence();
}

TEST(SceneKeepalive, AHalfClosedReaderIsProbedToo) {
  Scene s(in_state("FIN-WAIT-2").keepalive(10000, 1000, 2));
  s.at(10000).out(". 1 ack 1").in(". 1 ack 2").silence();
  s.at(20000).out(". 1 ack 1");
  s.at(21000).out(". 1 ack 1");
  s.at(22001).silence().closed("keepalive-timeout").drained();
}

TEST(SceneKeepalive, AnOpenConnectionOfOurOwnIsProbedToo) {
  Stage setup = established_client();
  Scene s(setup.keepalive(10000, 1000, 3));
  s.at(10000).out(". 0 ack 1").in(". 1 ack 1").silence();
}

}  // namespace
}  // namespace millrace::test
