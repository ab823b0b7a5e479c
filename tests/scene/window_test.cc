// SPDX-License-Identifier: BSD-3-Clause
// Windows that close: probes (RFC 9293 section 3.8.6.1), silly windows on both sides
// (section 3.8.6.2), updates when the application reads.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

// --- The peer's window --------------------------------------------------------------------------

TEST(SceneWindow, AClosedWindowIsProbedWithOneByteEachTimeAfterTwiceTheTime) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 0").app("write 100").silence();
  s.at(1000).out("1:2 ack 1");
  s.at(3000).out("1:2 ack 1");
  s.at(7000).out("1:2 ack 1");
  s.at(7001).in(". 1 ack 1 win 1000").out("P. 1:101 ack 1");
  s.counter("TcpExtTCPWinProbe", 3).counter("TcpExtTCPTimeouts", 0);
}

TEST(SceneWindow, AProbeThatWasTakenIsNotSentAgain) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 0").app("write 100").silence();
  s.at(1000).out("1:2 ack 1");
  s.at(1001).in(". 1 ack 2 win 0").silence();
  s.claim(s.info().rto == milliseconds(200), "the probe was measured");
  s.at(1201).out("2:3 ack 1");
  s.at(1202).in(". 1 ack 3 win 1000").out("P. 3:101 ack 1");
}

TEST(SceneWindow, APeerThatAnswersProbesIsNeverGivenUp) {
  Scene s(established().tune([](TcpOptions& o) {
    o.data_retries = 3;
    o.rto_max = seconds(2);
  }));
  s.at(0).in(". 1 ack 1 win 0").app("write 100").silence();
  s.at(1000).out("1:2 ack 1").in(". 1 ack 1 win 0");
  for (int64_t ms = 3000; ms < 60000; ms += 2000) {
    s.at(ms).out("1:2 ack 1").in(". 1 ack 1 win 0").silence();
  }
  s.open().at(59500).in(". 1 ack 1 win 500").out("P. 1:101 ack 1");
}

TEST(SceneWindow, APeerThatAnswersNoProbeIsGivenUp) {
  Scene s(established().tune([](TcpOptions& o) { o.data_retries = 3; }));
  s.at(0).in(". 1 ack 1 win 0").app("write 100").silence();
  s.at(1000).out("1:2 ack 1");
  s.at(3000).out("1:2 ack 1");
  s.at(7000).out("1:2 ack 1");
  s.at(15001).silence().closed("timed-out");
}

TEST(SceneWindow, AWindowThatClosesLeavesWhatIsInFlightToTheTimer) {
  Scene s(established_client().rtt(100));
  s.at(0).app("write 1460").out("1:1461 ack 1");
  s.at(50).in(". 1 ack 1 win 0").silence();
  s.at(300).out("1:1461 ack 1");
  s.at(400).in(". 1 ack 1461 win 65535").silence();
}

TEST(SceneWindow, AWindowThatShrinksBelowTheFlightHoldsNewDataBack) {
  // RFC 9293 section 3.8.6: a shrinking window is discouraged, and to be survived.
  Scene s(established());
  s.at(0).app("write 2920").out("1:1461 ack 1").out("P. 1461:2921 ack 1");
  s.at(10).in(". 1 ack 1 win 1000").app("write 1460").silence();
  s.at(20).in(". 1 ack 2921 win 1000").silence();
  s.at(30).in(". 1 ack 2921 win 1460").out("P. 2921:4381 ack 1");
}

TEST(SceneWindow, AnUpdateThatWasLostIsFoundByTheProbe) {
  Scene s(established().window(1460));
  s.at(0).app("write 2920").out("1:1461 ack 1").silence();
  s.at(10).in(". 1 ack 1461 win 0").silence();
  s.at(10 + s.info().rto.milliseconds()).out("1461:1462 ack 1");
  s.in(". 1 ack 1462 win 3000").out("P. 1462:2921 ack 1");
}

TEST(SceneWindow, ALittleWindowIsNotFilledUntilTheOverrideTimeout) {
  // RFC 9293 section 3.8.6.2.1.
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 10").app("write 5000").silence();
  s.at(1000).out("1:11 ack 1").silence();
}

TEST(SceneWindow, HalfTheLargestWindowIsWorthASegment) {
  Scene s(established().window(1000));
  s.at(0).in(". 1 ack 1 win 1000").app("write 5000").out("1:1001 ack 1").silence();
  s.at(1).in(". 1 ack 1001 win 100").silence();
  s.at(2).in(". 1 ack 1001 win 600").out("1001:1601 ack 1");
}

TEST(SceneWindow, AllThatIsLeftIsWorthASegment) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 50").app("write 20").out("P. 1:21 ack 1");
}

TEST(SceneWindow, FinWaitsForAClosedWindowAndIsItsProbe) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 0").app("shutdown").silence();
  s.at(1000).out("F. 1 ack 1");
  s.at(1010).in(". 1 ack 2 win 0").silence().state("FIN-WAIT-2");
}

