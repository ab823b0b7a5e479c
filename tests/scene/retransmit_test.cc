// SPDX-License-Identifier: BSD-3-Clause
// Loss and how much may be in flight: RFC 6298 (timeout), RFC 5681 (congestion control), RFC 6582
// (NewReno), RFC 6928 (initial window). A segment is 1460 bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

constexpr int64_t kMss = 1460;

std::string ack(int64_t n) { return ". 1 ack " + std::to_string(n); }

// Claims the segments that carry [from, to), full-sized but for the last.
void expect_text(Scene& s, int64_t from, int64_t to, int64_t mss = kMss) {
  for (; from < to; from += mss) {
    s.out(std::to_string(from) + ":" + std::to_string(std::min(from + mss, to)) + " ack 1");
  }
  s.silence();
}

// `n` segments are in flight, the round trip time was measured as 100 ms.
void fill_pipe(Scene& s, int64_t n) {
  s.at(0).app("write " + std::to_string(n * kMss));
  expect_text(s, 1, 1 + n * kMss);
}

// --- The timer ----------------------------------------------------------------------------------

TEST(SceneRetransmit, WhatIsNotAcknowledgedIsSentAgainEachTimeAfterTwiceTheTime) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1000).out("P. 1:101 ack 1");
  s.at(3000).out("P. 1:101 ack 1");
  s.at(7000).out("P. 1:101 ack 1");
  s.at(7100).in(". 1 ack 101").silence();
  s.at(60000).silence().counter("TcpRetransSegs", 3).counter("TcpExtTCPTimeouts", 3);
}

TEST(SceneRetransmit, TheTimeoutNeverExceedsItsMaximum) {
  Scene s(established().tune([](TcpOptions& o) { o.rto_max = seconds(3); }));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1000).out("P. 1:101 ack 1");
  s.at(3000).out("P. 1:101 ack 1");
  s.at(6000).out("P. 1:101 ack 1");
  s.at(9000).out("P. 1:101 ack 1");
}

TEST(SceneRetransmit, AfterSoManyRetransmissionsTheConnectionIsGivenUp) {
  Scene s(established().tune([](TcpOptions& o) { o.data_retries = 2; }));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1000).out("P. 1:101 ack 1");
  s.at(3000).out("P. 1:101 ack 1");
  s.at(6999).open();
  s.at(7001).silence().closed("timed-out").drained().counter("TcpExtTCPAbortOnTimeout", 1);
}

TEST(SceneRetransmit, TheMeasuredRoundTripSetsTheTimeout) {
  // 100 ms: SRTT 100, RTTVAR 50, so 100 + 4 * 50.
  Scene s(established_client().rtt(100));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(300).out("P. 1:101 ack 1");
  s.at(900).out("P. 1:101 ack 1");
}

TEST(SceneRetransmit, TheTimeoutIsNeverBelowItsMinimum) {
  Scene s(established_client().rtt(1));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(200).out("P. 1:101 ack 1");
}

TEST(SceneRetransmit, ARoundTripIsMeasuredByDataToo) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(100).in(". 1 ack 101");
  s.claim(s.info().rtt == milliseconds(100), "SRTT is 100 ms");
  s.claim(s.info().rto == milliseconds(300), "the timeout is 300 ms");
}

TEST(SceneRetransmit, ARetransmittedSegmentIsNotMeasured) {
  // Karn: which of the two was acknowledged?
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1000).out("P. 1:101 ack 1");
  s.at(1010).in(". 1 ack 101");
  s.claim(s.info().rtt.ns == 0, "nothing was measured");
  s.at(2000).app("write 100").out("P. 101:201 ack 1");
  s.at(2080).in(". 1 ack 201");
  s.claim(s.info().rtt == milliseconds(80), "SRTT is 80 ms");
}

TEST(SceneRetransmit, NewDataAcknowledgedEndsTheBackOff) {
  Scene s(established_client().rtt(100));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(300).out("P. 1:101 ack 1");
  s.at(900).out("P. 1:101 ack 1");
  s.at(1000).in(". 1 ack 101").app("write 100").out("P. 101:201 ack 1");
  s.at(1300).out("P. 101:201 ack 1");
}

