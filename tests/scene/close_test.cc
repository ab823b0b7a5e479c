// SPDX-License-Identifier: BSD-3-Clause
// How connections end, in every order: RFC 9293 sections 3.6 and 3.10.4.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

// --- We close first -----------------------------------------------------------------------------

TEST(SceneClose, ActiveCloseGoesThroughFinWaitToTimeWait) {
  // RFC 9293 figure 12.
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1").state("FIN-WAIT-1");
  s.at(10).in(". 1 ack 2").silence().state("FIN-WAIT-2").open();
  s.at(20).in("F. 1 ack 2").out(". 2 ack 2").state("TIME-WAIT").closed("normal").peer_closed();
  s.connections(0).time_wait(1);
  s.at(60021).silence().state("CLOSED").drained();
}

TEST(SceneClose, ThePeersFinMayComeWithTheAckOfOurs) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(10).in("F. 1 ack 2").out(". 2 ack 2").state("TIME-WAIT").closed("normal");
}

TEST(SceneClose, HalfClosedWeStillReceive) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1").in(". 1 ack 2");
  s.at(10).in("1:1001 ack 2").silence().received(1000).in("1001:2001 ack 2").out(". 2 ack 2001");
  s.app("read").out(". 2 ack 2001 win 65535");
  s.at(20).in("F. 2001:2101 ack 2").out(". 2 ack 2102").app("read").closed("normal");
  s.state("TIME-WAIT");
}

TEST(SceneClose, FinWaitsForWhatTheWindowHoldsBack) {
  Scene s(established().window(100));
  s.at(0).in(". 1 ack 1 win 100").app("write 150").app("shutdown").out("1:101 ack 1").silence();
  s.state("FIN-WAIT-1");
  s.at(10).in(". 1 ack 101 win 100").out("F. 101:151 ack 1").silence();
  s.at(20).in(". 1 ack 152").state("FIN-WAIT-2");
}

TEST(SceneClose, FinTravelsWithTheLastData) {
  Scene s(established().nodelay());
  s.at(0).app("write 1460").out("1:1461 ack 1").app("write 10").out("P. 1461:1471 ack 1");
  s.app("shutdown").out("F. 1471 ack 1");
}

TEST(SceneClose, FinIsSentAgainUntilItIsAcknowledged) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(1000).out("F. 1 ack 1");
  s.at(3000).out("F. 1 ack 1");
  s.at(3100).in(". 1 ack 2").silence().state("FIN-WAIT-2");
  s.at(60000).silence();
}

TEST(SceneClose, FinThatIsNeverAcknowledgedEndsTheConnection) {
  Scene s(established().tune([](TcpOptions& o) { o.data_retries = 2; }));
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(1000).out("F. 1 ack 1");
  s.at(3000).out("F. 1 ack 1");
  s.at(7001).silence().closed("timed-out").drained();
}

TEST(SceneClose, ShutdownTwiceIsOneFin) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1").app("shutdown").silence().state("FIN-WAIT-1");
}

TEST(SceneClose, NothingIsTakenAfterShutdown) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1").app("write 10 takes 0").silence();
}

TEST(SceneClose, AHalfClosedReaderWaitsForEver) {
  Scene s(in_state("FIN-WAIT-2"));
  s.at(3'600'000).silence().state("FIN-WAIT-2").open();
}

TEST(SceneClose, AfterCloseThePeersFinIsAwaitedForAMinute) {
  Scene s(established());
  s.at(0).app("close").out("F. 1 ack 1").state("FIN-WAIT-1");
  s.at(10).in(". 1 ack 2").state("FIN-WAIT-2");
  s.at(60000).silence().open();
  s.at(60011).silence().closed("fin-wait-2-timeout").drained();
}

TEST(SceneClose, CloseOfAHalfClosedConnectionStartsThatMinute) {
  Scene s(in_state("FIN-WAIT-2"));
  s.at(100000).app("close").silence().open();
  s.at(160001).silence().closed("fin-wait-2-timeout");
}

