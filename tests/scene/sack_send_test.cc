// SPDX-License-Identifier: BSD-3-Clause
// What selective acknowledgements mean for what we sent: which segments are sent again, when, and
// how many leave for each acknowledgement (RFC 2018, 6675, 8985, 9937, 3042). A segment is 1460
// bytes; the round trip takes 100 ms.
#include <gtest/gtest.h>

#include <string>

#include "scene/numbered.h"

namespace millrace::test {
namespace {

// --- Holes --------------------------------------------------------------------------------------

TEST(SceneSackSend, ThreeSegmentsBehindAHoleResendIt) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 2))).silence().in(ack(1, block(2, 3))).silence();
  s.in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.at(101).in(ack(1, block(2, 5))).silence();
  s.at(200).in(ack(6)).silence().counter("TcpExtTCPFastRetrans", 1).counter("TcpRetransSegs", 1);
  s.claim(s.info().snd_ssthresh == 5 * kMss / 2, "half of five segments");
  s.claim(s.info().snd_cwnd == 5 * kMss / 2, "and that is the window now");
}

TEST(SceneSackSend, OneAcknowledgementThatSaysSoMuchIsEnough) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
}

TEST(SceneSackSend, SeveralHolesAreRepairedInOneRoundTrip) {
  Scene s(sack());
  send(s, 10);
  s.at(100).in(ack(1, block(3, 3))).in(ack(1, block(3, 4))).silence();
  // 1 and 2 are lost; ten were in flight, five may be.
  s.in(ack(1, block(3, 5))).out(segment(1)).silence();
  s.in(ack(1, block(7, 7) + " " + block(3, 5))).out(segment(2)).silence();
  s.in(ack(1, block(7, 8) + " " + block(3, 5))).out(segment(6)).silence();
  s.in(ack(1, block(7, 9) + " " + block(3, 5))).silence();
  s.in(ack(1, block(7, 10) + " " + block(3, 5))).silence();
  s.at(200).in(ack(2, block(7, 10) + " " + block(3, 5))).silence();
  s.in(ack(6, block(7, 10))).silence().in(ack(11)).silence();
  s.counter("TcpRetransSegs", 3).counter("TcpExtTCPFastRetrans", 1).counter("TcpExtTCPTimeouts", 0);
  s.claim(s.info().snd_ssthresh == 5 * kMss, "one reduction");
}

TEST(SceneSackSend, AfterATimeoutTheHolesAreGoneOverAndNothingElse) {
  Scene s(sack());
  send(s, 8);
  s.at(100).in(ack(1, block(2, 2) + " " + block(5, 6))).out(segment(1)).out(segment(3)).silence();
  s.in(ack(1, block(2, 2) + " " + block(5, 7))).out(segment(4)).silence();
  // All three are lost once more, and 8 with them.
  s.at(400).out(segment(1)).silence().counter("TcpExtTCPTimeouts", 1);
  s.at(500).in(ack(3, block(5, 7))).out(segment(3)).out(segment(4)).silence();
  s.at(600).in(ack(8)).out(segment(8)).silence();
  s.at(700).in(ack(9)).silence().counter("TcpRetransSegs", 7);
}

TEST(SceneSackSend, APartialAcknowledgementGoesOnWithWhatIsLost) {
  // RFC 6675 section 5, step C: no new duplicates are needed.
  Scene s(sack());
  send(s, 6);
  s.at(100).in(ack(1, block(4, 4))).in(ack(1, block(4, 5))).silence();
  s.in(ack(1, block(4, 6))).out(segment(1)).silence();
  s.at(200).in(ack(2, block(4, 6))).out(segment(2)).out(segment(3)).silence();
  s.at(300).in(ack(7)).silence().counter("TcpExtTCPTimeouts", 0).counter("TcpRetransSegs", 3);
}

TEST(SceneSackSend, APartialAcknowledgementWithinASegmentResendsTheRestWhenItIsLost) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.at(200).in(". 1 ack 731 <sack " + block(2, 5) + ">").silence();
  // The retransmission had more: its rest is under way until RACK knows better.
  s.at(210).in(ack(6)).silence().counter("TcpRetransSegs", 1);
}

TEST(SceneSackSend, SmallSegmentsThatAreLostLeaveAsOne) {
  Scene s(sack().nodelay());
  for (int i = 0; i < 8; ++i) {
    s.app("write 100");
    s.out(std::to_string(1 + 100 * i) + ":" + std::to_string(101 + 100 * i) + " ack 1");
  }
  s.at(100).in(". 1 ack 1 <sack 301-801>").at(126).out_by(130, "1:301 ack 1").silence();
  s.at(230).in(". 1 ack 801").silence();
}