TEST(SceneWindow, FinFollowsTheLastByteIntoTheWindow) {
  Scene s(established().window(100));
  s.at(0).in(". 1 ack 1 win 100").app("write 100").out("P. 1:101 ack 1").app("shutdown").silence();
  s.at(1).in(". 1 ack 101 win 100").out("F. 101 ack 1");
}

TEST(SceneWindow, AnOlderSegmentDoesNotSetTheWindow) {
  // SND.WL1 and SND.WL2: the segment of 1:11 overtook that of 11:21.
  Scene s(established());
  s.at(0).in("11:21 ack 1 win 0").out(". 1 ack 1");
  s.in("1:11 ack 1 win 50000").out(". 1 ack 21").app("write 100").silence();
  s.at(1000).out("1:2 ack 21");
}

TEST(SceneWindow, ANewerAcknowledgementSetsTheWindowWhateverItsNumber) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1").in("11:21 ack 1 win 1000").out(". 101 ack 1");
  s.in("1:11 ack 101 win 0").out(". 101 ack 21").app("write 10").silence();
  s.claim(s.info().snd_wnd == 0, "the window is closed");
}

TEST(SceneWindow, WhenItOpensTheProbedByteGoesFirstAndInFull) {
  Scene s(established().nodelay().window(1000));
  s.at(0).app("write 3000").out("1:1001 ack 1");
  s.at(10).in(". 1 ack 1001 win 0");
  s.out_by(2000, ". 1001:1002 ack 1");
  s.at(300).in(". 1 ack 1001 win 4000").out("1001:2461 ack 1").out("P. 2461:3001 ack 1");
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

TEST(SceneWindow, APeerThatTookItsWindowBackAndAnswersIsNeverGivenUp) {
  // RFC 9293 section 3.8.6: what lies beyond the right edge is no reason to time out.
  Scene s(established().tune([](TcpOptions& o) {
    o.data_retries = 2;
    o.rto_max = seconds(2);
  }));
  s.at(0).app("write 100").out("P. 1:101 ack 1").in(". 1 ack 1 win 0").silence();
  s.at(1000).out("P. 1:101 ack 1").in(". 1 ack 1 win 0");
  for (int64_t ms = 3000; ms < 30000; ms += 2000) {
    s.at(ms).out("P. 1:101 ack 1").in(". 1 ack 1 win 0").silence().open();
  }
  s.at(29500).in(". 1 ack 101 win 1000").silence();
}

TEST(SceneWindow, APeerThatTookItsWindowBackAndIsSilentIsGivenUp) {
  Scene s(established().tune([](TcpOptions& o) { o.data_retries = 2; }));
  s.at(0).app("write 100").out("P. 1:101 ack 1").in(". 1 ack 1 win 0").silence();
  s.at(1000).out("P. 1:101 ack 1");
  s.at(3000).out("P. 1:101 ack 1");
  s.at(7001).silence().closed("timed-out");
}

TEST(SceneWindow, AConnectionMayBeginWithAClosedWindow) {
  Scene s(server());
  s.at(0).in("S 0 win 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1 win 0").app("write 100");
  s.silence().at(1000).out("1:2 ack 1").in(". 1 ack 1 win 100").out("P. 1:101 ack 1");
}

TEST(SceneWindow, KeepaliveLeavesAProbedWindowAlone) {
  Scene s(established().keepalive(1500, 500, 2));
  s.at(0).in(". 1 ack 1 win 0").app("write 100").silence();
  s.at(1000).out("1:2 ack 1").in(". 1 ack 1 win 0");
  s.at(3000).out("1:2 ack 1").in(". 1 ack 1 win 0");
  s.at(6999).silence().open();
  s.at(7000).out("1:2 ack 1");
}

TEST(SceneWindow, AHalfClosedConnectionProbesToo) {
  Scene s(in_state("CLOSE-WAIT"));
  s.at(0).in(". 2 ack 1 win 0").app("write 100").app("close").silence().state("LAST-ACK");
  s.at(1000).out("1:2 ack 2").in(". 2 ack 2 win 1000").out("F. 2:101 ack 2");
  s.in(". 2 ack 102").closed("normal").drained();
}

TEST(SceneWindow, AnAcknowledgementBesideAProbeStaysWithinThePeersWindow) {
  // From behind the right edge it would be dropped, and our own window update with it.
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 0").app("write 100").silence();
  s.at(1000).out("1:2 ack 1");
  s.at(1010).in_burst({"1:1461 ack 1 win 0", "1461:2921 ack 1 win 0"}).out(". 1 ack 2921");
  s.at(1020).app("read").out(". 1 ack 2921 win 65535");
  s.at(1030).in(". 2921 ack 2 win 1000").out("P. 2:101 ack 2921");
}

// --- Our window
// -----------------------------------------------------------------------------------

TEST(SceneWindow, UnreadBytesCloseIt) {
  Scene s(established().receive_buffer(4000));
  s.at(0).in("1:1001 ack 1").in("1001:2001 ack 1").out(". 1 ack 2001 win 2000");
  s.in("2001:3001 ack 1").in("3001:4001 ack 1").out(". 1 ack 4001 win 0").received(4000);
}

TEST(SceneWindow, ReadingOpensItByASegmentAtLeast) {
  // RFC 9293 section 3.8.6.2.2: no advance of less than a segment or half the buffer.
  Scene s(established().receive_buffer(4000));
  s.at(0).in("1:1461 ack 1").in("1461:2921 ack 1").out(". 1 ack 2921 win 1080");
  s.at(1).app("read 1000").silence();
  s.at(2).app("read 459").silence();
  s.at(3).app("read 1").out(". 1 ack 2921 win 2540");
}

TEST(SceneWindow, HalfOfASmallBufferIsEnoughToSayIt) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("1:1001 ack 1");
  s.at(40).out(". 1 ack 1001 win 0");
  s.at(50).app("read 499").silence();
  s.at(51).app("read 1").out(". 1 ack 1001 win 500");
}

