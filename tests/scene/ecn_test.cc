// SPDX-License-Identifier: BSD-3-Clause
// Explicit congestion notification as RFC 3168 has it: what SYN and SYN-ACK agree on, a mark that
// is echoed until it is answered, one reduction for a window. A segment is 1460 bytes.
#include <gtest/gtest.h>

#include <string>

#include "scene/marked.h"

namespace millrace::test {
namespace {

// The peer connects, and asks.
void open_by_peer(Scene& s) {
  s.at(0).in("SEW 0 <mss 1460>").out("SE. 0 ack 1 notect").in(". 1 ack 1").silence();
}
// --- Agreement (section 6.1.1) ------------------------------------------------------------------

TEST(SceneEcn, AListenerAgreesWhenItIsAsked) {
  Scene s(server());
  s.at(0).in("SEW 0 <mss 1460>").out("SE. 0 ack 1 notect");
  s.at(1).in(". 1 ack 1").silence();
  s.at(2).app("write 100").out("P. 1:101 ack 1 ect0");
  s.claim(s.info().ecn == EcnMode::kClassic && s.info().ecn_ect, "tcp_info shows it");
}

TEST(SceneEcn, AListenerDoesNotOfferWhatNobodyAskedFor) {
  for (const char* syn : {"S 0", "SE 0", "SW 0", "SA 0", "SAE 0", "SAW 0"}) {
    Scene s(server());
    s.at(0).in(syn).out("S. 0 ack 1 notect").in(". 1 ack 1").silence();
    s.at(1).app("write 100").out("P. 1:101 ack 1 notect");
    s.claim(s.info().ecn == EcnMode::kNone && !s.info().ecn_ect, "none was agreed on");
  }
}

TEST(SceneEcn, AListenerThatIsToldNotToDoesNotAgree) {
  Scene s(server().ecn(Ecn::kOff));
  s.at(0).in("SEW 0 <mss 1460>").out("S. 0 ack 1 notect").in(". 1 ack 1").silence();
  s.at(1).app("write 100").out("P. 1:101 ack 1 notect");
  s.at(2).in("1:101 ack 101 ce").at(42).out(". 101 ack 101 notect");
}

TEST(SceneEcn, AListenerOfTheClassicKindGivesThatToAPeerThatWantsMore) {
  for (const Ecn mode : {Ecn::kPassive, Ecn::kClassic}) {
    Scene s(server().ecn(mode));
    s.at(0).in("SEWA 0 <mss 1460>").out("SE. 0 ack 1 notect").in(". 1 ack 1").silence();
    s.claim(s.info().ecn == EcnMode::kClassic, "RFC 3168");
  }
}

TEST(SceneEcn, ConnectAsksOnlyWhenItIsToldTo) {
  for (const Ecn mode : {Ecn::kOff, Ecn::kPassive}) {
    Scene s(client().ecn(mode));
    s.at(0).app("connect").out("S 0 notect").in("SE. 0 ack 1 <mss 1460>").out(". 1 ack 1 notect");
    s.at(1).app("write 100").out("P. 1:101 ack 1 notect");
    s.claim(s.info().ecn == EcnMode::kNone, "who has not asked takes no answer");
  }
}

TEST(SceneEcn, ConnectGetsWhatItAsksFor) {
  Scene s(client().ecn(Ecn::kClassic));
  s.at(0).app("connect").out("SEW 0 notect");
  s.at(5).in("SE. 0 ack 1 <mss 1460>").out(". 1 ack 1 notect");
  s.at(6).app("write 100").out("P. 1:101 ack 1 ect0");
  s.claim(s.info().ecn == EcnMode::kClassic && s.info().ecn_ect, "tcp_info shows it");
}

TEST(SceneEcn, ASynAckThatDoesNotAgreeEndsIt) {
  // None; all that was sent, as a host that reflects what it does not know would; nonsense.
  for (const char* answer : {"S.", "SEW.", "SW.", "SEWA."}) {
    Scene s(client().ecn(Ecn::kClassic));
    s.at(0).app("connect").out("SEW 0 notect");
    s.at(5).in(std::string(answer) + " 0 ack 1 <mss 1460>").out(". 1 ack 1 notect");
    s.at(6).app("write 100").out("P. 1:101 ack 1 notect");
    s.claim(s.info().ecn == EcnMode::kNone, answer);
    s.counter("TcpExtTCPECNFallback", 1);
  }
}

TEST(SceneEcn, ASynThatAsksAndIsLostIsSentAgainWithoutAsking) {
  // Section 6.1.1.1: something on the path may drop what asks.
  Scene s(client().ecn(Ecn::kClassic));
  s.at(0).app("connect").out("SEW 0");
  s.at(1000).out("S 0 notect").counter("TcpExtTCPECNFallback", 1);
  s.at(3000).out("S 0 notect");
  s.at(3010).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1");
  s.at(3020).app("write 100").out("P. 1:101 ack 1 notect");
  s.claim(s.info().ecn == EcnMode::kNone, "none").counter("TcpExtTCPECNFallback", 1);
}

TEST(SceneEcn, WhoHasSentBothKindsOfSynSendsNoEctButEchoesMarks) {
  Scene s(client().ecn(Ecn::kClassic));
  s.at(0).app("connect").out("SEW 0");
  s.at(1000).out("S 0");
  s.at(1001).in("SE. 0 ack 1 <mss 1460>").out(". 1 ack 1");
  s.at(1010).app("write 100").out("P. 1:101 ack 1 notect");
  s.at(1020).in("1:11 ack 101 ce").at(1060).out("E. 101 ack 11 notect");
  s.claim(s.info().ecn == EcnMode::kClassic && !s.info().ecn_ect, "one way only");
}

TEST(SceneEcn, WhoHasReceivedBothKindsOfSynSendsNoEct) {
  Scene s(server());
  s.at(0).in("SEW 0 <mss 1460>").out("SE. 0 ack 1");
  s.at(500).in("S 0 <mss 1460>").out("SE. 0 ack 1");
  s.at(510).in(". 1 ack 1").app("write 100").out("P. 1:101 ack 1 notect");
  s.at(520).in("1:11 ack 101 ce").at(560).out("E. 101 ack 11 notect");
}

TEST(SceneEcn, ASynAckThatIsSentAgainStillAgrees) {
  Scene s(server());
  s.at(0).in("SEW 0 <mss 1460>").out("SE. 0 ack 1");
  s.at(1000).out("SE. 0 ack 1 notect");
  s.at(3000).out("SE. 0 ack 1 notect");
  s.at(3010).in(". 1 ack 1").app("write 100").out("P. 1:101 ack 1 ect0");
}

TEST(SceneEcn, ASimultaneousOpenAgreesWhenBothAsk) {
  Scene s(client().ecn(Ecn::kClassic));
  s.at(0).app("connect").out("SEW 0");
  s.at(1).in("SEW 0 <mss 1460>").out("SE. 0 ack 1 notect");
  s.at(2).in("SE. 0 ack 1 <mss 1460>").out(". 1 ack 1 notect").state("ESTABLISHED");
  s.at(3).app("write 100").out("P. 1:101 ack 1 ect0");
}

TEST(SceneEcn, ASimultaneousOpenDoesNotAgreeWhenOneDoesNotAsk) {
  Scene asks(client().ecn(Ecn::kClassic));
  asks.at(0).app("connect").out("SEW 0");
  asks.at(1).in("S 0 <mss 1460>").out("S. 0 ack 1 notect");
  asks.at(2)
      .in("S. 0 ack 1 <mss 1460>")
      .out(". 1 ack 1")
      .app("write 9")
      .out("P. 1:10 ack 1 notect");

  Scene does_not(client());
  does_not.at(0).app("connect").out("S 0");
  does_not.at(1).in("SEW 0 <mss 1460>").out("S. 0 ack 1 notect");
}

TEST(SceneEcn, ASynCookieCarriesItInTheTimestamp) {
  const auto cookies = [](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; };
  Scene s(server().timestamps().tune_shard(cookies));
  s.at(0).in("SEW 0 <mss 1460,ts 100 0>").out("SE. 0 ack 1 notect").half_open(0);
  s.at(1).in(". 1 ack 1 <ts 101 *>").app("write 100").out("P. 1:101 ack 1 ect0");
  s.claim(s.info().ecn == EcnMode::kClassic, "RFC 3168");

  Scene asked_for_more(server().timestamps().ecn(Ecn::kAccurate).tune_shard(cookies));
  asked_for_more.at(0).in("SEWA 0 <mss 1460,ts 100 0>").out("SE. 0 ack 1 notect");
  asked_for_more.at(1).in(". 1 ack 1 <ts 101 *>").app("write 9").out("P. 1:10 ack 1 ect0");

  Scene did_not_ask(server().timestamps().tune_shard(cookies));
  did_not_ask.at(0).in("S 0 <mss 1460,ts 100 0>").out("S. 0 ack 1 notect");
  did_not_ask.at(1).in(". 1 ack 1 <ts 101 *>").app("write 9").out("P. 1:10 ack 1 notect");
}

TEST(SceneEcn, ASynCookieWithoutTimestampsHasNoRoomForIt) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; }));
  s.at(0).in("SEW 0 <mss 1460>").out("S. 0 ack 1 notect");
  s.at(1).in(". 1 ack 1").app("write 9").out("P. 1:10 ack 1 notect");
}

