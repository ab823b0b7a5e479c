// SPDX-License-Identifier: BSD-3-Clause
// RACK-TLP (RFC 8985): what was sent before something that has arrived is lost when the time for
// reordering is over; a tail that nobody acknowledges is probed.
#include <gtest/gtest.h>

#include <string>

#include "scene/numbered.h"

namespace millrace::test {
namespace {

// The window for reordering is a quarter of the least round trip, 25 ms, and the timer's ticks are
// rounded up.
constexpr int64_t kWindow = 25;

// Segments of one byte each leave at 0 ms, `gap_ms` apart.
void send_apart(Scene& s, int64_t n, int64_t gap_ms) {
  for (int64_t i = 1; i <= n; ++i) {
    s.at((i - 1) * gap_ms);
    write(s, 1);
    s.out(segment(i)).silence();
  }
}

// --- Loss by time (section 6.2) -----------------------------------------------------------------

TEST(SceneRack, OneSegmentSentLongAfterIsEnough) {
  Scene s(sack());
  send_apart(s, 3, 30);
  s.at(130).in(ack(1, block(2, 2))).out(segment(1)).silence();
  s.at(230).in(ack(4)).silence().counter("TcpExtTCPTimeouts", 0);
}

TEST(SceneRack, ASegmentSentShortlyBeforeGetsTimeForReordering) {
  Scene s(sack());
  send_apart(s, 3, 10);
  s.at(110).in(ack(1, block(2, 2))).silence();
  // Sent at 0 ms; a round trip and the window later it is lost.
  s.at(100 + kWindow).silence().at(100 + kWindow + 1).out(segment(1)).silence();
  s.at(230).in(ack(4)).silence().counter("TcpExtTCPFastRetrans", 1).counter("TcpRetransSegs", 1);
}

TEST(SceneRack, WhatArrivesWithinTheWindowWasReordered) {
  Scene s(sack());
  send(s, 4);
  s.at(100).in(ack(1, block(2, 2))).silence();
  s.at(120).in(ack(3)).silence().at(125).in(ack(5)).silence();
  s.at(2000).silence().counter("TcpRetransSegs", 0);
}

TEST(SceneRack, TheTimerFindsEachLossAtItsTime) {
  Scene s(sack());
  send_apart(s, 4, 5);
  // 4 was sent at 15 ms. 1, 2 and 3 are due at 125, 130 and 135 ms; the timer waits for the last.
  s.at(115).in(ack(1, block(4, 4))).silence();
  s.at(135).silence().at(136).out(segment(1)).silence();
  s.at(236).in(ack(2, block(4, 4))).out(segment(2)).out(segment(3)).silence();
  s.at(336).in(ack(5)).silence();
}

TEST(SceneRack, AnAcknowledgementBeforeTheTimerFindsWhatIsDue) {
  Scene s(sack());
  send_apart(s, 4, 5);
  s.at(27);
  write(s, 1);
  s.out(segment(5)).at(115).in(ack(1, block(4, 4))).silence();
  s.at(127).in(ack(1, block(4, 5))).out(segment(1)).silence();
  // In recovery nothing waits for reordering, but for the acknowledgement that says so.
  s.at(227).in(ack(2, block(4, 5))).out(segment(2)).out(segment(3)).silence();
  s.at(327).in(ack(6)).silence();
}

TEST(SceneRack, ThreeSackedSegmentsNeedNoTime) {
  // As RFC 6675 would decide, while no reordering was ever seen.
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(3, 4))).silence().in(ack(1, block(3, 5))).out(segment(1)).silence();
  s.out_by(400, segment(1)).whatever();  // and 2 is repaired when there is room, or by the timer
}

TEST(SceneRack, InRecoveryNothingWaitsWhileNoReorderingWasSeen) {
  Scene s(sack());
  send(s, 8);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  // 5 was sent before 6: lost at once, though only one is sacked behind it.
  s.at(101).in(ack(1, block(6, 6) + " " + block(2, 4))).out(segment(5)).silence();
  s.at(202).in(ack(9)).silence();
}

TEST(SceneRack, TheRoundTripOfWhatArrivedLastIsTheMeasure) {
  // The path got longer by 60 ms; so much later is the deadline.
  Scene s(sack());
  send_apart(s, 3, 10);
  s.at(170).in(ack(1, block(2, 2))).silence();
  s.at(185).silence().at(186).out(segment(1)).silence();
  s.at(346).in(ack(4)).silence();
}

TEST(SceneRack, ASegmentSentLaterThanWhatArrivedIsNotJudged) {
  Scene s(sack());
  send(s, 3);
  s.at(50);
  write(s, 2);
  out_segments(s, 4, 5);
  s.at(100).in(ack(1, block(2, 2))).silence().at(126).out(segment(1)).silence();
  s.at(150).in(ack(1, block(2, 5))).silence();
  s.at(226).in(ack(6)).silence().counter("TcpRetransSegs", 1);
}

