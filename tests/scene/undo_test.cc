// SPDX-License-Identifier: BSD-3-Clause
// Losses that were none: what was sent again had only been late. Timestamps tell (Eifel, RFC 3522),
// or a duplicate that the peer reports (RFC 3708), or, after a timeout, what arrives next (F-RTO,
// RFC 5682); then the windows are what they were. And where something was lost, they stay small.
#include <gtest/gtest.h>

#include <string>

#include "scene/numbered.h"

namespace millrace::test {
namespace {

void claim_undone(Scene& s, int64_t cwnd_segments) {
  s.claim(s.info().snd_ssthresh == UINT32_MAX, "no threshold is known");
  s.claim(s.info().snd_cwnd >= cwnd_segments * kMss, "the window is what it was");
  s.counter("TcpExtTCPFullUndo", 1);
}
void claim_reduced(Scene& s, int64_t threshold_bytes) {
  s.claim(s.info().snd_ssthresh == threshold_bytes, "the threshold is lower");
  s.counter("TcpExtTCPFullUndo", 0);
}

// --- By timestamps ------------------------------------------------------------------------------

TEST(SceneUndo, AnEchoOfTheFirstSendingUndoesAFastRetransmission) {
  Scene s(sack_and_timestamps());
  send(s, 5);
  s.at(100).in(ack_echo(1, 0, block(2, 4))).out(segment(1)).silence();
  s.claim(s.info().snd_ssthresh == 5 * kMss / 2, "half of five");
  s.at(110).in(ack_echo(6, 0)).silence();
  claim_undone(s, 10);
}

TEST(SceneUndo, AnEchoOfTheSecondSendingConfirmsTheLoss) {
  Scene s(sack_and_timestamps());
  send(s, 5);
  s.at(100).in(ack_echo(1, 0, block(2, 4))).out(segment(1)).silence();
  s.at(200).in(ack_echo(6, 100)).silence();
  claim_reduced(s, 5 * kMss / 2);
}

TEST(SceneUndo, AnEchoOfTheFirstSendingUndoesATimeout) {
  Scene s(sack_and_timestamps());
  send(s, 1);
  s.at(300).out(segment(1)).at(310).in(ack_echo(2, 0)).silence();
  claim_undone(s, 10);
  // And the timeout is what it was, without back-off.
  write(s, 1);
  s.out(segment(2)).at(610).out(segment(2));
}

TEST(SceneUndo, AnEchoOfTheSecondSendingConfirmsTheTimeout) {
  Scene s(sack_and_timestamps());
  send(s, 1);
  s.at(300).out(segment(1)).at(400).in(ack_echo(2, 300)).silence();
  claim_reduced(s, 2 * kMss);
}

TEST(SceneUndo, TimestampsNeedNoSack) {
  Scene s(established_client().timestamps().rtt(100).mss(kMss + 12).tune_shard(
      [](ShardConfig& c) { c.interface.mtu = 1512; }));
  send(s, 4);
  s.at(300).out(segment(1)).silence();
  // All four were late; nothing more is sent again.
  s.at(310).in(ack_echo(2, 0)).silence().in(ack_echo(3, 0)).silence().in(ack_echo(5, 0)).silence();
  claim_undone(s, 10);
  s.counter("TcpRetransSegs", 1);
}

TEST(SceneUndo, AfterAnUndoWhatIsReallyLostIsRepaired) {
  Scene s(sack_and_timestamps());
  send(s, 6);
  s.at(100).in(ack_echo(1, 0, block(2, 4))).out(segment(1)).silence();
  // 1 was late, and 5 is lost: one undo, one reduction.
  s.at(110).in(ack_echo(5, 0)).silence().in(ack_echo(5, 0, block(6, 6))).silence();
  s.counter("TcpExtTCPFullUndo", 1);
  s.at(136).out_by(140, segment(5)).silence();
  s.claim(s.info().snd_ssthresh == 2 * kMss, "of two in flight, but two at least");
  s.at(240).in(ack_echo(7, 138)).silence().counter("TcpExtTCPFastRetrans", 2);
}

// --- By duplicates ------------------------------------------------------------------------------

TEST(SceneUndo, ADuplicateOfAllThatWasSentAgainUndoes) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence().at(110).in(ack(6)).silence();
  claim_reduced(s, 5 * kMss / 2);
  s.at(200).in(ack(6, block(1, 1))).silence();
  claim_undone(s, 10);
}

TEST(SceneUndo, EachOfSeveralHasToBeADuplicate) {
  Scene s(sack());
  send(s, 10);
  s.at(100).in(ack(1, block(3, 5))).out(segment(1)).silence();
  s.in(ack(1, block(3, 10))).out(segment(2)).silence();
  s.at(110).in(ack(11)).silence();
  s.at(200).in(ack(11, block(1, 1))).silence();
  claim_reduced(s, 5 * kMss);
  s.in(ack(11, block(2, 2))).silence();
  claim_undone(s, 10);
}

TEST(SceneUndo, OneOfTwoThatWasLostIsALoss) {
  Scene s(sack());
  send(s, 10);
  s.at(100).in(ack(1, block(3, 5))).out(segment(1)).silence();
  s.in(ack(1, block(3, 10))).out(segment(2)).silence();
  s.at(110).in(ack(2, block(3, 10))).silence().at(200).in(ack(11, block(1, 1))).silence();
  s.at(300).in(ack(11)).silence();
  claim_reduced(s, 5 * kMss);
}

TEST(SceneUndo, ADuplicateThatTheNetworkMadeUndoesNothing) {
  // 3 was sent once and arrived twice; 1 was lost.
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence().at(200).in(ack(6)).silence();
  s.in(ack(6, block(3, 3))).silence();
  claim_reduced(s, 5 * kMss / 2);
}

TEST(SceneUndo, ADuplicateWithinRecoveryEndsIt) {
  Scene s(sack());
  send(s, 6);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.at(110).in(ack(5)).silence().at(200).in(ack(5, block(1, 1))).silence();
  claim_undone(s, 10);
  s.at(210).in(ack(7)).silence().counter("TcpRetransSegs", 1);
}

TEST(SceneUndo, ADuplicateUndoesATimeoutToo) {
  Scene s(sack());
  send(s, 1);
  s.at(300).out(segment(1)).at(310).in(ack(2)).silence();
  claim_reduced(s, 2 * kMss);
  s.at(400).in(ack(2, block(1, 1))).silence();
  claim_undone(s, 10);
}

TEST(SceneUndo, AFinThatWasSentAgainIsNoTextThatHasToComeTwice) {
  Scene s(sack());
  s.at(0).app("write 100").out("P. 1:101 ack 1").app("shutdown").out("F. 101 ack 1");
  s.at(300).out("F.P 1:101 ack 1").at(310).in(". 1 ack 102").silence();
  s.at(400).in(". 1 ack 102 <sack 1-101>").silence().counter("TcpExtTCPFullUndo", 1);
}

TEST(SceneUndo, AWindowLaterItIsTooLateForAnUndo) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence().at(110).in(ack(6)).silence();
  write(s, 2);
  out_segments(s, 6, 7);
  s.at(210).in(ack(8)).silence().in(ack(8, block(1, 1))).silence();
  claim_reduced(s, 5 * kMss / 2);
}