TEST(SceneSackSend, TwoSackedSegmentsAreDisorderAtFirst) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 3))).silence();
  s.at(110).in(ack(6)).silence().counter("TcpRetransSegs", 0).counter("TcpExtTCPFastRetrans", 0);
}

TEST(SceneSackSend, BlocksOnASegmentWithTextCountToo) {
  // With SACK a duplicate is what brings new blocks, whatever else the segment carries.
  Scene s(sack());
  send(s, 5);
  const std::string blocks = " <sack " + block(2, 4) + ">";
  s.at(100).in("1:11 ack 1" + blocks).out("1:1461 ack 11").silence();
}

TEST(SceneSackSend, BlocksOnAWindowUpdateCountToo) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(". 1 ack 1 win 60000 <sack " + block(2, 4) + ">").out(segment(1)).silence();
}

TEST(SceneSackSend, RepeatedBlocksAreNoNews) {
  Scene s(sack());
  send(s, 5);
  for (int i = 0; i < 6; ++i) s.at(100).in(ack(1, block(2, 2))).silence();
  s.at(110).in(ack(6)).silence().counter("TcpRetransSegs", 0);
}

TEST(SceneSackSend, DuplicatesWithoutBlocksMeanNothingOnceSackIsNegotiated) {
  Scene s(sack());
  send(s, 5);
  for (int i = 0; i < 6; ++i) s.at(100).in(ack(1)).silence();
  s.at(110).in(ack(6)).silence().counter("TcpRetransSegs", 0);
}

TEST(SceneSackSend, BlocksMeanNothingWhenSackWasNotNegotiated) {
  Scene s(established_client().rtt(100));
  send(s, 5);
  s.at(100).in(ack(1, block(2, 4))).silence().in(ack(1, block(2, 4))).silence();
  s.in(ack(1, block(2, 4))).out(segment(1)).silence();  // the third duplicate
}

// --- How much leaves ----------------------------------------------------------------------------

TEST(SceneSackSend, TheFirstTwoDuplicatesLetASegmentOutEach) {
  // RFC 3042, RFC 6675 section 5 step 3: pipe shrinks by what is sacked.
  Scene s(sack());
  send(s, 10);
  s.app("write " + std::to_string(4 * kMss)).silence();
  s.at(100).in(ack(1, block(2, 2))).out(segment(11)).silence();
  s.in(ack(1, block(2, 3))).out(segment(12)).silence();
  s.in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.claim(s.info().snd_ssthresh == 5 * kMss, "half of the ten, not of the twelve");
}

TEST(SceneSackSend, ProportionalRateSendsOneSegmentForTwoUntilHalfIsLeft) {
  // RFC 9937: of 20, 17 were still to be delivered when the third came, and it; ssthresh is 10.
  // After k of these 18 were delivered ceil(k * 10 / 18) may have been sent.
  Scene s(wide(20));
  send(s, 20);
  s.app("write " + std::to_string(20 * kMss)).silence();
  s.at(100).in_burst({ack(1, block(2, 2)), ack(1, block(2, 3))}).out(segment(21)).out(segment(22));
  s.silence();
  // 22 are in flight. The third: 22 - 2 = 20 to be delivered.
  s.in(ack(1, block(2, 4))).out(segment(1)).silence();
  int64_t next = 23;
  int64_t out = 1;
  for (int64_t k = 2; k <= 19; ++k) {
    // k segments were delivered in recovery, k + 2 are sacked; `out` were sent.
    s.in(ack(1, block(2, 3 + k)));
    const int64_t pipe = 22 + out - 1 - (k + 2);
    const bool may = pipe > 10 ? k * 10 / 20 > out : pipe < 10;
    if (may) {
      s.out(segment(next++));
      ++out;
    }
    s.silence();
  }
  s.claim(s.info().snd_cwnd == 10 * kMss, "ten are in flight");
  s.at(200).in(ack(23)).whatever();
  s.claim(s.info().snd_cwnd == 10 * kMss, "ten is the window from here on");
}