TEST(SceneRetransmit, EachAcknowledgementOfNewDataStartsTheTimerAgain) {
  // RFC 6298 section 5.3.
  Scene s(established_client().rtt(100));
  fill_pipe(s, 3);
  s.at(200).in(ack(1 + kMss)).silence();
  const int64_t rto = s.info().rto.milliseconds();
  s.at(200 + rto - 1).silence();
  s.at(200 + rto).out("1461:2921 ack 1");
}

TEST(SceneRetransmit, TheTimerStopsWhenAllIsAcknowledged) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(10).in(". 1 ack 101");
  s.at(600000).silence();
}

TEST(SceneRetransmit, SmallSegmentsAreSentAgainAsOne) {
  Scene s(established().nodelay());
  s.at(0).app("write 100").out("P. 1:101 ack 1").app("write 100").out("P. 101:201 ack 1");
  s.at(1000).out("P. 1:201 ack 1");
}

TEST(SceneRetransmit, ARetransmissionCarriesTheLatestAcknowledgement) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(990).in("1:501 ack 1");
  s.at(1000).out("P. 1:101 ack 501 win 65035");
  s.at(1100).silence();  // and pays for the delayed one
}

TEST(SceneRetransmit, FinIsSentAgainWithTheDataBeforeIt) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1").app("shutdown").out("F. 101 ack 1");
  s.at(1000).out("F. 1:101 ack 1");
  s.at(1100).in(". 1 ack 102").state("FIN-WAIT-2");
}

TEST(SceneRetransmit, AfterATimeoutEverythingIsGoneOverFromOneSegmentOn) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 4);
  s.at(300).out("1:1461 ack 1");
  s.claim(s.info().snd_cwnd == kMss, "the window is one segment");
  s.claim(s.info().snd_ssthresh == 2 * kMss, "the threshold is half of what was in flight");
  s.at(400).in(ack(1 + kMss)).out("1461:2921 ack 1").out("2921:4381 ack 1").silence();
  s.at(500).in(ack(1 + 4 * kMss)).silence();
  s.claim(s.info().unacked_bytes == 0, "all is acknowledged");
}

TEST(SceneRetransmit, WhatTheAcknowledgementCoversIsNotGoneOver) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 4);
  s.at(300).out("1:1461 ack 1");
  s.at(400).in(ack(1 + 3 * kMss)).out("4381:5841 ack 1").silence();
}

TEST(SceneRetransmit, NewDataFollowsWhenTheOldIsGoneOver) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 2);
  s.at(300).out("1:1461 ack 1").app("write 1460").silence();
  s.at(400).in(ack(1 + kMss)).out("1461:2921 ack 1").out("2921:4381 ack 1").silence();
  s.at(500).in(ack(1 + 3 * kMss)).silence();
}

TEST(SceneRetransmit, ASecondTimeoutOfTheSameDataLeavesTheThreshold) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 10);
  s.at(300).out("1:1461 ack 1");
  s.claim(s.info().snd_ssthresh == 5 * kMss, "half of ten segments");
  s.at(900).out("1:1461 ack 1");
  s.claim(s.info().snd_ssthresh == 5 * kMss, "still");
}

TEST(SceneRetransmit, BytesThatWereNotCopiedAreSentAgainToo) {
  static const Bytes text = [] {
    Bytes bytes(3000);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = local_byte(i);
    return bytes;
  }();
  Scene s(established());
  s.claim(s.host().shard().send_static(s.connection(), text) == 3000, "all were taken");
  s.at(0).out("1:1461 ack 1").out("1461:2921 ack 1").silence();
  s.at(1000).out("1:1461 ack 1").in(ack(2921)).out("P. 2921:3001 ack 1");
  s.in(ack(3001)).silence();
}

TEST(SceneRetransmit, WrittenInManyPiecesItIsSentAgainAsOne) {
  Scene s(established());
  s.at(0).app("write 1").out("P. 1:2 ack 1");
  for (int i = 0; i < 700; ++i) s.app("write 2");
  s.silence().at(1000).out("1:2 ack 1").in(ack(2)).out("P. 2:1402 ack 1");
  s.at(1000 + s.info().rto.milliseconds()).out("P. 2:1402 ack 1").in(ack(1402)).silence();
}