// --- After a timeout: F-RTO ---------------------------------------------------------------------

// The timeout, 200 ms, comes before any loss probe.
Stage quick() {
  return sack().tune([](TcpOptions& o) { o.rto_initial = o.rto_max = milliseconds(200); });
}

// Ten segments are in flight and `more` wait; the timer sends the first again.
void time_out(Scene& s, int64_t more) {
  s.at(0);
  write(s, 10 + more);
  out_segments(s, 1, 10);
  s.at(199).silence().at(200).out(segment(1)).silence();
}

TEST(SceneFrto, WhatArrivesAfterTheFirstWithoutBeingSentAgainUndoes) {
  Scene s(quick());
  time_out(s, 5);
  // Step 2b: two new segments instead of the old ones.
  s.at(210).in(ack(2)).out(segment(11)).out(segment(12)).silence();
  // Step 3b: 2 was never sent again.
  s.at(211).in(ack(3)).whatever();
  claim_undone(s, 10);
  s.at(212).in(ack(11)).whatever().counter("TcpRetransSegs", 1);
  s.at(312).in(ack(16)).silence();
}

TEST(SceneFrto, WhenOnlyTheNewArrivesTheOldWasLost) {
  Scene s(quick());
  time_out(s, 5);
  s.at(300).in(ack(2)).out(segment(11)).out(segment(12)).silence();
  // Step 3a: back to sending again, from the first hole on.
  s.at(400).in(ack(2, block(11, 11))).out(segment(2)).silence();
  s.at(401).in(ack(2, block(11, 12))).out(segment(3)).silence();
  claim_reduced(s, 5 * kMss);
}