TEST(SceneSackSend, ProportionalRateCountsWhatWasSackedBefore) {
  // RFC 9937 section 6.2: RecoverFS is what can still be delivered. 20 in flight, 2 sacked before.
  Scene s(wide(20));
  send(s, 20);
  s.at(100).in_burst({ack(1, block(2, 2)), ack(1, block(2, 3))}).silence();
  s.app("write " + std::to_string(20 * kMss)).out(segment(21)).out(segment(22)).silence();
  s.in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.claim(s.info().snd_ssthresh == 10 * kMss, "half of twenty");
  // 20 may be delivered from the third on, so that each second one lets a segment out.
  for (int64_t k = 2; k <= 11; ++k) {
    s.in(ack(1, block(2, 3 + k)));
    if (k % 2 == 0 && k >= 4) s.out(segment(21 + k / 2));
    s.silence();
  }
}

TEST(SceneSackSend, WithoutNewTextProportionalRateSavesTheCredit) {
  Scene s(wide(20));
  send(s, 20);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.in(ack(1, block(2, 19))).silence();
  // Eighteen were delivered and one was sent: ten may be in flight, two are.
  s.app("write " + std::to_string(20 * kMss));
  for (int64_t i = 21; i <= 28; ++i) s.out(segment(i));
  s.silence();
}

TEST(SceneSackSend, WhatWasLostLeavesOneSegmentForEachThatArrives) {
  // RFC 9937: far below ssthresh the conservative bound holds, so that no burst leaves.
  Scene s(wide(20));
  send(s, 20);
  // 1 to 16 are lost, 17 to 19 arrived: one is in flight, ten may be.
  s.at(100).in(ack(1, block(17, 19))).out(segment(1)).out(segment(2)).out(segment(3)).silence();
  s.at(101).in(ack(1, block(17, 20))).out(segment(4)).silence();
  // From here on in slow start, as nothing more is lost.
  s.at(200).in(ack(2, block(17, 20))).out(segment(5)).out(segment(6)).silence();
  s.in(ack(3, block(17, 20))).out(segment(7)).out(segment(8)).silence();
}

TEST(SceneSackSend, TheRecoveredWindowIsTheThreshold) {
  Scene s(sack());
  send(s, 10);
  s.at(100).in(ack(1, block(2, 10))).out(segment(1)).silence();
  s.app("write " + std::to_string(20 * kMss)).whatever();
  s.at(200).in(ack(11)).whatever();
  s.claim(s.info().snd_cwnd == 5 * kMss, "half of ten");
  s.claim(s.info().unacked_bytes == 5 * kMss, "and so much is in flight");
}

TEST(SceneSackSend, ALossInRecoveryIsNoSecondReduction) {
  Scene s(sack());
  send(s, 10);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.in(ack(1, block(6, 8) + " " + block(2, 4))).whatever();
  s.claim(s.info().snd_ssthresh == 5 * kMss, "half of ten, once");
  s.at(200).in(ack(11)).whatever().counter("TcpExtTCPFastRetrans", 1);
}

TEST(SceneSackSend, ALossAfterRecoveryIsASecondReduction) {
  Scene s(sack());
  send(s, 10);
  s.at(100).in(ack(1, block(2, 10))).out(segment(1)).silence();
  s.at(200).in(ack(11)).silence().app("write " + std::to_string(5 * kMss));
  for (int64_t i = 11; i <= 15; ++i) s.out(segment(i));
  s.at(300).in(ack(11, block(12, 15))).out(segment(11)).silence();
  s.claim(s.info().snd_ssthresh == 5 * kMss / 2, "half of five");
  s.counter("TcpExtTCPFastRetrans", 2);
}

// --- Lost again ---------------------------------------------------------------------------------

TEST(SceneSackSend, ALostRetransmissionIsFoundByWhatWasSentLater) {
  // RFC 8985 section 3.3: 1 was sent again at 100 ms, 11 after it; 11 arrives, 1 does not.
  Scene s(sack());
  send(s, 10);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.app("write " + std::to_string(3 * kMss)).silence();
  s.at(101).in(ack(1, block(2, 10))).whatever();
  s.claim(s.info().unacked_bytes == 13 * kMss, "11 to 13 left");
  s.at(201).in(ack(1, block(2, 11))).out(segment(1)).silence();
  s.in(ack(1, block(2, 12))).silence();
  s.at(301).in(ack(14)).silence().counter("TcpExtTCPTimeouts", 0);
}

TEST(SceneSackSend, WithoutAnythingSentLaterALostRetransmissionIsLeftToTheTimer) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 5))).out(segment(1)).silence();
  s.at(400).out(segment(1)).counter("TcpExtTCPTimeouts", 1);
  s.at(500).in(ack(6)).silence();
}