// --- How much at once
// -----------------------------------------------------------------------------

TEST(SceneRetransmit, TheInitialWindowIsTenSegments) {
  Scene s(established());
  s.at(0).app("write 30000");
  expect_text(s, 1, 1 + 10 * kMss);
}

TEST(SceneRetransmit, TheInitialWindowIsTenSmallSegmentsToo) {
  Scene s(established().mss(500));
  s.at(0).app("write 30000");
  expect_text(s, 1, 1 + 10 * 500, 500);
}

TEST(SceneRetransmit, SlowStartSendsTwoSegmentsForEachAcknowledged) {
  Scene s(established_client().rtt(100));
  s.at(0).app("write 60000");
  expect_text(s, 1, 1 + 10 * kMss);
  s.at(100).in(ack(1 + 2 * kMss));
  expect_text(s, 1 + 10 * kMss, 1 + 14 * kMss);
  s.at(101).in(ack(1 + 4 * kMss));
  expect_text(s, 1 + 14 * kMss, 1 + 18 * kMss);
}

TEST(SceneRetransmit, AvoidanceAddsOneSegmentForEachWindow) {
  Scene s(established_client().rtt(100).send_buffer(262144));
  fill_pipe(s, 10);
  for (int i = 0; i < 3; ++i) s.at(100).in(". 1 ack 1");
  s.out("1:1461 ack 1");
  s.at(200).in(ack(1 + 10 * kMss)).silence();
  const uint32_t threshold = s.info().snd_ssthresh;
  s.claim(threshold == 5 * kMss, "half of ten segments");
  // Slow start up to the threshold, and from there one segment for each window acknowledged.
  int64_t una = 1 + 10 * kMss;
  int64_t now = 200;
  uint32_t before = s.info().snd_cwnd;
  for (int round = 0; round < 6; ++round) {
    const int64_t window = before / kMss * kMss;
    s.at(now).app("write " + std::to_string(window));
    expect_text(s, una, una + window);
    una += window;
    now += 100;
    s.at(now).in(ack(una)).silence();
    const uint32_t after = s.info().snd_cwnd;
    if (before >= threshold) s.claim(after - before <= kMss, "one segment at most");
    before = after;
  }
  s.claim(before > threshold, "it grew");
}

TEST(SceneRetransmit, TheReceiversWindowBoundsWhatIsInFlight) {
  Scene s(established().window(4000));
  s.at(0).app("write 10000").out("1:1461 ack 1").out("1461:2921 ack 1").out("2921:4001 ack 1");
  s.silence().at(10).in(". 1 ack 4001 win 4380");
  s.out("4001:5461 ack 1").out("5461:6921 ack 1").out("6921:8381 ack 1").silence();
}

// --- Duplicates
// -----------------------------------------------------------------------------------

TEST(SceneRetransmit, ThreeDuplicatesResendTheHoleAtOnce) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 5);
  s.at(100).in(". 1 ack 1").in(". 1 ack 1").silence().in(". 1 ack 1").out("1:1461 ack 1");
  s.at(110).in(". 1 ack 1").silence();
  s.at(200).in(ack(1 + 5 * kMss)).silence();
  s.counter("TcpExtTCPFastRetrans", 1).counter("TcpExtTCPTimeouts", 0);
  s.claim(s.info().snd_ssthresh == 5 * kMss / 2, "half of five segments");
  s.claim(s.info().snd_cwnd <= 5 * kMss / 2, "and no more than that is open");
}

TEST(SceneRetransmit, TwoDuplicatesAreDisorderAndNotLoss) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 5);
  s.at(100).in(". 1 ack 1").in(". 1 ack 1").silence().in(ack(1 + 5 * kMss)).silence();
  s.counter("TcpRetransSegs", 0);
}

