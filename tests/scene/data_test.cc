// SPDX-License-Identifier: BSD-3-Clause
// Text that arrives: in order and not, twice, overlapping, at the window's edges
// (RFC 9293 sections 3.4 and 3.10.7.4, steps 1 and 7).
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

std::string range(int64_t from, int64_t to) {
  return std::to_string(from) + ":" + std::to_string(to) + " ack 1";
}
std::string bare_ack(int64_t ack) { return ". 1 ack " + std::to_string(ack); }

TEST(SceneData, TextInOrderIsDeliveredAndAcknowledged) {
  Scene s(established());
  s.at(0).in("1:1001 ack 1").silence().received(1000);
  s.at(40).out(". 1 ack 1001 win 64535").app("read").silence();
}

TEST(SceneData, TextGoesOnAcrossTheWrapOfTheSequenceNumbers) {
  Scene s(established());  // the peer's second byte has number 0
  s.at(0).in("1:2 ack 1").in("2:3 ack 1").in("3:600 ack 1").silence().received(599);
  s.at(40).out(". 1 ack 600").app("write 1000").out("P. 1:1001 ack 600");
  s.at(60).in(". 600 ack 1001").silence();
}

TEST(SceneData, TextAheadOfAGapIsKeptAndFollowsTheGap) {
  Scene s(established());
  s.at(0).in("1001:2001 ack 1").out(". 1 ack 1 win 65535").received(0);
  s.at(1).in("1:1001 ack 1").out(". 1 ack 2001 win 63535").received(2000);
  s.counter("TcpExtTCPOFOQueue", 1);
}

TEST(SceneData, SegmentsInReverseAreEachAnsweredAndAllDelivered) {
  Scene s(established());
  for (int64_t from = 9001; from > 1; from -= 1000) {
    s.in(range(from, from + 1000)).out(". 1 ack 1");
  }
  s.in("1:1001 ack 1").out(". 1 ack 10001").received(10000);
}

TEST(SceneData, EverySecondSegmentFirstThenTheOthers) {
  Scene s(established());
  for (int64_t from = 101; from < 1000; from += 200) {
    s.in(range(from, from + 100)).out(". 1 ack 1");
  }
  for (int64_t from = 1; from < 1000; from += 200) {
    s.in(range(from, from + 100)).out(bare_ack(from + 200));
  }
  s.received(1000);
}

TEST(SceneData, ADuplicateIsAcknowledgedAtOnceAndNotDeliveredAgain) {
  Scene s(established());
  s.at(0).in("1:1001 ack 1").silence();
  s.at(40).out(". 1 ack 1001");
  s.at(50).in("1:1001 ack 1").out(". 1 ack 1001").received(1000);
  s.counter("DropTcpUnacceptable", 1);
}

TEST(SceneData, ADuplicateOfTextThatIsHeldAheadOfAGapCountsOnce) {
  Scene s(established());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1").in("101:201 ack 1").out(". 1 ack 1");
  s.claim(s.info().out_of_order_bytes == 100, "100 bytes are held");
  s.in("1:101 ack 1").out(". 1 ack 201").received(200);
}

TEST(SceneData, TheNewPartOfARepetitionIsTaken) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").silence().in("51:151 ack 1").out(". 1 ack 151").received(150);
}

TEST(SceneData, ASegmentThatReachesFromOldTextIntoAGapIsCutOnBothSides) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").silence();
  s.in("201:301 ack 1").out(". 1 ack 101");
  s.in("51:251 ack 1").out(". 1 ack 301").received(300);
}

TEST(SceneData, OverlapsAheadOfAGapAreMerged) {
  Scene s(established());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1");
  s.in("151:251 ack 1").out(". 1 ack 1");  // reaches beyond
  s.in("51:151 ack 1").out(". 1 ack 1");   // begins before
  s.in("81:181 ack 1").out(". 1 ack 1");   // adds nothing
  s.in("41:301 ack 1").out(". 1 ack 1");   // covers all
  s.claim(s.info().out_of_order_bytes == 260, "260 bytes are held");
  s.in("1:41 ack 1").out(". 1 ack 301").received(300);
}