TEST(SceneSackSend, SackedBytesStaySackedAfterATimeout) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.at(400).out(segment(1)).silence();  // 5 is lost too
  s.at(500).in(ack(5)).out(segment(5)).silence();
  s.at(600).in(ack(6)).silence().counter("TcpRetransSegs", 3);
}

TEST(SceneSackSend, APeerThatTakesBackWhatItSackedGetsItAgain) {
  // RFC 2018 section 8: after a timeout the head is sacked, so nothing it said is believed.
  Scene s(sack());
  send(s, 4);
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  s.at(200).in(ack(2)).silence();  // 1 arrived, and 2 to 4 are gone from the peer's memory
  s.out_by(1000, segment(2)).counter("TcpExtTCPSACKReneging", 1);
  s.at(1000).in(ack(3)).out(segment(3)).out(segment(4)).silence();
  s.at(1100).in(ack(5)).silence();
  s.claim(s.info().unacked_bytes == 0, "all arrived in the end");
}

// --- Blocks that make no sense ------------------------------------------------------------------

TEST(SceneSackSend, BlocksThatMakeNoSenseAreSkipped) {
  const auto skipped = [](const std::string& blocks, uint64_t discarded) {
    SCOPED_TRACE(blocks);
    Scene s(sack());
    send(s, 4);
    for (int i = 0; i < 4; ++i) s.at(100).in(". 1 ack 1461 <sack " + blocks + ">").silence();
    s.counter("TcpExtTCPSACKDiscard", 4 * discarded).counter("TcpRetransSegs", 0);
    s.at(110).in(ack(5)).silence();
    s.claim(s.info().unacked_bytes == 0, "all is acknowledged");
  };
  skipped("4381-2921", 1);     // reversed
  skipped("2921-2921", 1);     // empty
  skipped("2921-5842", 1);     // beyond what was sent
  skipped("5842-7302", 1);     // all of it
  skipped("1-2000000000", 1);  // more than any window
  skipped("5841-4381 4381-4381 2921-99999 -5-99999", 4);
}

TEST(SceneSackSend, ASensibleBlockBesideNonsenseCounts) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, "9000-8000 " + block(2, 4))).out(segment(1)).silence();
}

TEST(SceneSackSend, ABlockThatReachesBelowTheAcknowledgementSaysNothingOfLoss) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(3, "1461-4381")).silence().in(ack(3, "1461-4381")).silence();
  s.at(110).in(ack(6)).silence().counter("TcpRetransSegs", 0);
}

TEST(SceneSackSend, ADuplicateBelowTheAcknowledgementIsNoHole) {
  Scene s(sack());
  send(s, 5);
  for (int i = 0; i < 5; ++i) s.at(100).in(ack(3, block(1, 1))).silence();
  s.counter("TcpExtTCPDSACKRecv", 5).counter("TcpRetransSegs", 0);
  s.at(110).in(ack(6)).silence();
}

TEST(SceneSackSend, ADuplicateWithinTheSecondBlockIsToldFromNews) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 2))).silence();
  s.in(ack(1, block(2, 2) + " " + block(2, 2))).silence().counter("TcpExtTCPDSACKRecv", 1);
  s.at(110).in(ack(6)).silence().counter("TcpRetransSegs", 0);
}

TEST(SceneSackSend, ADuplicateMarkThatIsTheFirstNewsOfItsBytesStillSacksThem) {
  // The acknowledgement that sacked 2 first was lost; its second copy is reported with the block
  // that holds it, and that is news.
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(1, block(2, 2) + " " + block(2, 4))).out(segment(1)).silence();
}

TEST(SceneSackSend, BlocksOnAnOldAcknowledgementAreIgnored) {
  Scene s(sack());
  send(s, 5);
  s.at(100).in(ack(3)).silence().in(ack(1, block(2, 4))).silence();
  s.at(110).in(ack(6)).silence().counter("TcpRetransSegs", 0);
}

TEST(SceneSackSend, BlocksOnAnAcknowledgementOfTheUnsentAreIgnored) {
  Scene s(sack());
  send(s, 3);
  s.at(100).in(ack(9, block(2, 3))).out(". 4381 ack 1").silence();
  s.at(110).in(ack(4)).silence();
}

