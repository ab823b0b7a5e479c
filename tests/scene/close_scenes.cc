// SPDX-License-Identifier: BSD-3-Clause
// How connections end: RFC 9293 section 3.6 and 3.10.4, figures 12 and 13, in every order.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneClose, WeCloseFirstAndThePeerLater) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1").state("FIN-WAIT-1");
  s.at(10).in(". 1 ack 2").silence().state("FIN-WAIT-2");
  s.at(20).in("F. 1 ack 2").out(". 2 ack 2").state("TIME-WAIT").closed("normal");
}

TEST(SceneClose, ThePeerClosesFirstAndWeLater) {
  Scene s(established());
  s.at(0).in("F. 1 ack 1").out(". 1 ack 2").state("CLOSE-WAIT").peer_closed().open();
  s.at(10).app("shutdown").out("F. 1 ack 2").state("LAST-ACK");
  s.at(20).in(". 2 ack 2").silence().state("CLOSED").closed("normal").drained();
}

TEST(SceneClose, BothCloseAtOnceAndTheAcknowledgementsCross) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(5).in("F. 1 ack 1").out(". 2 ack 2").state("CLOSING");
  s.at(10).in(". 2 ack 2").silence().state("TIME-WAIT").closed("normal");
}

TEST(SceneClose, ThePeersFinAcknowledgesOursInOneSegment) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(5).in("F. 1 ack 2").out(". 2 ack 2").state("TIME-WAIT");
}

TEST(SceneClose, AHalfClosedConnectionStillReceives) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(10).in(". 1 ack 2").silence();
  s.at(20).in("P. 1:501 ack 2").silence();
  s.at(60).out(". 2 ack 501");  // the delayed acknowledgement
  s.at(70).received(500).state("FIN-WAIT-2");
  s.at(80).in("FP. 501:601 ack 2").out(". 2 ack 602").received(600).state("TIME-WAIT");
}

TEST(SceneClose, AHalfClosedConnectionStillSends) {
  Scene s(established());
  s.at(0).in("F. 1 ack 1").out(". 1 ack 2");
  s.at(10).app("write 500").out("P. 1:501 ack 2");
  s.at(20).in(". 2 ack 501").silence();
  s.at(30).app("write 100").out("P. 501:601 ack 2");
  s.at(35).app("shutdown").out("F. 601 ack 2").state("LAST-ACK");
  s.at(40).in(". 2 ack 602").silence().closed("normal").drained();
}

TEST(SceneClose, FinRidesOnTheLastData) {
  Scene s(established().nodelay());
  s.at(0).app("write 2000").out(". 1:1461 ack 1").out("P. 1461:2001 ack 1");
  s.at(5).app("write 300").out("P. 2001:2301 ack 1");
  s.at(10).app("shutdown").out("F. 2301 ack 1");
}

TEST(SceneClose, FinWaitsBehindDataThatTheWindowHolds) {
  Scene s(established().window(1000));
  s.at(0).app("write 1500").out("1:1001 ack 1");
  s.at(5).app("shutdown").silence().state("FIN-WAIT-1");
  s.at(10).in(". 1 ack 1001 win 1000").out("FP. 1001:1501 ack 1");
  s.at(20).in(". 1 ack 1502").silence().state("FIN-WAIT-2");
}

TEST(SceneClose, AnUnacknowledgedFinIsSentAgain) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(1000).out("F. 1 ack 1");
  s.at(3000).out("F. 1 ack 1");
  s.at(3010).in(". 1 ack 2").silence().state("FIN-WAIT-2");
}

TEST(SceneClose, APeersFinThatComesAgainIsAcknowledgedAgain) {
  Scene s(in_state("CLOSE-WAIT"));
  s.at(0).in("F. 1 ack 1").out(". 1 ack 2").state("CLOSE-WAIT");
}

TEST(SceneClose, AFinAheadOfAGapWaitsForTheGap) {
  Scene s(established());
  s.at(0).in("F. 501 ack 1").out(". 1 ack 1").state("ESTABLISHED");
  s.at(10).in("1:501 ack 1").out(". 1 ack 502").received(500).state("CLOSE-WAIT");
  s.at(20).app("read").peer_closed();
}

TEST(SceneClose, DataBehindTheFinIsIgnored) {
  Scene s(in_state("CLOSE-WAIT"));
  s.at(0).in("P. 2:102 ack 1").received(0).state("CLOSE-WAIT").maybe(". 1 ack 2");
}

TEST(SceneClose, CloseWithUnreadBytesIsAReset) {
  // RFC 9293 section 3.6.1: the peer must learn that its data was lost.
  Scene s(established());
  s.at(0).in("P. 1:101 ack 1").silence();
  s.at(5).app("close").out("R. 1 ack 101").closed("local-abort").drained();
}

TEST(SceneClose, DataAfterCloseIsAnsweredByReset) {
  Scene s(established());
  s.at(0).app("close").out("F. 1 ack 1");
  s.at(10).in(". 1 ack 2").silence().state("FIN-WAIT-2");
  s.at(20).in("P. 1:101 ack 2").out("[.]R 2").closed("local-abort").drained();
}

TEST(SceneClose, CloseWhileConnectingEndsTheAttempt) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(10).app("close").silence().closed("local-abort").drained();
}

TEST(SceneClose, ShutdownWhileConnectingLetsFinFollowTheHandshake) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(5).app("shutdown").silence().state("SYN-SENT");
  s.at(10).in("S. 0 ack 1 <mss 1460>").out("F. 1 ack 1").state("FIN-WAIT-1");
}

TEST(SceneClose, ASecondShutdownDoesNothing) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(5).app("shutdown").silence().state("FIN-WAIT-1");
}

TEST(SceneClose, FinWait2AfterCloseTimesOut) {
  Scene s(established().tune([](TcpOptions& o) { o.fin_wait2_timeout = seconds(10); }));
  s.at(0).app("close").out("F. 1 ack 1");
  s.at(10).in(". 1 ack 2").silence().state("FIN-WAIT-2");
  s.at(10'009).open();
  s.at(10'011).silence().closed("fin-wait-2-timeout").drained();
}

TEST(SceneClose, FinWait2AfterShutdownWaitsForAnHour) {
  Scene s(established().tune([](TcpOptions& o) { o.fin_wait2_timeout = seconds(10); }));
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(10).in(". 1 ack 2").silence();
  s.at(3'600'000).silence().state("FIN-WAIT-2").open();
}

TEST(SceneClose, AbortSendsResetAndForgets) {
  Scene s(established());
  s.at(0).in("P. 1:101 ack 1").silence();
  s.at(5).app("abort").out("R. 1 ack 101").closed("local-abort").drained();
}

TEST(SceneClose, AbortDropsWhatWasQueued) {
  Scene s(established().window(1000));
  s.at(0).app("write 5000").out("1:1001 ack 1");
  s.at(5).app("abort").out("R. 1001 ack 1").closed("local-abort").drained();
}

TEST(SceneClose, TheHostForgetsEverythingWhenTheLastAcknowledgementComes) {
  Scene s(established());
  s.at(0).in("P. 1:101 ack 1").silence();
  s.at(1).app("write 100").out("P. 1:101 ack 101");
  s.at(2).in("F. 101 ack 101").out(". 101 ack 102").app("shutdown").out("F. 101 ack 102");
  s.at(3).app("read").in(". 102 ack 102").silence().closed("normal").drained();
}

}  // namespace
}  // namespace millrace::test