TEST(SceneRack, WhenTheTimerIsAllThatRunsItIsFollowedByTheTimeout) {
  Scene s(sack());
  send(s, 2);
  s.at(100).in(ack(1, block(2, 2))).silence().at(126).out(segment(1)).silence();
  s.at(425).silence().at(426).out(segment(1)).counter("TcpExtTCPTimeouts", 1);
  s.at(526).in(ack(3)).silence();
}

// --- Reordering (section 6.2, steps 3 and 4) ----------------------------------------------------

// Segments up to `una` - 1 are acknowledged; 1 arrived after 2.
void see_reordering(Scene& s) {
  send(s, 2);
  s.at(100).in(ack(1, block(2, 2))).silence().at(110).in(ack(3)).silence();
}

TEST(SceneRack, OnceReorderingWasSeenThreeSackedSegmentsWaitToo) {
  Scene s(sack());
  see_reordering(s);
  s.at(200);
  write(s, 5);
  out_segments(s, 3, 7);
  s.at(300).in(ack(3, block(4, 7))).silence();
  s.at(300 + kWindow).silence().at(300 + kWindow + 1).out(segment(3)).silence();
  s.at(426).in(ack(8)).silence();
}

TEST(SceneRack, WhatOneAcknowledgementReportsHasNoOrder) {
  // The first says that 1 and 2 arrived, and 4; not that they came after it.
  Scene s(sack());
  send(s, 6);
  s.at(100).in(ack(3, block(4, 4))).silence().in(ack(3, block(4, 6))).out(segment(3)).silence();
  s.at(200).in(ack(7)).silence();
}

TEST(SceneRack, NorHaveItsBlocks) {
  Scene s(sack());
  send(s, 7);
  s.at(100).in(ack(1, block(6, 6) + " " + block(4, 4) + " " + block(2, 2))).out(segment(1));
  s.out(segment(3)).out(segment(5)).silence();
}

TEST(SceneRack, ARetransmissionThatArrivesLateIsNoReordering) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 5))).out(segment(1)).silence().at(200).in(ack(6)).silence();
  s.at(300);
  write(s, 3);  // ssthresh is below 5 by now
  out_segments(s, 6, 7);
  s.at(400).in(ack(6, block(7, 7))).whatever();
  s.at(410).in(ack(9)).whatever();
}

// A segment is sent again though it was only late, and the peer reports the second copy. Segment
// `n` leaves at `ms`, with three more behind it.
void be_fooled(Scene& s, int64_t n, int64_t ms, int64_t window) {
  s.at(ms);
  write(s, 4);
  out_segments(s, n, n + 3);
  s.at(ms + 100).in(ack(n, block(n + 1, n + 3))).silence();
  s.at(ms + 100 + window).silence().at(ms + 101 + window).out(segment(n)).silence();
  s.at(ms + 110 + window).in(ack(n + 4)).silence();
  s.at(ms + 201 + window).in(ack(n + 4, block(n, n))).silence();
}

TEST(SceneRack, TheWindowGrowsWithEachRoundTripThatReportsADuplicate) {
  Scene s(sack());
  see_reordering(s);
  be_fooled(s, 3, 1000, 25);
  be_fooled(s, 7, 2000, 50);
  be_fooled(s, 11, 3000, 75);
}

TEST(SceneRack, TheWindowIsNeverLongerThanARoundTrip) {
  Scene s(sack());
  see_reordering(s);
  be_fooled(s, 3, 1000, 25);
  be_fooled(s, 7, 2000, 50);
  be_fooled(s, 11, 3000, 75);
  be_fooled(s, 15, 4000, 100);
  // The smoothed one is 101.25 ms by now.
  be_fooled(s, 19, 5000, 102);
}

TEST(SceneRack, TheWindowIsBackAfterSixteenRecoveriesWithoutADuplicate) {
  Scene s(sack());
  see_reordering(s);
  be_fooled(s, 3, 1000, 25);
  int64_t n = 7;
  int64_t ms = 2000;
  const auto lose = [&](int64_t window) {
    s.at(ms);
    write(s, 2);
    out_segments(s, n, n + 1);
    s.at(ms + 100).in(ack(n, block(n + 1, n + 1))).silence();
    s.at(ms + 100 + window).silence().at(ms + 101 + window).out(segment(n)).silence();
    s.at(ms + 201 + window).in(ack(n + 2)).silence();
    n += 2;
    ms += 1000;
  };
  // The one that was fooled ended in an undo.
  for (int i = 0; i < 16; ++i) lose(50);
  lose(25);
}