TEST(SceneSackSend, SingleBytesSackedEverywhereCostNoMemoryThatIsNotThere) {
  const auto flood = [](const Stage& stage) {
    Scene s(stage);
    send(s, 10);
    for (int64_t i = 2; i < 10 * kMss; i += 8) {
      std::string blocks;
      for (int64_t k = i; k < i + 8 && k < 10 * kMss; k += 2) {
        blocks += " " + std::to_string(k) + "-" + std::to_string(k + 1);
      }
      s.in(". 1 ack 1 <sack" + blocks + ">").whatever();
    }
    s.at(100).whatever().in(ack(11)).whatever();
    s.claim(s.info().unacked_bytes == 0, "all is acknowledged");
    s.app("write 100").whatever();
  };
  flood(sack());
  flood(sack().tune_shard([](ShardConfig& c) { c.flight_runs_max = 1; }));
}

TEST(SceneSackSend, WithoutMemoryForTheHolesTheyAreStillRepaired) {
  // One record beyond the one that every connection has: what is known gets coarser, not wrong.
  Scene s(sack().tune_shard([](ShardConfig& c) { c.flight_runs_max = 1; }));
  send(s, 10);
  s.at(100)
      .in(ack(1, block(2, 2)))
      .whatever()
      .in(ack(1, block(2, 2) + " " + block(4, 4)))
      .whatever();
  s.in(ack(1, block(6, 6) + " " + block(4, 4) + " " + block(2, 2))).whatever();
  s.at(2000).whatever().in(ack(2)).whatever().at(2100).whatever().in(ack(5)).whatever();
  s.at(4000).whatever().in(ack(11)).silence();
  s.claim(s.info().unacked_bytes == 0, "all is acknowledged");
}

TEST(SceneSackSend, WithoutMemoryATimeoutIsRepairedAtTheUsualPace) {
  // Sixty-four connections share one record beyond their two; this one has both.
  Scene s(sack()
              .tune([](TcpOptions& o) { o.rto_initial = o.rto_max = milliseconds(200); })
              .tune_shard([](ShardConfig& c) { c.flight_runs_max = 1; }));
  send(s, 8);
  s.at(200).out(segment(1)).silence();
  s.at(300).in(ack(2)).out(segment(2)).out(segment(3)).silence();
  s.at(400).in(ack(4));
  out_segments(s, 4, 7);
  s.at(500).in(ack(8)).out(segment(8)).silence().at(600).in(ack(9)).silence();
  s.counter("TcpExtTCPTimeouts", 1).counter("TcpRetransSegs", 8);
}

// --- The end of the stream ----------------------------------------------------------------------

TEST(SceneSackSend, ALostFinIsSentAgainByTheTimer) {
  Scene s(sack());
  s.at(0).app("write 2920").out(segment(1)).out(segment(2)).app("shutdown").out("F. 2921 ack 1");
  s.at(100).in(ack(3)).silence();
  s.out_by(1000, "F. 2921 ack 1").in(". 1 ack 2922").silence().state("FIN-WAIT-2");
}

TEST(SceneSackSend, AFinIsSackedWithTheTextBeforeIt) {
  Scene s(sack());
  s.at(0).app("write 5840").out(segment(1)).out(segment(2)).out(segment(3)).out(segment(4));
  s.app("shutdown").out("F. 5841 ack 1");
  s.at(100).in(". 1 ack 1 <sack 1461-5842>").out(segment(1)).silence();
  s.at(200).in(". 1 ack 5842").silence().state("FIN-WAIT-2").counter("TcpRetransSegs", 1);
}

TEST(SceneSackSend, ALostLastSegmentLeavesWithItsFin) {
  Scene s(sack());
  s.at(0).app("write 5840").out(segment(1)).out(segment(2)).out(segment(3)).out(segment(4));
  s.app("shutdown").out("F. 5841 ack 1");
  s.at(100).in(ack(4)).silence();
  s.out_by(1000, "F. 4381:5841 ack 1").in(". 1 ack 5842").silence().state("FIN-WAIT-2");
}

TEST(SceneSackSend, AFinLostWithTheHoleBeforeItIsRepairedWithIt) {
  Scene s(sack());
  send(s, 5);
  s.app("shutdown").out("F. 7301 ack 1");
  s.at(100).in(ack(1, block(2, 4))).out(segment(1)).silence();
  // What was sent again at 100 ms has arrived, what was sent at 0 ms has not.
  s.at(200).in(ack(5)).out("F. 5841:7301 ack 1").silence();
  s.at(300).in(". 1 ack 7302").silence().state("FIN-WAIT-2");
}

}  // namespace
}  // namespace millrace::test