TEST(SceneRetransmit, ADuplicateThatChangesTheWindowIsAWindowUpdate) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 5);
  s.at(100).in(". 1 ack 1 win 60000").in(". 1 ack 1 win 60001").in(". 1 ack 1 win 60002").silence();
  s.in(". 1 ack 1 win 60003").silence().counter("TcpRetransSegs", 0);
}

TEST(SceneRetransmit, ADuplicateWithTextIsNoDuplicate) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 5);
  s.at(100).in("1:11 ack 1").in("11:21 ack 1").in("21:31 ack 1").in("31:41 ack 1").silence();
  s.counter("TcpRetransSegs", 0);
  s.at(140).out(". 7301 ack 41");
}

TEST(SceneRetransmit, DuplicatesWithNothingInFlightMeanNothing) {
  Scene s(established());
  for (int i = 0; i < 5; ++i) s.at(i).in(". 1 ack 1").silence();
  s.app("write 100").out("P. 1:101 ack 1");
}

TEST(SceneRetransmit, APartialAcknowledgementResendsTheNextHole) {
  // RFC 6582: the first and the third segment were lost.
  Scene s(established_client().rtt(100));
  fill_pipe(s, 6);
  s.at(100).in(". 1 ack 1").in(". 1 ack 1").in(". 1 ack 1").out("1:1461 ack 1").silence();
  s.at(101).in(". 1 ack 1").silence();
  s.at(200).in(ack(1 + 2 * kMss)).out("2921:4381 ack 1").silence();
  s.at(300).in(ack(1 + 6 * kMss)).silence();
  s.counter("TcpRetransSegs", 2).counter("TcpExtTCPTimeouts", 0);
}

TEST(SceneRetransmit, TwoDuplicatesLetASegmentOutEach) {
  // RFC 3042: limited transmit, so that a small window gets its third duplicate.
  Scene s(established_client().rtt(100));
  fill_pipe(s, 10);
  s.app("write 5840").silence();
  s.at(100).in(". 1 ack 1").out("14601:16061 ack 1").in(". 1 ack 1").out("16061:17521 ack 1");
  s.in(". 1 ack 1").out("1:1461 ack 1").silence();
  s.claim(s.info().snd_ssthresh == 5 * kMss, "half of the ten, not of the twelve");
}

TEST(SceneRetransmit, DuplicatesInRecoveryLetNewDataOutAsTheThresholdAllows) {
  // RFC 9937: ten of the twelve could still arrive, five may be in flight: one leaves for two that
  // arrive, and from five on one for each.
  Scene s(established_client().rtt(100));
  fill_pipe(s, 10);
  s.app("write 14600").silence();
  s.at(100).in(". 1 ack 1").out("14601:16061 ack 1").in(". 1 ack 1").out("16061:17521 ack 1");
  s.in(". 1 ack 1").out("1:1461 ack 1").silence();
  for (int i = 0; i < 2; ++i) s.in(". 1 ack 1").silence();
  s.in(". 1 ack 1").out("17521:18981 ack 1").silence();
  for (int i = 0; i < 2; ++i) s.in(". 1 ack 1").silence();
  s.in(". 1 ack 1").out("18981:20441 ack 1").in(". 1 ack 1").out("20441:21901 ack 1").silence();
}

TEST(SceneRetransmit, AFullAcknowledgementEndsRecoveryWithoutABurst) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 10);
  s.at(100).in(". 1 ack 1").in(". 1 ack 1").in(". 1 ack 1").out("1:1461 ack 1").silence();
  s.app("write 29200").silence();
  s.at(200).in(ack(1 + 10 * kMss)).out("14601:16061 ack 1").out("16061:17521 ack 1").silence();
}

TEST(SceneRetransmit, ALostRetransmissionIsLeftToTheTimer) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 5);
  s.at(100).in(". 1 ack 1").in(". 1 ack 1").in(". 1 ack 1").out("1:1461 ack 1");
  s.at(400).out("1:1461 ack 1").counter("TcpExtTCPTimeouts", 1);
}