TEST(SceneData, ASegmentThatBridgesTwoHeldOnesFillsTheHoleBetween) {
  Scene s(established());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1").in("301:401 ack 1").out(". 1 ack 1");
  s.in("151:351 ack 1").out(". 1 ack 1");
  s.in("1:101 ack 1").out(". 1 ack 401").received(400);
}

TEST(SceneData, TextThatCoversAllThatIsHeldMakesItVoid) {
  Scene s(established());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1").in("301:401 ack 1").out(". 1 ack 1");
  s.in("1:501 ack 1").out(". 1 ack 501").received(500);
  s.claim(s.info().out_of_order_bytes == 0, "nothing is held");
}

TEST(SceneData, ASecondGapStaysWhenTheFirstIsFilled) {
  Scene s(established());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1").in("301:401 ack 1").out(". 1 ack 1");
  s.in("1:101 ack 1").out(". 1 ack 201").received(200);
  s.in("201:301 ack 1").out(". 1 ack 401").received(400);
}

TEST(SceneData, SingleBytesFarApartAreBoundedAndLaterMadeGood) {
  Scene s(established());
  for (int64_t from = 3; from < 2001; from += 2) s.in(range(from, from + 1)).out(". 1 ack 1");
  const uint32_t held = s.info().out_of_order_bytes;
  s.claim(held > 0 && held < 999, "some are held, not all");
  s.counter("TcpExtTCPOFODrop", 999 - held);
  s.in("1:1001 ack 1").out(". 1 ack 1001").in("1001:2001 ack 1").silence().received(2000);
  s.at(40).out(". 1 ack 2001");
}

// --- The window's edges -------------------------------------------------------------------------

TEST(SceneData, TextUpToTheRightEdgeIsTaken) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("1:1001 ack 1").silence().received(1000);
  s.at(40).out(". 1 ack 1001 win 0");
}

TEST(SceneData, TextBeyondTheRightEdgeIsCutOff) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("1:1201 ack 1").out(". 1 ack 1001 win 0").received(1000);
}

TEST(SceneData, AFinBeyondTheRightEdgeIsCutOffToo) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("F. 1:1201 ack 1").out(". 1 ack 1001 win 0").state("ESTABLISHED");
  s.app("read").out(". 1 ack 1001 win 1000");
  s.in("F. 1001:1201 ack 1").out(". 1 ack 1202").state("CLOSE-WAIT").received(1200);
}

TEST(SceneData, TextThatBeginsAtTheRightEdgeIsRefused) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("1001:1011 ack 1").out(". 1 ack 1 win 1000").received(0);
  s.counter("DropTcpUnacceptable", 1);
}

TEST(SceneData, TheLastByteOfTheWindowIsKept) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("1000:1001 ack 1").out(". 1 ack 1");
  s.in("1:1000 ack 1").out(". 1 ack 1001 win 0").received(1000);
}

TEST(SceneData, AnAcknowledgementFromTheRightEdgeCounts) {
  // That is where a peer stands that has filled the window.
  Scene s(established().receive_buffer(1000));
  s.at(0).app("write 10").out("P. 1:11 ack 1");
  s.at(1).in(". 1001 ack 11").silence();
  s.claim(s.info().unacked_bytes == 0, "nothing is in flight");
}

TEST(SceneData, AClosedWindowTakesNoTextButItsAcknowledgement) {
  Scene s(established().receive_buffer(1000));
  s.at(0).app("write 10").out("P. 1:11 ack 1").in("1:1001 ack 1").silence();
  s.at(40).out(". 11 ack 1001 win 0");
  s.at(50).in("1001:1002 ack 11").out(". 11 ack 1001 win 0").received(1000);
  s.claim(s.info().unacked_bytes == 0, "the acknowledgement was used");
}