// --- The receiver (section 6.1.3) ---------------------------------------------------------------

TEST(SceneEcn, AMarkIsEchoedUntilTheSenderHasReduced) {
  Scene s(server().statistics());
  open_by_peer(s);
  s.at(1).in("1:1461 ack 1 ce").in("1461:2921 ack 1 ect0").out("E. 1 ack 2921 notect");
  s.at(2).app("write 10").out("PE. 1:11 ack 2921 ect0");  // everything says so
  s.at(3).in("W. 2921:4381 ack 11 ect0").in("4381:5841 ack 11 ect0").out(". 11 ack 5841 notect");
  s.at(4).in("5841:5941 ack 11 ect0").at(44).out(". 11 ack 5941 notect");
  s.claim(s.info().ce_received == 1, "tcp_info counts it");
  s.counter("IpExtInCEPkts", 1).counter("IpExtInECT0Pkts", 4).counter("IpExtInECT1Pkts", 0);
}

TEST(SceneEcn, AMarkOnTheSegmentThatSaysCwrIsANewOne) {
  Scene s(server());
  open_by_peer(s);
  s.at(1).in("1:101 ack 1 ce").in("W. 101:201 ack 1 ce");
  s.at(41).out("E. 1 ack 201 notect");
  s.at(50).in("W. 201:301 ack 1 ect1").at(90).out(". 1 ack 301 notect");
}