TEST(SceneRetransmit, DuplicatesAfterATimeoutDoNotResendOnceMore) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 5);
  s.at(300).out("1:1461 ack 1");
  for (int i = 0; i < 4; ++i) s.at(310).in(". 1 ack 1").silence();
  s.at(400).in(ack(1 + 5 * kMss)).silence().counter("TcpRetransSegs", 1);
}

TEST(SceneRetransmit, AnOldDuplicateAcknowledgementDoesNotMoveBack) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1").in(". 1 ack 101").silence();
  s.at(10).in(". 1 ack 51").silence().app("write 100").out("P. 101:201 ack 1");
}

TEST(SceneRetransmit, APartialAcknowledgementWithinASegmentResendsFromThere) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 5);
  s.at(100).in(". 1 ack 1").in(". 1 ack 1").in(". 1 ack 1").out("1:1461 ack 1");
  s.at(200).in(". 1 ack 701").out("701:2161 ack 1").silence();
  s.at(300).in(ack(1 + 5 * kMss)).silence();
}

TEST(SceneRetransmit, AfterAnAcknowledgementWithinASegmentTheTimerResendsFromThere) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 3);
  s.at(300).out("1:1461 ack 1").in(". 1 ack 701").silence();
  s.at(600).out("701:2161 ack 1").in(ack(1 + 3 * kMss)).silence();
}

TEST(SceneRetransmit, RecoveryCanFollowRecovery) {
  Scene s(established_client().rtt(100));
  fill_pipe(s, 10);
  for (int i = 0; i < 3; ++i) s.at(100).in(ack(1));
  s.out("1:1461 ack 1").at(200).in(ack(14601)).silence();
  s.app("write 43800").out("14601:16061 ack 1").out("16061:17521 ack 1").silence();
  s.at(300).in(ack(17521)).whatever().at(400).in(ack(17521 + 4 * kMss)).whatever();
  s.claim(s.info().unacked_bytes >= 4 * kMss, "enough is in flight for three duplicates");
  for (int i = 0; i < 2; ++i) s.at(500).in(ack(23361)).whatever();
  s.in(ack(23361)).out("23361:24821 ack 1").counter("TcpExtTCPFastRetrans", 2);
  s.at(600).in(ack(23361 + s.info().unacked_bytes)).whatever().counter("TcpExtTCPTimeouts", 0);
}

// --- Giving up by time
// ----------------------------------------------------------------------------

TEST(SceneRetransmit, TheUserTimeoutEndsAConnectionBeforeTheRetriesDo) {
  Scene s(established().tune([](TcpOptions& o) { o.user_timeout = seconds(5); }));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1000).out("P. 1:101 ack 1");
  s.at(3000).out("P. 1:101 ack 1");
  s.at(4999).silence().open();
  s.at(5001).silence().closed("timed-out").drained();
}

TEST(SceneRetransmit, AUserTimeoutBelowTheFirstRetransmissionEndsTheConnectionThen) {
  Scene s(established().tune([](TcpOptions& o) { o.user_timeout = milliseconds(500); }));
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1001).silence().closed("timed-out");
}

TEST(SceneRetransmit, ProgressInRecoveryPutsTheUserTimeoutOff) {
  Scene s(established_client().rtt(100).tune([](TcpOptions& o) { o.user_timeout = seconds(2); }));
  fill_pipe(s, 10);
  s.at(300).out("1:1461 ack 1");
  for (int64_t i = 1; i <= 9; ++i) s.at(300 + i * 280).in(ack(1 + i * kMss)).whatever();
  s.at(3200).whatever().open();  // the last segment is lost once more
  s.at(3300).in(ack(1 + 10 * kMss)).whatever().open();
}

TEST(SceneRetransmit, ProgressPutsTheUserTimeoutOff) {
  Scene s(established().tune([](TcpOptions& o) { o.user_timeout = seconds(5); }).nodelay());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1000).out("P. 1:101 ack 1");
  s.at(3000).out("P. 1:101 ack 1");
  s.at(4000).in(". 1 ack 101").app("write 100").out("P. 101:201 ack 1");
  s.at(5000).out("P. 101:201 ack 1");
  s.at(7000).out("P. 101:201 ack 1").open();
}

}  // namespace
}  // namespace millrace::test