TEST(SceneClose, AFinInTimeAfterCloseIsANormalEnd) {
  Scene s(established());
  s.at(0).app("close").out("F. 1 ack 1").in(". 1 ack 2");
  s.at(59000).in("F. 1 ack 2").out(". 2 ack 2").closed("normal").state("TIME-WAIT");
}

TEST(SceneClose, FinBehindAProbedWindowLeavesWithTheRest) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 0").app("write 100").app("shutdown").silence().state("FIN-WAIT-1");
  s.at(1000).out("1:2 ack 1");
  s.at(1010).in(". 1 ack 2 win 1000").out("F. 2:101 ack 1");
  s.at(1020).in(". 1 ack 102").state("FIN-WAIT-2");
}

TEST(SceneClose, FinIsRecoveredLikeData) {
  Scene s(established_client().rtt(100));
  s.at(0).app("write 5840").app("shutdown");
  s.whatever().claim(s.info().unacked_bytes == 5840, "four segments and FIN are in flight");
  for (int i = 0; i < 3; ++i) s.at(100).in(". 1 ack 4381");  // three are acknowledged, one is lost
  s.silence().in(". 1 ack 4381").out("F. 4381:5841 ack 1");
  s.at(200).in(". 1 ack 5842").silence().state("FIN-WAIT-2");
}

TEST(SceneClose, AFinThatAloneWasLostComesWithTheTimer) {
  Scene s(established_client().rtt(100));
  s.at(0).app("write 1460").app("shutdown").whatever();
  s.at(100).in(". 1 ack 1461").silence();
  s.at(100 + s.info().rto.milliseconds()).out("F. 1461 ack 1").in(". 1 ack 1462").silence();
  s.state("FIN-WAIT-2");
}

TEST(SceneClose, AResetWhileTheWindowIsProbedEndsIt) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 0").app("write 100").silence();
  s.at(1000).out("1:2 ack 1").in("R. 1 ack 2").silence().closed("peer-reset").drained();
}

// --- The peer closes first
// ------------------------------------------------------------------------

TEST(SceneClose, PassiveCloseGoesThroughCloseWaitAndLastAck) {
  Scene s(established());
  s.at(0).in("F. 1 ack 1").out(". 1 ack 2").state("CLOSE-WAIT").peer_closed().open();
  s.at(10).app("shutdown").out("F. 1 ack 2").state("LAST-ACK");
  s.at(20).in(". 2 ack 2").silence().closed("normal").state("CLOSED").drained();
}

TEST(SceneClose, InCloseWaitWeStillSend) {
  Scene s(in_state("CLOSE-WAIT"));
  s.at(0).app("write 100").out("P. 1:101 ack 2");
  s.at(1000).out("P. 1:101 ack 2");
  s.at(1010).in(". 2 ack 101").silence().app("write 50").app("shutdown").out("P. 101:151 ack 2");
  s.out("F. 151 ack 2").state("LAST-ACK");
  s.at(1020).in(". 2 ack 152").closed("normal");
}

TEST(SceneClose, CloseWaitLastsUntilTheApplicationCloses) {
  Scene s(in_state("CLOSE-WAIT"));
  s.at(3'600'000).silence().state("CLOSE-WAIT").open();
}

TEST(SceneClose, InLastAckFinIsSentAgain) {
  Scene s(in_state("LAST-ACK"));
  s.at(1000).out("F. 1 ack 2");
  s.at(3000).out("F. 1 ack 2");
  s.at(3001).in(". 2 ack 2").silence().closed("normal").drained();
}

TEST(SceneClose, TheLastAckMayLeaveDataOutstanding) {
  Scene s(in_state("CLOSE-WAIT"));
  s.at(0).app("write 100").out("P. 1:101 ack 2").app("shutdown").out("F. 101 ack 2");
  s.at(10).in(". 2 ack 101").silence().state("LAST-ACK");
  s.at(20).in(". 2 ack 102").silence().closed("normal");
}

TEST(SceneClose, DataMayCrossTheFinOfThePeer) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1).in("F. 1 ack 1").out(". 101 ack 2").state("CLOSE-WAIT");
  s.at(2).in(". 2 ack 101").silence().app("shutdown").out("F. 101 ack 2");
}