TEST(SceneEcn, AMarkOnASegmentWithoutTextIsNotEchoed) {
  Scene s(server());
  open_by_peer(s);
  s.at(1).in(". 1 ack 1 ce").silence();
  s.at(2).in("1:101 ack 1 ect0").at(42).out(". 1 ack 101 notect");
}

TEST(SceneEcn, AMarkOnTextThatIsOutsideTheWindowIsNotEchoed) {
  // Section 6.1.5: it may be from an attacker, or of long ago.
  Scene s(server());
  open_by_peer(s);
  s.at(1).in("70000:70100 ack 1 ce").out(". 1 ack 1 notect");
  s.at(2).in("1:101 ack 1 ect0").at(42).out(". 1 ack 101 notect");
  s.at(50).in("1:101 ack 1 ce").out(". 1 ack 101 notect");
}

TEST(SceneEcn, AMarkOnTextThatCameOutOfOrderIsEchoedAtOnce) {
  Scene s(server());
  open_by_peer(s);
  s.at(1).in("101:201 ack 1 ce").out("E. 1 ack 1 notect");
}

TEST(SceneEcn, MarksMeanNothingWithoutAgreement) {
  Scene s(established());
  s.at(0).in("1:101 ack 1 ce").at(40).out(". 1 ack 101 notect");
  s.counter("IpExtInCEPkts", 1);
}

// --- The sender (section 6.1.2) -----------------------------------------------------------------

TEST(SceneEcn, AnEchoedMarkHalvesTheWindowOnceAndIsAnswered) {
  Scene s(server().statistics());
  open_by_peer(s);
  s.at(1).app("write " + std::to_string(40 * kMss));
  expect_new_text(s, 0, 10);
  // The window of ten becomes one of five: half as much leaves as arrives, and all of it is new.
  s.at(101).in("E." + acked(2)).out("W. " + text(10) + " ack 1 ect0").silence();
  s.at(102).in("E." + acked(4)).out(text(11) + " ack 1 ect0").silence();
  s.at(103).in("E." + acked(6)).out(text(12) + " ack 1 ect0").silence();
  s.at(104).in("E." + acked(8)).silence();  // five are under way
  s.at(105).in("E." + acked(10));
  expect_new_text(s, 13, 15);
  s.claim(s.info().snd_cwnd == 5 * kMss && s.info().snd_ssthresh == 5 * kMss,
          "half of ten segments");
  s.claim(s.info().ce_delivered == 5, "one for each acknowledgement that says so");
  // The first that covers CWR no longer does; congestion avoidance from here.
  s.at(201).in("." + acked(12));
  expect_new_text(s, 15, 17);
  s.counter("TcpExtTCPECNReductions", 1).counter("TcpExtTCPDeliveredCE", 5);
  s.counter("TcpRetransSegs", 0);
}

TEST(SceneEcn, AMarkInTheNextWindowHalvesAgain) {
  Scene s(server());
  open_by_peer(s);
  s.at(1).app("write " + std::to_string(40 * kMss));
  expect_new_text(s, 0, 10);
  s.at(101).in("E." + acked(10)).out("W. " + text(10) + " ack 1 ect0");
  expect_new_text(s, 11, 15);
  // Still the old one: CWR has not reached the peer.
  s.at(150)
      .in("E. 1:101 ack " + std::to_string(1 + 10 * kMss))
      .counter("TcpExtTCPECNReductions", 1);
  s.at(190).out(". 21901 ack 101 notect");
  s.at(201).in("E. 101 ack " + std::to_string(1 + 15 * kMss));
  s.out("W. " + text(15) + " ack 101 ect0").out(text(16) + " ack 101 ect0").silence();
  s.counter("TcpExtTCPECNReductions", 2);
  s.claim(s.info().snd_ssthresh == 5 * kMss / 2, "a quarter of ten segments");
}