TEST(SceneData, AClosedWindowLetsAResetThrough) {
  Scene s(established().receive_buffer(1000));
  s.at(0).in("1:1001 ack 1");
  s.at(40).out(". 1 ack 1001 win 0");
  s.at(50).in("R 1001").silence().closed("peer-reset");
}

TEST(SceneData, TheEdgeThatWasPromisedIsKeptWhileNobodyReads) {
  Scene s(established().receive_buffer(4000));
  s.at(0).in("1:1001 ack 1");
  s.at(40).out(". 1 ack 1001 win 3000").in("1001:2001 ack 1");
  s.at(80).out(". 1 ack 2001 win 2000").in("2001:3001 ack 1");
  s.in("3001:4001 ack 1").out(". 1 ack 4001 win 0");
  s.received(4000);
}

// --- FIN
// ------------------------------------------------------------------------------------------

TEST(SceneData, AFinAheadOfAGapWaitsForTheText) {
  Scene s(established());
  s.at(0).in("F. 101 ack 1").out(". 1 ack 1").state("ESTABLISHED");
  s.in("1:101 ack 1").out(". 1 ack 102").state("CLOSE-WAIT").received(100);
}

TEST(SceneData, AFinWithTextAheadOfAGapWaitsForTheText) {
  Scene s(established());
  s.at(0).in("F. 101:201 ack 1").out(". 1 ack 1").state("ESTABLISHED");
  s.in("1:101 ack 1").out(". 1 ack 202").state("CLOSE-WAIT").received(200);
}

TEST(SceneData, ARepetitionMayBringTheFinThatWasMissing) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").silence();
  s.at(10).in("F. 1:101 ack 1").out(". 1 ack 102").state("CLOSE-WAIT").received(100);
}

TEST(SceneData, TheApplicationHearsOfTheFinOnlyWhenItHasReadAll) {
  Scene s(established());
  s.at(0).in("F. 1:101 ack 1").out(". 1 ack 102");
  s.claim(!s.host().peer_closed(s.connection()), "there are bytes to read yet");
  s.app("read 50");
  s.claim(!s.host().peer_closed(s.connection()), "there are bytes to read yet");
  s.app("read 50").peer_closed();
}

// --- What else may come with text ---------------------------------------------------------------

TEST(SceneData, UrgentTextIsTakenInLine) {
  // RFC 6093.
  Scene s(established());
  s.at(0).in("PU. 1:101 ack 1").silence().received(100);
  s.at(40).out(". 1 ack 101");
}

TEST(SceneData, CongestionMarksThatWereNotAgreedOnAreIgnored) {
  Scene s(established());
  s.at(0).in("EW. 1:101 ack 1").silence().received(100);
  s.at(40).out(". 1 ack 101");
}

TEST(SceneData, TextWithAnOldAcknowledgementIsStillNew) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1").in(". 1 ack 101").silence();
  s.at(1).in("1:101 ack 1").silence().received(100);
  s.at(41).out(". 101 ack 101");
}

TEST(SceneData, TextInBothDirectionsAtOnce) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1).in("P. 1:201 ack 1").app("write 100").silence();  // Nagle
  s.at(2).in(". 201 ack 101").out("P. 101:201 ack 201");
  s.at(3).in("201:301 ack 201").silence().received(300);
  s.at(43).out(". 201 ack 301");
}

TEST(SceneData, OneBurstIsOneAcknowledgement) {
  Scene s(established());
  s.at(0).in_burst({"1:1461 ack 1", "1461:2921 ack 1", "2921:4381 ack 1", "4381:5841 ack 1"});
  s.out(". 1 ack 5841").silence().received(5840);
}

TEST(SceneData, ABurstInDisorderIsOneAcknowledgement) {
  Scene s(established());
  s.at(0).in_burst({"1461:2921 ack 1", "4381:5841 ack 1", "1:1461 ack 1", "2921:4381 ack 1"});
  s.out(". 1 ack 5841").silence().received(5840);
}

}  // namespace
}  // namespace millrace::test
