// SPDX-License-Identifier: BSD-3-Clause
// Accurate ECN, RFC 9768: three flags of SYN and SYN-ACK that agree on it and reflect the ECN field
// that each arrived with; a count of marks, modulo 8, on everything after. A digit among the flags
// is AE, CWR and ECE as one number. A segment is 1460 bytes.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "scene/marked.h"

namespace millrace::test {
namespace {

Stage listener() { return server().ecn(Ecn::kAccurate).statistics(); }
Stage connector() { return client().ecn(Ecn::kAccurate).statistics(); }

// The peer connects, and asks. Counts of both sides begin at 5.
void open_by_peer(Scene& s) {
  s.at(0).in("S7 0 <mss 1460>").out("S2. 0 ack 1 notect").in(".2 1 ack 1").silence();
}
// We connect, and ask.
void open_to_peer(Scene& s) {
  s.at(0).app("connect").out("S7 0 notect");
  s.in("S2. 0 ack 1 <mss 1460>").out(".2 1 ack 1 notect").silence();
}
// Segments `from` to `to` leave, and say that no mark was seen.
void expect_unmarked_text(Scene& s, int64_t from, int64_t to) {
  expect_new_text(s, from, to, ".5 ");
}

// --- Agreement (section 3.1) --------------------------------------------------------------------

TEST(SceneAccEcn, AListenerAgreesAndReflectsHowTheSynArrived) {
  struct Row {
    const char* syn;
    const char* answer;
  };
  for (const Row& row : {Row{"S7 0 <mss 1460> notect", "S2. 0 ack 1 notect"},
                         Row{"S7 0 <mss 1460> ect1", "S3. 0 ack 1 notect"},
                         Row{"S7 0 <mss 1460> ect0", "S4. 0 ack 1 notect"},
                         Row{"S7 0 <mss 1460> ce", "S6. 0 ack 1 notect"}}) {
    Scene s(listener());
    s.at(0).in(row.syn).out(row.answer).in(".2 1 ack 1").silence();
    s.claim(s.info().ecn == EcnMode::kAccurate && s.info().ecn_ect, row.syn);
    s.at(1).app("write 100").out("P.5 1:101 ack 1 ect0");
  }
}

TEST(SceneAccEcn, AListenerGivesEachPeerWhatItAsksFor) {
  // Table 2; and section 3.1.3: what is not defined yet asks for accurate feedback.
  for (const char* syn : {"S1 0", "S2 0", "S4 0", "S5 0", "S6 0", "S7 0"}) {
    Scene s(listener());
    s.at(0).in(syn).out("S2. 0 ack 1").in(".2 1 ack 1").silence();
    s.claim(s.info().ecn == EcnMode::kAccurate, syn);
  }
  Scene classic(listener());
  classic.at(0).in("S3 0").out("S1. 0 ack 1").in(". 1 ack 1").silence();
  classic.claim(classic.info().ecn == EcnMode::kClassic, "011 is RFC 3168");
  Scene none(listener());
  none.at(0).in("S0 0").out("S0. 0 ack 1").in(". 1 ack 1").silence();
  none.claim(none.info().ecn == EcnMode::kNone, "000 is nothing");
}

TEST(SceneAccEcn, ConnectAsksAndReflectsHowTheSynAckArrived) {
  struct Row {
    const char* answer;
    const char* ack;
    const char* count;  // as later segments say it
  };
  for (const Row& row :
       {Row{"S2. 0 ack 1 <mss 1460> notect", ".2 1 ack 1 notect", "P.5 1:101 ack 1 ect0"},
        Row{"S2. 0 ack 1 <mss 1460> ect1", ".3 1 ack 1 notect", "P.5 1:101 ack 1 ect0"},
        Row{"S2. 0 ack 1 <mss 1460> ect0", ".4 1 ack 1 notect", "P.5 1:101 ack 1 ect0"},
        Row{"S2. 0 ack 1 <mss 1460> ce", ".6 1 ack 1 notect", "P.6 1:101 ack 1 ect0"},
        // Section 3.1.3: reserved, and as good as an agreement.
        Row{"S5. 0 ack 1 <mss 1460> notect", ".2 1 ack 1 notect", "P.5 1:101 ack 1 ect0"}}) {
    Scene s(connector());
    s.at(0).app("connect").out("S7 0 notect");
    s.at(5).in(row.answer).out(row.ack);
    s.at(6).app("write 100").out(row.count);
    s.claim(s.info().ecn == EcnMode::kAccurate && s.info().ecn_ect, row.answer);
  }
}

TEST(SceneAccEcn, ConnectTakesLessFromAPeerThatKnowsNoBetter) {
  Scene classic(connector());
  classic.at(0).app("connect").out("S7 0").in("S1. 0 ack 1 <mss 1460>").out(".0 1 ack 1 notect");
  classic.at(1).app("write 100").out("P.0 1:101 ack 1 ect0");
  classic.claim(classic.info().ecn == EcnMode::kClassic, "001 is RFC 3168");
  // Nothing; and all flags as they were sent, which a host does that reflects what it does not
  // know.
  for (const char* answer : {"S0. 0 ack 1 <mss 1460>", "S7. 0 ack 1 <mss 1460>"}) {
    Scene s(connector());
    s.at(0).app("connect").out("S7 0").in(answer).out(".0 1 ack 1 notect");
    s.at(1).app("write 100").out("P.0 1:101 ack 1 notect");
    s.claim(s.info().ecn == EcnMode::kNone, answer).counter("TcpExtTCPECNFallback", 1);
  }
}

TEST(SceneAccEcn, ASynAsksOnceMoreAndThenNoLonger) {
  // Section 3.1.4.1.
  Scene s(connector());
  s.at(0).app("connect").out("S7 0 notect");
  s.at(1000).out("S7 0 notect").counter("TcpExtTCPECNFallback", 0);
  s.at(3000).out("S0 0 notect").counter("TcpExtTCPECNFallback", 1);
  s.at(7000).out("S0 0 notect");
  s.at(7010)
      .in("S. 0 ack 1 <mss 1460>")
      .out(". 1 ack 1")
      .app("write 9")
      .out("P. 1:10 ack 1 notect");
  s.claim(s.info().ecn == EcnMode::kNone, "none").counter("TcpExtTCPECNFallback", 1);
}

TEST(SceneAccEcn, WhoHasAskedAndNotAskedIsInTheModeOfTheAnswer) {
  // Section 3.1.5: the answer is to the first SYN, which was only late, so the listener knows.
  Scene s(connector());
  s.at(0).app("connect").out("S7 0");
  s.at(1000).out("S7 0");
  s.at(3000).out("S0 0");
  s.at(3001).in("S2. 0 ack 1 <mss 1460>").out(".2 1 ack 1");
  s.at(3002).app("write 100").out("P.5 1:101 ack 1 ect0");
  s.at(3003).in(".5 1:11 ack 101 ce").out(".6 101 ack 11 notect");
  s.claim(s.info().ecn == EcnMode::kAccurate && s.info().ecn_ect, "both ways");
}

TEST(SceneAccEcn, WhoHasAskedAndNotAskedSendsNoEctInTheClassicMode) {
  // RFC 3168 section 6.1.1.
  Scene s(connector());
  s.at(0).app("connect").out("S7 0");
  s.at(1000).out("S7 0");
  s.at(3000).out("S0 0");
  s.at(3001).in("S1. 0 ack 1 <mss 1460>").out(".0 1 ack 1");
  s.at(3002).app("write 100").out("P.0 1:101 ack 1 notect");
  s.claim(s.info().ecn == EcnMode::kClassic && !s.info().ecn_ect, "one way only");
}

TEST(SceneAccEcn, ASynAckAgreesOnceMoreAndThenNoLonger) {
  // Section 3.2.3.2.2. The mode stays, but after a SYN-ACK without it ECT is not to be sent.
  Scene s(listener());
  s.at(0).in("S7 0 <mss 1460>").out("S2. 0 ack 1 notect");
  s.at(1000).out("S2. 0 ack 1 notect");
  s.at(3000).out("S0. 0 ack 1 notect");
  s.at(3010).in(".2 1 ack 1").app("write 100").out("P.5 1:101 ack 1 notect");
  s.at(3020).in(".5 1:11 ack 101 ce").out(".6 101 ack 11 notect");
}

TEST(SceneAccEcn, TheLastSynIsReflected) {
  Scene s(listener());
  s.at(0).in("S7 0 <mss 1460> notect").out("S2. 0 ack 1 notect");
  s.at(500).in("S7 0 <mss 1460> ce").out("S6. 0 ack 1 notect");
  s.at(501).in(".2 1 ack 1").app("write 100").out("P.5 1:101 ack 1 ect0");
}

TEST(SceneAccEcn, ASynThatDoesNotAskAnyMoreChangesNoModeButEndsEct) {
  Scene s(listener());
  s.at(0).in("S7 0 <mss 1460>").out("S2. 0 ack 1 notect");
  s.at(500).in("S0 0 <mss 1460>").out("S2. 0 ack 1 notect");
  s.at(501).in(".2 1 ack 1").app("write 100").out("P.5 1:101 ack 1 notect");
  s.claim(s.info().ecn == EcnMode::kAccurate, "as the first SYN asked");
  Scene classic(listener());
  classic.at(0).in("S3 0 <mss 1460>").out("S1. 0 ack 1 notect");
  classic.at(500).in("S0 0 <mss 1460>").out("S1. 0 ack 1 notect");
  classic.at(501).in(". 1 ack 1").app("write 100").out("P. 1:101 ack 1 notect");
  Scene none(listener());
  none.at(0).in("S0 0 <mss 1460>").out("S0. 0 ack 1 notect");
  none.at(500).in("S7 0 <mss 1460>").out("S0. 0 ack 1 notect");
}

TEST(SceneAccEcn, WhoAsksForBothKindsIsReset) {
  // Section 3.1.5: neither end could know which SYN the other has gone by.
  for (const auto& [first, answer, second] : {std::tuple{"S7 0", "S2. 0 ack 1", "S3 0"},
                                              {"S3 0", "S1. 0 ack 1", "S7 0"},
                                              {"S3 0", "S1. 0 ack 1", "S4 0"}}) {
    Scene s(listener());
    s.at(0).in(first).out(answer);
    s.at(500).in(second).out("R. =0 ack 1").silence().half_open(0);
    s.at(501).in(".2 1 ack 1").out("R 1").silence();  // to a peer that has seen the SYN-ACK
  }
  // A SYN of another peer's, which took the same ports, is none of that.
  Scene s(listener());
  s.at(0).in("S7 0").out("S2. 0 ack 1");
  s.at(500).in("S3 70000").out(".5 1 ack 1").half_open(1);
}

TEST(SceneAccEcn, AListenerThatKnowsOnlyTheClassicKindTakesBothForIt) {
  Scene s(server().ecn(Ecn::kClassic));
  s.at(0).in("S7 0 <mss 1460>").out("S1. 0 ack 1 notect");
  s.at(500).in("S3 0 <mss 1460>").out("S1. 0 ack 1 notect").half_open(1);
}

TEST(SceneAccEcn, ASynAckThatComesAgainIsReflectedAgain) {
  Scene s(connector());
  s.at(0).app("connect").out("S7 0").in("S2. 0 ack 1 <mss 1460>").out(".2 1 ack 1");
  s.at(1000).in("S2. 0 ack 1 <mss 1460> ce").out(".6 1 ack 1 notect");
  s.at(1010).app("write 100").out("P.6 1:101 ack 1 ect0");
  s.claim(s.info().ce_received == 1, "a mark counts once");
}

TEST(SceneAccEcn, AnAcknowledgementOfTextSaysTheCountThoughASynAckCameAgain) {
  Scene s(connector());
  open_to_peer(s);
  s.at(1).in_burst({"S2. 0 ack 1 <mss 1460>", ".5 1:11 ack 1 ect0"}).out(".5 1 ack 11 notect");
}

TEST(SceneAccEcn, ASynAckWithoutAgreementBehindOneThatHadItChangesNothing) {
  // Section 3.1.5: once established, the flags of SYN-ACKs are ignored.

  Scene s(connector());
  s.at(0).app("connect").out("S7 0").in("S2. 0 ack 1 <mss 1460>").out(".2 1 ack 1");
  s.at(3000).in("S0. 0 ack 1 <mss 1460>").out(".2 1 ack 1 notect");
  s.at(3010).app("write 100").out("P.5 1:101 ack 1 ect0").counter("TcpExtTCPECNFallback", 0);
}

TEST(SceneAccEcn, ASimultaneousOpenAgreesWhenBothAsk) {
  Scene s(connector());
  s.at(0).app("connect").out("S7 0");
  s.at(1).in("S7 0 <mss 1460> ce").out("S6. 0 ack 1 notect");
  s.at(2).in("S2. 0 ack 1 <mss 1460>").out(".5 1 ack 1 notect").state("ESTABLISHED");
  s.at(3).app("write 100").out("P.5 1:101 ack 1 ect0");
}

TEST(SceneAccEcn, TextThatWaitsGoesBehindTheReflection) {
  // Section 3.2.2.1: only a pure ACK carries it.
  Scene s(connector());
  s.at(0).app("connect").app("write 100").out("S7 0");
  s.at(5).in("S2. 0 ack 1 <mss 1460> ect0").out(".4 1 ack 1 notect").out("P.5 1:101 ack 1 ect0");
}

TEST(SceneAccEcn, AnAckOfAHalfOpenConnectionSaysTheFirstCount) {
  Scene s(listener());
  s.at(0).in("S7 0 <mss 1460>").out("S2. 0 ack 1");
  s.at(1).in("70000:70010 ack 1").out(".5 1 ack 1 notect").half_open(1);
}

// --- A path that changes what it carries (section 3.2.2.3 and 3.2.2.4) --------------------------

TEST(SceneAccEcn, ASynThatArrivedOtherwiseThanItWasSentEndsEct) {
  // We send SYN without ECT; the listener says that it came with.
  for (const char* answer : {"S3. 0 ack 1 <mss 1460>", "S4. 0 ack 1 <mss 1460>"}) {
    Scene s(connector());
    s.at(0).app("connect").out("S7 0").in(answer).out(".2 1 ack 1 notect");
    s.at(1).app("write 100").out("P.5 1:101 ack 1 notect").counter("TcpExtTCPECNFallback", 1);
    s.at(2).in(".5 1:11 ack 101 ce").out(".6 101 ack 11 notect");  // the other way is not affected
  }
}

TEST(SceneAccEcn, AMarkOnASynThatCannotBeMarkedEndsEctAndHalvesTheWindow) {
  Scene s(connector());
  s.at(0).app("connect").out("S7 0").in("S6. 0 ack 1 <mss 1460>").out(".2 1 ack 1 notect");
  s.claim(s.info().snd_cwnd == 5 * kMss, "half of ten segments");
  s.at(1).app("write 100").out("P.5 1:101 ack 1 notect").counter("TcpExtTCPECNFallback", 1);
}

TEST(SceneAccEcn, ASynAckThatArrivedOtherwiseThanItWasSentEndsEct) {
  for (const char* ack : {".3 1 ack 1", ".4 1 ack 1"}) {
    Scene s(listener());
    s.at(0).in("S7 0 <mss 1460>").out("S2. 0 ack 1").in(ack).silence();
    s.at(1).app("write 100").out("P.5 1:101 ack 1 notect").counter("TcpExtTCPECNFallback", 1);
  }
  Scene marked(listener());
  marked.at(0).in("S7 0 <mss 1460>").out("S2. 0 ack 1").in(".6 1 ack 1").silence();
  marked.claim(marked.info().snd_cwnd == 5 * kMss, "half of ten segments");
  marked.counter("TcpExtTCPDeliveredCE", 1);
  marked.at(1).app("write 100").out("P.5 1:101 ack 1 notect").counter("TcpExtTCPECNFallback", 1);
}

TEST(SceneAccEcn, AnAceFieldThatArrivesClearedEndsEct) {
  Scene listening(listener());
  listening.at(0).in("S7 0 <mss 1460>").out("S2. 0 ack 1").in(".0 1 ack 1").silence();
  listening.at(1).app("write 100").out("P.5 1:101 ack 1 notect");
  listening.counter("TcpExtTCPECNFallback", 1);
  // Later fields are not believed either, but what arrives is counted as ever.
  listening.at(2).in(".3 1:11 ack 101 ce").out(".6 101 ack 11 notect");
  listening.counter("TcpExtTCPDeliveredCE", 0);

  Scene connecting(connector());
  open_to_peer(connecting);
  connecting.at(1).app("write 100").out("P.5 1:101 ack 1 ect0");
  connecting.at(2).in(".0 1 ack 101").app("write 100").out("P.5 101:201 ack 1 notect");
  connecting.counter("TcpExtTCPECNFallback", 1).counter("TcpExtTCPDeliveredCE", 0);
}

TEST(SceneAccEcn, ACountThatComesToZeroLaterIsBelieved) {
  Scene s(connector());
  open_to_peer(s);
  s.at(1).app("write 100").out("P.5 1:101 ack 1 ect0");
  s.at(2).in(".7 1 ack 101").app("write 100").out("P.5 101:201 ack 1 ect0");
  s.at(3).in(".0 1 ack 201").app("write 100").out("P.5 201:301 ack 1 ect0");
  s.claim(s.info().ce_delivered == 3, "5, 7, 0").counter("TcpExtTCPECNFallback", 0);
}

// --- The receiver (section 3.2.2.5.1) -----------------------------------------------------------

TEST(SceneAccEcn, TheFirstMarkOfASeriesIsToldAtOnceAndThenEverySecond) {
  Scene s(listener());
  open_by_peer(s);
  s.at(1).in(".5 1:11 ack 1 ect0").silence();
  s.at(2).in(".5 11:21 ack 1 ce").out(".6 1 ack 21 notect");
  s.at(3).in(".5 21:31 ack 1 ce").silence();
  s.at(4).in(".5 31:41 ack 1 ce").out(".0 1 ack 41 notect");
  s.at(5).in(".5 41:51 ack 1 ect0").silence();
  s.at(6).in(".5 51:61 ack 1 ce").out(".1 1 ack 61 notect");
  s.claim(s.info().ce_received == 4, "tcp_info counts them").counter("IpExtInCEPkts", 4);
}

TEST(SceneAccEcn, MarksOnSegmentsWithoutTextAreCountedToo) {
  Scene s(listener());
  open_by_peer(s);
  // Nothing waits to be acknowledged: every third is told, so that no two ends answer each other.
  s.at(1).in(".5 1 ack 1 ce").in(".5 1 ack 1 ce").silence();
  s.at(2).in(".5 1 ack 1 ce").out(".0 1 ack 1 notect");
  s.at(3).app("write 100").out("P.0 1:101 ack 1 ect0");
}

TEST(SceneAccEcn, CwrMeansNothingHere) {
  // Section 3.1.5: the flags are a count.
  Scene s(listener());
  open_by_peer(s);
  s.at(1).in(".5 1:11 ack 1 ce").out(".6 1 ack 11 notect");
  s.at(2).in(".7 11:21 ack 1 ect0").at(42).out(".6 1 ack 21 notect");
}

TEST(SceneAccEcn, EverySegmentSaysTheCount) {
  Scene s(listener().keepalive(1000, 1000, 3));
  open_by_peer(s);
  s.at(1).app("write 100").out("P.5 1:101 ack 1 ect0");
  s.at(2).in(".5 1:11 ack 1 ce").out(".6 101 ack 11 notect");
  s.at(1001).out("P.6 1:101 ack 11 notect").in(".5 11 ack 101");   // sent again
  s.at(2001).out(".6 100 ack 11 notect").in(".5 11 ack 101");      // a keep-alive probe
  s.at(2002).in("S 5000 <mss 1460>").out(".6 101 ack 11 notect");  // a challenge
  s.at(2003).app("shutdown").out("F.6 101 ack 11 notect");
}

// --- The sender (section 3.2.2.5.2) -------------------------------------------------------------

TEST(SceneAccEcn, CountedMarksReduceTheWindowOnceForEachOfThem) {
  Scene s(listener());
  open_by_peer(s);
  s.at(1).app("write " + std::to_string(40 * kMss));
  expect_unmarked_text(s, 0, 10);
  s.at(101).in(".6" + acked(2)).out(".5 " + text(10) + " ack 1 ect0").silence();  // no CWR
  s.at(102).in(".0" + acked(4)).out(".5 " + text(11) + " ack 1 ect0").silence();
  s.claim(s.info().snd_ssthresh == 5 * kMss && s.info().ce_delivered == 3, "three in one window");
  s.counter("TcpExtTCPECNReductions", 1);
  s.at(103).in(".0" + acked(10)).whatever();
  s.at(201).in(".0" + acked(12)).whatever().counter("TcpExtTCPECNReductions", 1);
  s.at(202).in(".1" + acked(13)).whatever().counter("TcpExtTCPECNReductions", 2);
  s.counter("TcpExtTCPDeliveredCE", 4);
}

TEST(SceneAccEcn, TheCountGoesAroundWithoutLoss) {
  Scene s(listener());
  open_by_peer(s);
  s.at(0).app("write " + std::to_string(40 * kMss)).whatever();
  int64_t segments = 0;
  for (int64_t ms = 1; ms <= 20; ++ms) {
    segments += 1;
    const int64_t ace = (5 + ms) % 8;
    s.at(ms * 10).in("." + std::to_string(ace) + acked(segments)).whatever();
  }
  s.claim(s.info().ce_delivered == 20, "each mark once");
}

TEST(SceneAccEcn, AnOldAcknowledgementSaysNothing) {
  Scene s(listener());
  open_by_peer(s);
  s.at(1).app("write " + std::to_string(10 * kMss));
  expect_unmarked_text(s, 0, 10);
  s.at(101).in(".6" + acked(4)).in(".5" + acked(2)).silence();
  s.claim(s.info().ce_delivered == 1, "not seven more");
}

TEST(SceneAccEcn, AnAcknowledgementThatBringsNoNewsIsNotCountedFrom) {
  // It may be an old one, out of order; the count itself comes again.
  Scene s(listener());
  open_by_peer(s);
  s.at(1).app("write 100").out("P.5 1:101 ack 1 ect0");
  s.at(2).in(".6 1:11 ack 1").silence().claim(s.info().ce_delivered == 0, "not yet");
  s.at(3).in(".6 11 ack 101").silence().claim(s.info().ce_delivered == 1, "now");
}

TEST(SceneAccEcn, WhereMarksAreSeenAnAckOfManySegmentsMayHideACycle) {
  // Two segments an acknowledgement, all marked. Then five are lost, and the next stands for twelve
  // segments with a count that is four further: twelve further, to be safe.
  Scene s(listener().tune([](TcpOptions& o) { o.initial_window_segments = 30; }));
  open_by_peer(s);
  s.at(0).app("write " + std::to_string(30 * kMss));
  expect_unmarked_text(s, 0, 30);
  s.at(100).in(".7" + acked(2)).in(".1" + acked(4)).claim(s.info().ce_delivered == 4, "four");
  s.at(101).in(".5" + acked(16)).claim(s.info().ce_delivered == 16, "all sixteen");
  s.at(102).in(".7" + acked(18)).silence().claim(s.info().ce_delivered == 18, "and on");
}

TEST(SceneAccEcn, WhereNoMarksAreSeenAnAckOfManySegmentsHidesNone) {
  Scene s(listener().tune([](TcpOptions& o) { o.initial_window_segments = 30; }));
  open_by_peer(s);
  s.at(0).app("write " + std::to_string(30 * kMss));
  expect_unmarked_text(s, 0, 30);
  s.at(100).in(".5" + acked(2)).in(".5" + acked(4)).in(".5" + acked(20)).silence();
  s.claim(s.info().ce_delivered == 0, "an unchanged count is not eight marks");
}

TEST(SceneAccEcn, WhereAcksAreOfManySegmentsThatIsNoSignOfLostOnes) {
  Scene s(listener().tune([](TcpOptions& o) { o.initial_window_segments = 60; }));
  open_by_peer(s);
  s.at(0).app("write " + std::to_string(44 * kMss)).whatever();
  s.at(100).in(".5" + acked(9)).in(".5" + acked(18)).in(".6" + acked(27)).in(".7" + acked(36));
  s.silence().claim(s.info().ce_delivered == 2, "one, and one");
}

TEST(SceneAccEcn, AClassicEchoMeansNothingHere) {
  Scene s(listener());
  open_by_peer(s);
  s.at(1).app("write 100").out("P.5 1:101 ack 1 ect0");
  s.at(2).in(".5 1 ack 101").silence().counter("TcpExtTCPECNReductions", 0);
}

}  // namespace
}  // namespace millrace::test