// --- After a timeout (section 6.3) --------------------------------------------------------------

TEST(SceneRack, ATimeoutLosesTheFirstSegmentAndWhatIsAsOld) {
  Scene s(sack());
  send(s, 2);
  s.at(180);
  write(s, 1);
  s.out(segment(3)).silence();
  s.at(201).out_by(202, segment(3)).whatever();  // the probe
  s.at(490);
  write(s, 1);
  s.out(segment(4)).silence();
  s.at(501).out_by(502, segment(1)).counter("TcpExtTCPTimeouts", 1);
  // 4 left just before the timeout, so that its arrival says nothing against it.
  s.at(590).in(ack(1, block(4, 4))).out(segment(2)).silence().counter("TcpExtTCPFullUndo", 0);
  s.at(601).in(ack(2, block(4, 4))).out(segment(3)).silence();
  s.at(701).in(ack(5)).silence().counter("TcpRetransSegs", 4);
}

// --- Tail loss probe (section 7) ----------------------------------------------------------------

TEST(SceneTlp, AfterTwoRoundTripsTheLastSegmentIsSentAgain) {
  Scene s(sack());
  send(s, 5);
  s.at(200).silence().at(201).out(segment(5)).silence();
  s.counter("TcpExtTCPLossProbes", 1).counter("TcpExtTCPTimeouts", 0);
}

TEST(SceneTlp, NewTextIsABetterProbe) {
  Scene s(sack());
  s.at(0).app("write " + std::to_string(12 * kMss));
  out_segments(s, 1, 10);
  // One beyond the congestion window.
  s.at(201).out(segment(11)).silence();
}

TEST(SceneTlp, NewTextThatTheWindowDoesNotTakeIsNoProbe) {
  Scene s(sack().window(5 * kMss));
  s.at(0).app("write " + std::to_string(12 * kMss));
  out_segments(s, 1, 5);
  s.at(201).out(segment(5)).silence();
}

TEST(SceneTlp, TheProbesAnswerLetsTheRestBeRepaired) {
  Scene s(sack());
  send(s, 5);
  s.at(201).out(segment(5)).silence();
  // 2 to 5 were lost, and 5 has arrived now.
  s.at(301).in(ack(2, block(5, 5))).out(segment(2)).out(segment(3)).silence();
  s.counter("TcpExtTCPFastRetrans", 1).counter("TcpExtTCPTimeouts", 0);
  s.at(401).in(ack(4)).out(segment(4)).silence().at(501).in(ack(6)).silence();
  // That was the reduction; the probe does not ask for another one.
  const uint32_t threshold = s.info().snd_ssthresh;
  write(s, 2);
  out_segments(s, 6, 7);
  s.at(601).in(ack(8)).silence();
  s.claim(s.info().snd_ssthresh == threshold, "one reduction");
}

TEST(SceneTlp, TheTimeoutFollowsAProbeWithoutAnswer) {
  Scene s(sack());
  send(s, 5);
  s.at(201).out(segment(5)).silence();
  s.at(500).silence().at(501).out(segment(1)).counter("TcpExtTCPTimeouts", 1).silence();
  s.counter("TcpExtTCPLossProbes", 1).counter("TcpRetransSegs", 2);
}

TEST(SceneTlp, AnAcknowledgementPutsTheProbeOff) {
  Scene s(sack());
  send(s, 5);
  s.at(150).in(ack(3)).silence();
  // The round trip is 106 ms by now.
  s.at(362).silence().at(363).out_by(364, segment(5)).silence();
}

TEST(SceneTlp, LessThanTwoSegmentsAreNotProbed) {
  // The peer may delay its acknowledgement for as long as the timeout would take.
  Scene s(sack());
  send(s, 1);
  s.at(299).silence().at(300).out(segment(1)).counter("TcpExtTCPTimeouts", 1);
  s.counter("TcpExtTCPLossProbes", 0);
}

TEST(SceneTlp, ASecondSegmentArmsTheProbe) {
  Scene s(sack());
  send(s, 1);
  s.at(50);
  write(s, 1);
  s.out(segment(2)).silence();
  s.at(250).silence().at(251).out(segment(2)).silence().counter("TcpExtTCPLossProbes", 1);
}

TEST(SceneTlp, WithoutSackThereIsNoProbe) {
  Scene s(established_client().rtt(100));
  send(s, 5);
  s.at(299).silence().at(300).out(segment(1)).counter("TcpExtTCPTimeouts", 1);
}

TEST(SceneTlp, AProbeIsNeverSoonerThanTenMilliseconds) {
  Scene s(established_client().sack().rtt(1));
  send(s, 5);
  s.at(10).silence().at(11).out(segment(5)).silence();
}