TEST(SceneEcn, ReductionsEndAtTwoSegments) {
  Scene s(server());
  open_by_peer(s);
  s.at(1).app("write " + std::to_string(40 * kMss));
  expect_new_text(s, 0, 10);
  int64_t sent = 10;
  for (int64_t round = 1; round <= 5; ++round) {
    s.at(round * 100).in("E." + acked(sent)).whatever();
    sent = (s.info().snd_nxt - s.local_isn()) / kMss;
  }
  s.claim(s.info().snd_cwnd == 2 * kMss, "the least");
  s.counter("TcpExtTCPECNReductions", 5);
}

TEST(SceneEcn, AnEchoWithNothingInFlightChangesNothing) {
  Scene s(server());
  open_by_peer(s);
  const uint32_t window = s.info().snd_cwnd;
  s.at(1).in("E. 1 ack 1").silence();
  s.claim(s.info().snd_cwnd == window, "the window");
  s.at(2).app("write 100").out("P. 1:101 ack 1 ect0").counter("TcpExtTCPECNReductions", 0);
}

TEST(SceneEcn, AnEchoMeansNothingWithoutAgreement) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1 notect");
  s.at(10).in("EW. 1 ack 101").silence();
  s.at(11).app("write 100").out("P. 101:201 ack 1 notect").counter("TcpExtTCPECNReductions", 0);
}

TEST(SceneEcn, WhatIsSentAgainIsNotOpenToMarks) {
  // Section 6.1.5. And the timeout is told by CWR, on new text only.
  Scene s(server());
  open_by_peer(s);
  s.at(1).app("write 100").out("P. 1:101 ack 1 ect0");
  s.at(1001).out("P. 1:101 ack 1 notect");
  s.at(1010).in(". 1 ack 101").app("write 100").out("PW. 101:201 ack 1 ect0");
  s.at(1020).in(". 1 ack 201").app("write 100").out("P. 201:301 ack 1 ect0");
}

TEST(SceneEcn, FastRetransmitIsToldByCwr) {
  Scene s(server());
  open_by_peer(s);
  s.at(1).app("write " + std::to_string(20 * kMss));
  expect_new_text(s, 0, 10);
  s.at(101).in(". 1 ack 1").out(text(10) + " ack 1 ect0");  // limited transmit
  s.at(102).in(". 1 ack 1").out(text(11) + " ack 1 ect0");
  s.at(103).in(". 1 ack 1").out(text(0) + " ack 1 notect");
  s.at(104).whatever();
  s.at(105).in("." + acked(12)).out("W. " + text(12) + " ack 1 ect0").whatever();
}

TEST(SceneEcn, ALossInAWindowThatWasReducedIsRepairedWithoutAnotherReduction) {
  Scene s(server());
  open_by_peer(s);
  s.at(1).app("write " + std::to_string(40 * kMss));
  expect_new_text(s, 0, 10);
  s.at(101).in("E." + acked(2)).out("W. " + text(10) + " ack 1 ect0").silence();
  for (int64_t ms = 102; ms < 112; ++ms) s.at(ms).in("E." + acked(2)).whatever();
  s.claim(s.info().snd_ssthresh == 5 * kMss, "what the mark made it");
  s.counter("TcpRetransSegs", 1).counter("TcpExtTCPFastRetrans", 1);
  s.counter("TcpExtTCPECNReductions", 1);
}

TEST(SceneEcn, EmptySegmentsAreNotOpenToMarks) {
  Scene s(server().keepalive(1000, 1000, 3));
  open_by_peer(s);
  s.at(1000).out(". 0 ack 1 notect").in(". 1 ack 1");
  s.at(1500).in("F. 1 ack 1").out(". 1 ack 2 notect").app("shutdown").out("F. 1 ack 2 notect");
}

TEST(SceneEcn, AResetIsNotOpenToMarks) {
  Scene s(server());
  open_by_peer(s);
  s.at(1).app("abort").out("R. 1 ack 1 notect");
}

TEST(SceneEcn, AProbeOfAClosedWindowIsNotOpenToMarksAndDoesNotSayCwr) {
  // Section 6.1.6. The byte of a probe need not be taken, nor its flags be seen.
  Scene s(server());
  open_by_peer(s);
  s.at(1).app("write 100").out("P. 1:101 ack 1 ect0");
  s.at(10).in("E. 1 ack 101 win 0").app("write 100").silence();
  s.at(210).out(". 101:102 ack 1 notect");
  s.at(220).in(". 1 ack 101 win 1000").out("PW. 101:201 ack 1 ect0");
}

}  // namespace
}  // namespace millrace::test