// --- Both at once
// ---------------------------------------------------------------------------------

TEST(SceneClose, SimultaneousCloseGoesThroughClosing) {
  // RFC 9293 figure 13.
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1");
  s.at(10).in("F. 1 ack 1").out(". 2 ack 2").state("CLOSING").peer_closed();
  s.at(20).in(". 2 ack 2").silence().state("TIME-WAIT").closed("normal");
}

TEST(SceneClose, InClosingFinIsSentAgain) {
  Scene s(in_state("CLOSING"));
  s.at(1000).out("F. 1 ack 2");
  s.at(1001).in(". 2 ack 2").silence().state("TIME-WAIT");
}

TEST(SceneClose, SimultaneousCloseWithDataInBothFins) {
  Scene s(established());
  s.at(0)
      .app("write 10")
      .out("P. 1:11 ack 1")
      .app("write 10")
      .app("shutdown")
      .out("F. 11:21 ack 1");
  s.at(10).in("F. 1:31 ack 11").out(". 22 ack 32").state("CLOSING").received(30);
  s.at(20).app("read").in(". 32 ack 22").silence().state("TIME-WAIT").closed("normal");
}

// --- With unread bytes --------------------------------------------------------------------------

TEST(SceneClose, CloseWithUnreadBytesIsAReset) {
  // RFC 9293 section 3.6.1, RFC 2525 section 2.17.
  Scene s(established());
  s.at(0).in("1:101 ack 1").app("close").out("R. 1 ack 101").closed("local-abort").drained();
  s.counter("TcpExtTCPAbortOnData", 1);
}

TEST(SceneClose, ShutdownWithUnreadBytesIsNot) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").app("shutdown").out("F. 1 ack 101").state("FIN-WAIT-1");
}

TEST(SceneClose, DataAfterCloseIsReset) {
  Scene s(established());
  s.at(0).app("close").out("F. 1 ack 1").in(". 1 ack 2");
  s.at(10).in("1:101 ack 2").out("R. 2 ack 1").closed("local-abort").drained();
}

TEST(SceneClose, CloseStillDeliversWhatWasWritten) {
  Scene s(established().window(100));
  s.at(0).in(". 1 ack 1 win 100").app("write 250").app("close").out("1:101 ack 1");
  s.at(10).in(". 1 ack 101 win 100").out("101:201 ack 1");
  s.at(20).in(". 1 ack 201 win 100").out("F. 201:251 ack 1").silence();
  s.at(30).in("F. 1 ack 252").out(". 252 ack 2").closed("normal");
}

TEST(SceneClose, CloseInCloseWaitSendsTheFin) {
  Scene s(in_state("CLOSE-WAIT"));
  s.at(0).app("close").out("F. 1 ack 2").state("LAST-ACK").in(". 2 ack 2").closed("normal");
}

TEST(SceneClose, CloseInCloseWaitWithUnreadBytesIsAReset) {
  Scene s(established());
  s.at(0).in("F. 1:101 ack 1").out(". 1 ack 102").app("close").out("R. 1 ack 102");
  s.closed("local-abort");
}

TEST(SceneClose, BytesThatCameBeforeTimeWaitCanStillBeRead) {
  Scene s(established());
  s.at(0).app("shutdown").out("F. 1 ack 1").in(". 1 ack 2");
  s.at(10).in("F. 1:101 ack 2").out(". 2 ack 102").state("TIME-WAIT").open();
  s.at(20).in("F. 1:101 ack 2").out(". 2 ack 102");
  s.at(30).app("read 99").open().app("read 1").closed("normal").state("TIME-WAIT").time_wait(1);
}

TEST(SceneClose, BytesThatCameBeforeTheLastAckCanStillBeRead) {
  Scene s(established());
  s.at(0).in("F. 1:101 ack 1").out(". 1 ack 102").app("shutdown").out("F. 1 ack 102");
  s.at(10).in(". 102 ack 2").silence().open();
  s.at(100000).app("read").closed("normal").drained();
}

}  // namespace
}  // namespace millrace::test
