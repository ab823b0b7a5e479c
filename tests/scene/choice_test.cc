// SPDX-License-Identifier: BSD-3-Clause
// What an application may choose about a connection: quick acknowledgements, cork, no TIME-WAIT;
// and urgent data, which it need not choose (RFC 6093).
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

// --- Quick acknowledgements -------------------------------------------------------------------

TEST(SceneChoice, TheFirstSegmentsAreAcknowledgedAtOnce) {
  Scene s(established().tune([](TcpOptions& o) { o.quick_acks = 2; }));
  s.at(0).in("1:101 ack 1").out(". 1 ack 101").in("101:201 ack 1").out(". 1 ack 201");
  s.at(10).in("201:301 ack 1").silence();
  s.at(50).out(". 1 ack 301");
}

TEST(SceneChoice, QuickAcknowledgementsOfAConnectionThatWeOpenedToo) {
  Scene s(established_client().tune([](TcpOptions& o) { o.quick_acks = 1; }));
  s.at(0).in("1:101 ack 1").out(". 1 ack 101").in("101:201 ack 1").silence();
  s.at(40).out(". 1 ack 201");
}

TEST(SceneChoice, AQuickAcknowledgementRidesOnAResponse) {
  Scene s(established().tune([](TcpOptions& o) { o.quick_acks = 16; }));
  s.at(0).in_burst({"1:101 ack 1", "101:201 ack 1"}).out(". 1 ack 201").silence();
}

// --- Cork -------------------------------------------------------------------------------------

Scene& cork(Scene& s, bool on) {
  TcpOptions options = *s.host().shard().options(s.connection());
  options.cork = on;
  s.claim(bool{s.host().set_options(s.connection(), options)}, "the option is taken");
  return s;
}

TEST(SceneChoice, ACorkedConnectionSendsFullSegmentsOnly) {
  Scene s(established().nodelay());
  cork(s, true);
  s.at(0).app("write 100").silence().app("write 1400").out("1:1461 ack 1").silence();
  s.at(10).in(". 1 ack 1461").silence();
  s.at(20);
  cork(s, false).out("P. 1461:1501 ack 1");
}

TEST(SceneChoice, AFinTakesTheCorkOut) {
  Scene s(established());
  cork(s, true);
  s.at(0).app("write 100").silence().app("shutdown").out("F. 1:101 ack 1").state("FIN-WAIT-1");
}

// --- No TIME-WAIT -----------------------------------------------------------------------------

TEST(SceneChoice, WithoutTimeWaitTheLastAcknowledgementEndsTheConnection) {
  Scene s(established_client().timestamps().tune([](TcpOptions& o) { o.time_wait = false; }));
  s.at(0).app("shutdown").out("F. 1 ack 1").in(". 1 ack 2 <ts 1001 0>");
  s.in("F. 1 ack 2 <ts 1002 0>").out(". 2 ack 2");
  s.time_wait(0).closed("normal").drained().counter("TcpExtTCPTimeWait", 0);
  // The acknowledgement was lost: the peer's FIN comes again, and is told that nobody is here.
  s.at(100).in("F. 1 ack 2 <ts 1002 0>").out("R 2");
}

TEST(SceneChoice, WithoutTimestampsThereIsAlwaysTimeWait) {
  Scene s(established_client().tune([](TcpOptions& o) { o.time_wait = false; }));
  s.at(0).app("shutdown").out("F. 1 ack 1").in(". 1 ack 2").in("F. 1 ack 2").out(". 2 ack 2");
  s.time_wait(1).closed("normal");
  s.at(100).in("F. 1 ack 2").out(". 2 ack 2");
}

TEST(SceneChoice, WhoClosedSecondHasNoTimeWaitAnyway) {
  Scene s(established().timestamps().tune([](TcpOptions& o) { o.time_wait = false; }));
  s.at(0).in("F. 1 ack 1 <ts 1001 0>").out(". 1 ack 2").peer_closed();
  s.app("shutdown").out("F. 1 ack 2").in(". 2 ack 2 <ts 1002 0>");
  s.time_wait(0).closed("normal").drained();
}

// --- Urgent data ------------------------------------------------------------------------------

TEST(SceneChoice, UrgentDataIsTakenInLine) {
  // RFC 6093: the urgent byte is a byte like the others, and nothing waits for it.
  Scene s(established());
  s.at(0).in("U. 1:101 ack 1").received(100).silence();
  s.at(1).in("U. 101:201 ack 1").received(200);
  s.at(40).out(". 1 ack 201");
}

TEST(SceneChoice, AnUrgentPointerWithoutDataMeansNothing) {
  Scene s(established());
  s.at(0).in("U. 1 ack 1").silence().received(0).state("ESTABLISHED");
}

}  // namespace
}  // namespace millrace::test