TEST(SceneFrto, ASackOfWhatWasNotSentAgainUndoesToo) {
  Scene s(quick());
  time_out(s, 5);
  s.at(210).in(ack(2)).out(segment(11)).out(segment(12)).silence();
  s.at(211).in(ack(2, block(3, 3))).whatever();
  claim_undone(s, 10);
}

TEST(SceneFrto, WithoutNewTextTheOldIsSentAgain) {
  Scene s(quick());
  time_out(s, 0);
  s.at(300).in(ack(2)).out(segment(2)).out(segment(3)).silence();
}

TEST(SceneFrto, WithLessThanASegmentOfNewTextTheOldIsSentAgain) {
  // Nagle's algorithm would hold it, and nothing would leave at all.
  Scene s(quick());
  s.at(0).app("write " + std::to_string(10 * kMss + 100));
  out_segments(s, 1, 10);
  s.at(200).out(segment(1)).silence();
  s.at(300).in(ack(2)).out(segment(2)).out(segment(3)).silence();
}

TEST(SceneFrto, WithoutRoomInTheWindowTheOldIsSentAgain) {
  Scene s(quick());
  time_out(s, 5);
  s.at(300).in(ack(2) + " win " + std::to_string(9 * kMss)).out(segment(2)).out(segment(3));
  s.silence();
}

TEST(SceneFrto, WhenEverythingIsAcknowledgedAtOnceNothingIsSentAgain) {
  Scene s(quick());
  time_out(s, 0);
  s.at(210).in(ack(11)).silence().at(1000).silence().counter("TcpRetransSegs", 1);
}

TEST(SceneFrto, ASecondTimeoutOfTheSameSegmentGoesOverEverything) {
  Scene s(quick().tune([](TcpOptions& o) { o.rto_max = seconds(60); }).rtt(50));
  s.at(0);
  write(s, 15);
  out_segments(s, 1, 10);
  s.at(101).out(segment(11)).silence();  // a probe
  s.at(301).out(segment(1)).silence().at(701).out(segment(1)).silence();
  s.at(751).in(ack(2)).out(segment(2)).out(segment(3)).silence();
}

TEST(SceneFrto, ATimeoutInRecoveryGoesOverTheHoles) {
  Scene s(quick());
  s.at(0);
  write(s, 15);
  out_segments(s, 1, 10);
  s.at(100).in(ack(1, block(5, 7))).out(segment(1)).out(segment(2)).silence();
  s.at(300).out(segment(1)).counter("TcpExtTCPTimeouts", 1).silence();
  s.at(400).in(ack(2, block(5, 7))).out(segment(2)).out(segment(3)).silence();
}

TEST(SceneFrto, ALateDuplicateOfEverythingUndoesWhatFrtoCouldNotTell) {
  // No new text, so 2 and 3 were sent again too; in the end each of them is reported twice.
  Scene s(quick());
  s.at(0);
  write(s, 3);
  out_segments(s, 1, 3);
  s.at(200).out(segment(1)).silence();
  s.at(210).in(ack(2)).out(segment(2)).out(segment(3)).silence();
  s.at(220).in(ack(4)).silence().counter("TcpExtTCPFullUndo", 0);
  s.at(300).in(ack(4, block(1, 1))).silence().counter("TcpExtTCPFullUndo", 0);
  s.at(310).in(ack(4, block(2, 2))).in(ack(4, block(3, 3))).silence();
  claim_undone(s, 10);
}

}  // namespace
}  // namespace millrace::test