TEST(SceneTlp, ATimeoutThatIsDueSoonerComesFirst) {
  Scene s(sack().tune([](TcpOptions& o) { o.rto_initial = o.rto_max = milliseconds(200); }));
  send(s, 5);
  s.at(200).out(segment(1)).counter("TcpExtTCPLossProbes", 0).counter("TcpExtTCPTimeouts", 1);
}

TEST(SceneTlp, NothingIsProbedWhileAHoleIsKnown) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(3, block(4, 4))).silence().at(126).out(segment(3)).silence();
  s.at(375).silence().counter("TcpExtTCPLossProbes", 0);
}

TEST(SceneTlp, OneProbeIsOutAtATime) {
  Scene s(sack());
  send(s, 3);
  s.at(201).out(segment(3)).silence().at(230);
  write(s, 2);
  out_segments(s, 4, 5);
  s.at(250).in(ack(3)).silence();
  s.at(549).silence().counter("TcpExtTCPLossProbes", 1);
}

TEST(SceneTlp, AFinIsProbedWithTheTextBeforeIt) {
  Scene s(sack());
  send(s, 3);
  s.app("shutdown").out("F. 4381 ack 1").silence();
  s.at(201).out("F. 2922:4381 ack 1").silence();
  s.at(301).in(". 1 ack 4382").silence().state("FIN-WAIT-2");
}

// --- What the answer to a probe says (section 7.4) ----------------------------------------------

// 1 and 2 leave, nothing is acknowledged, the probe repeats 2.
void probe(Scene& s) {
  send(s, 2);
  s.at(201).out(segment(2)).silence();
}
// Two more segments leave and arrive.
void go_on(Scene& s) {
  s.at(400);
  write(s, 2);
  out_segments(s, 3, 4);
  s.at(500).in(ack(5)).silence();
}

TEST(SceneTlp, AProbeThatRepairsALossCostsAReduction) {
  // 1 arrived and its acknowledgement was delayed, 2 was lost. Else nobody would answer for it.
  Scene s(sack());
  probe(s);
  s.at(301).in(ack(3)).silence();
  s.claim(s.info().snd_ssthresh == UINT32_MAX, "nothing is known yet: a D-SACK may follow");
  go_on(s);
  s.claim(s.info().snd_ssthresh != UINT32_MAX, "it was a loss");
  s.claim(s.info().snd_cwnd == s.info().snd_ssthresh, "and the window is the threshold");
}

TEST(SceneTlp, AProbeThatWasADuplicateCostsNothing) {
  Scene s(sack());
  probe(s);
  s.at(240).in(ack(3)).silence().at(301).in(ack(3, block(2, 2))).silence();
  go_on(s);
  s.claim(s.info().snd_ssthresh == UINT32_MAX, "nothing was lost");
}

TEST(SceneTlp, ADuplicateOfSomethingElseDoesNotSpeakForTheProbe) {
  Scene s(sack());
  probe(s);
  s.at(301).in(ack(3, block(1, 1))).silence();
  go_on(s);
  s.claim(s.info().snd_ssthresh != UINT32_MAX, "2 was lost");
}

TEST(SceneTlp, APeerWithoutDuplicateReportsTellsByASecondAcknowledgement) {
  Scene s(sack());
  probe(s);
  s.at(240).in(ack(3)).silence().at(301).in(ack(3)).silence();
  go_on(s);
  s.claim(s.info().snd_ssthresh == UINT32_MAX, "nothing was lost");
}

TEST(SceneTlp, AProbeWithNewTextProvesNothing) {
  Scene s(sack());
  s.at(0).app("write " + std::to_string(11 * kMss));
  out_segments(s, 1, 10);
  s.at(201).out(segment(11)).silence().at(301).in(ack(12)).silence();
  s.claim(s.info().snd_ssthresh == UINT32_MAX, "nothing was lost");
}

TEST(SceneTlp, TheReductionCountsWhatWasInFlight) {
  Scene s(sack());
  probe(s);
  s.at(301).in(ack(3)).silence().at(400);
  write(s, 8);
  out_segments(s, 3, 10);
  s.at(500).in(ack(11)).silence();
  s.claim(s.info().snd_ssthresh == 4 * kMss, "half of eight");
}

TEST(SceneTlp, ADuplicateProbeIsNoReordering) {
  Scene s(sack());
  probe(s);
  s.at(240).in(ack(3)).silence().at(301).in(ack(3, block(2, 2))).silence();
  s.at(400);
  write(s, 3);
  out_segments(s, 3, 5);
  // The window is still a quarter.
  s.at(500).in(ack(3, block(4, 4))).silence().at(525).silence().at(526).out(segment(3)).silence();
}

}  // namespace
}  // namespace millrace::test