TEST(SceneWindow, AClosedWindowOpensWhenAllIsRead) {
  Scene s(established().receive_buffer(2000));
  s.at(0).in("1:1001 ack 1").in("1001:2001 ack 1").out(". 1 ack 2001 win 0");
  s.at(100).in("2001:2002 ack 1").out(". 1 ack 2001 win 0");
  s.at(200).app("read").out(". 1 ack 2001 win 2000");
  s.at(201).in("2001:2002 ack 1").silence().received(2001);
  s.at(241).out(". 1 ack 2002");
}

TEST(SceneWindow, AProbeOfOurClosedWindowIsAlwaysAnswered) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("1:1001 ack 1");
  s.at(40).out(". 1 ack 1001 win 0");
  for (int64_t ms = 1000; ms < 60000; ms += 10000) {
    s.at(ms).in("1001:1002 ack 1").out(". 1 ack 1001 win 0").silence();
  }
}

TEST(SceneWindow, TextKeptAheadOfAGapDoesNotShrinkIt) {
  Scene s(established().receive_buffer(4000));
  s.at(0).in("1001:2001 ack 1").out(". 1 ack 1 win 4000");
  s.in("2001:3001 ack 1").out(". 1 ack 1 win 4000");
}

TEST(SceneWindow, ReadingAfterTheFinSaysNothing) {
  Scene s(established().receive_buffer(2000));
  s.at(0).in("F. 1:1801 ack 1").out(". 1 ack 1802");
  s.at(1).app("read").silence();
}

TEST(SceneWindow, AFinHasNoPlaceInAClosedWindow) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("1:1001 ack 1");
  s.at(40).out(". 1 ack 1001 win 0");
  s.at(50).in("F. 1001 ack 1").out(". 1 ack 1001 win 0").state("ESTABLISHED");
  s.at(60).app("read").out(". 1 ack 1001 win 1000");
  s.in("F. 1001 ack 1").out(". 1 ack 1002").state("CLOSE-WAIT").peer_closed();
}

// --- Scaled
// ---------------------------------------------------------------------------------------

TEST(SceneWindow, TheWindowFieldIsScaledAfterTheSyn) {
  Scene s(server().receive_buffer(1u << 20).window_scale(3));
  s.at(0).in("S 0 win 1000 <mss 1460,ws 3>").out("S. 0 ack 1 win 65535 <mss 1460,ws 5>");
  s.at(1).in(". 1 ack 1 win 1000").silence();
  s.claim(s.info().snd_wnd == 8000, "1000 << 3");
  s.app("write 10000");
  for (int64_t from = 1; from < 7000; from += 1460) {
    s.out(std::to_string(from) + ":" + std::to_string(from + 1460) + " ack 1 win 32768");
  }
  s.silence();
}

TEST(SceneWindow, WhatWasPromisedStaysAcceptableWhenTheFieldCannotSayIt) {
  // The window field counts in twos here. The peer was promised up to 70001 and has sent that, but
  // the last byte was lost; its acknowledgements are numbered behind it and must be heard, or
  // neither side's buffers would ever empty.
  Scene s(established().window_scale(2).receive_buffer(70'000));
  int64_t next = 1;
  for (; next + 1000 < 70'000; next += 1000) {
    s.in(std::to_string(next) + ":" + std::to_string(next + 1000) + " ack 1").whatever();
  }
  s.in(std::to_string(next) + ":70000 ack 1").whatever();
  s.app("write 100").out("P. 1:101 ack 70000 win 1");
  s.in("70000:70001 ack 1").at(40).out(". 101 ack 70001 win 0");
  s.in(". 70002 ack 101").silence();
  s.claim(s.info().unacked_bytes == 0, "the acknowledgement was heard");
}

TEST(SceneWindow, AWindowOfASynIsNeverScaled) {
  Scene s(client().window_scale(7));
  s.at(0).app("connect").out("S 0 <mss 1460,ws 0>").app("write 2000").silence();
  s.at(1).in("S. 0 ack 1 win 1460 <mss 1460,ws 7>").out("1:1461 ack 1").silence();
  s.claim(s.info().snd_wnd == 1460, "as it was in the field");
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
