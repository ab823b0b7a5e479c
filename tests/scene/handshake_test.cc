// SPDX-License-Identifier: BSD-3-Clause
// How connections begin: RFC 9293 sections 3.5, 3.10.1, 3.10.7.1 to 3.10.7.3.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneHandshake, APassiveOpenAnswersSynAndWaitsForTheAck) {
  Scene s(server());
  s.at(0).state("LISTEN").in("S 0 <mss 1460>").out("S. 0 ack 1 win 65535 <mss 1460,!ws,!ts>");
  s.state("SYN-RECEIVED").half_open(1).connections(0);
  s.at(5).in(". 1 ack 1").silence().state("ESTABLISHED").half_open(0).connections(1);
  s.counter("TcpPassiveOpens", 1).counter("TcpActiveOpens", 0);
}

TEST(SceneHandshake, AnActiveOpenSendsSynAndAcknowledgesTheAnswer) {
  Scene s(client());
  s.at(0).app("connect").out("S 0 win 65535 <mss 1460,!ws,!ts>").state("SYN-SENT");
  s.at(5).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1 win 65535").state("ESTABLISHED");
  s.counter("TcpActiveOpens", 1).counter("TcpPassiveOpens", 0);
}

TEST(SceneHandshake, TheAckOfTheHandshakeMayCarryData) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(45).out(". 1 ack 101");
}

TEST(SceneHandshake, TheAckOfTheHandshakeMayCarryFin) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("F. 1:101 ack 1").out(". 1 ack 102").state("CLOSE-WAIT").received(100);
  s.app("read").peer_closed();
}

TEST(SceneHandshake, DataAheadOfTheAckOfTheHandshakeCompletesItToo) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("101:201 ack 1").out(". 1 ack 1").state("ESTABLISHED").received(0);
  s.at(6).in("1:101 ack 1").out(". 1 ack 201").received(200);
}

TEST(SceneHandshake, TextOnTheSynOfAPassiveOpenIsNotAcknowledged) {
  Scene s(server());
  s.at(0).in("S 0:100 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in(". 1 ack 1").silence().state("ESTABLISHED").received(0);
}

TEST(SceneHandshake, TextOnTheSynOfAPassiveOpenIsTakenWhenItComesAgain) {
  // RFC 9293 section 3.10.7.2 lets it wait for ESTABLISHED; it waits with the peer.
  Scene s(server());
  s.at(0).in("S 0:100 <mss 1460>").out("S. 0 ack 1");
  s.at(5).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(45).out(". 1 ack 101");
}

TEST(SceneHandshake, ARepeatedSynWithTextIsAnsweredByTheSameSynAck) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(300).in("S 0:100 <mss 1460>").out("S. 0 ack 1").half_open(1);
  s.at(305).in("1:101 ack 1").silence().received(100).at(345).out(". 1 ack 101");
}

TEST(SceneHandshake, TextOnTheSynOfASimultaneousOpenWaitsForItsAcknowledgement) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(5).in("S 0:100 <mss 1460>").out("S. 0 ack 1").state("SYN-RECEIVED");
  s.at(9).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(49).out(". 1 ack 101");
}

TEST(SceneHandshake, TextOnTheSynAckIsDelivered) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(5).in("S. 0:100 ack 1 <mss 1460>").out(". 1 ack 101").received(100).state("ESTABLISHED");
}

TEST(SceneHandshake, ASynAckMayBringTheFinAlready) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(5).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1");
  s.at(6).in("F. 1 ack 1").out(". 1 ack 2").state("CLOSE-WAIT").peer_closed();
}

TEST(SceneHandshake, WhatIsWrittenBeforeTheHandshakeFollowsIt) {
  Scene s(client());
  s.at(0).app("connect").out("S 0").app("write 100").silence();
  s.at(5).in("S. 0 ack 1 <mss 1460>").out("P. 1:101 ack 1").silence();
}

TEST(SceneHandshake, ShutdownBeforeTheHandshakeSendsTheFinBehindIt) {
  Scene s(client());
  s.at(0).app("connect").out("S 0").app("write 100").app("shutdown").silence().state("SYN-SENT");
  s.at(5).in("S. 0 ack 1 <mss 1460>").out("F. 1:101 ack 1").state("FIN-WAIT-1");
}

TEST(SceneHandshake, CloseBeforeTheHandshakeForgetsTheConnection) {
  Scene s(client());
  s.at(0).app("connect").out("S 0").app("close").silence().closed("local-abort").drained();
  s.at(5).in("S. 0 ack 1").out("R 1");
}

TEST(SceneHandshake, TextOnTheSynAckIsCutAtTheWindow) {
  Scene s(client().receive_buffer(100));
  s.at(0).app("connect").out("S 0 win 100");
  s.in("S. 0:500 ack 1 <mss 1460>").out(". 1 ack 101 win 0").received(100);
}

// --- Both at once -----------------------------------------------------------------------------

TEST(SceneHandshake, ASimultaneousOpenAnswersSynWithSynAck) {
  // RFC 9293 figure 7.
  Scene s(client());
  s.at(0).app("connect").out("S 0 win 65535 <mss 1460>");
  s.at(5).in("S 0 <mss 1400>").out("S. 0 ack 1 <mss 1460>").state("SYN-RECEIVED");
  s.at(9).in("S. 0 ack 1 <mss 1400>").out(". 1 ack 1").state("ESTABLISHED");
}

TEST(SceneHandshake, ASimultaneousOpenSaysNoScaleThatThePeerDidNotOffer) {
  // RFC 7323 section 2.2.
  Scene s(client().tune([](TcpOptions& o) { o.window_scale = true; }));
  s.at(0).app("connect").out("S 0 <ws 0>");
  s.at(5).in("S 0 <mss 1460>").out("S. 0 ack 1 <!ws>");
}

TEST(SceneHandshake, ASimultaneousOpenIsCompletedByABareAckAsWell) {
  Scene s(in_state("SYN-RECEIVED-SIMULTANEOUS"));
  s.at(9).in(". 1 ack 1").silence().state("ESTABLISHED");
  s.app("write 10").out("P. 1:11 ack 1");
}

TEST(SceneHandshake, ASimultaneousOpenIsRepeatedUntilItIsAnswered) {
  Scene s(in_state("SYN-RECEIVED-SIMULTANEOUS"));
  s.at(1000).out("S. 0 ack 1");
  s.at(3000).out("S. 0 ack 1");
  s.at(3001).in("1:11 ack 1").silence().state("ESTABLISHED").received(10);
  s.at(3041).out(". 1 ack 11");
}

TEST(SceneHandshake, ARefusedSimultaneousOpenIsToldToTheApplication) {
  Scene s(in_state("SYN-RECEIVED-SIMULTANEOUS"));
  s.at(5).in("R 1").silence().closed("refused").drained();
}

// --- SYN again --------------------------------------------------------------------------------

TEST(SceneHandshake, SynIsRepeatedWithDoubledTimeUntilTheAttemptFails) {
  Scene s(client().tune([](TcpOptions& o) { o.syn_retries = 3; }));
  s.at(0).app("connect").out("S 0 <mss 1460>");
  s.at(1000).out("S 0 <mss 1460>");
  s.at(3000).out("S 0 <mss 1460>");
  s.at(7000).out("S 0 <mss 1460>");
  s.at(14999).open();
  s.at(15001).silence().closed("connect-timeout").drained().counter("TcpAttemptFails", 1);
  s.counter("TcpExtTCPSynRetrans", 3).counter("TcpExtTCPAbortOnTimeout", 1);
}

TEST(SceneHandshake, NoSynIsRepeatedWhenNoneIsAllowed) {
  Scene s(client().tune([](TcpOptions& o) { o.syn_retries = 0; }));
  s.at(0).app("connect").out("S 0");
  s.at(1001).silence().closed("connect-timeout");
}

TEST(SceneHandshake, AnAnswerToARepeatedSynIsNotMeasured) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(1000).out("S 0");
  s.at(1300).in("S. 0 ack 1 <mss 1000>").out(". 1 ack 1");
  s.claim(s.info().rtt.ns == 0, "Karn: nothing was measured");
  // RFC 5681 section 3.1 and RFC 6298 section 5.7.
  s.claim(s.info().snd_cwnd == 1000, "a lost SYN leaves one segment");
  s.claim(s.info().rto == seconds(3), "and a timeout of 3 s");
}

TEST(SceneHandshake, SynAckIsRepeatedUntilTheEntryIsForgotten) {
  Scene s(server().tune([](TcpOptions& o) { o.synack_retries = 2; }));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(1000).out("S. 0 ack 1 win 65535 <mss 1460>");
  s.at(3000).out("S. 0 ack 1");
  s.at(6999).half_open(1);
  s.at(7001).silence().half_open(0).drained().counter("TcpAttemptFails", 1);
}

TEST(SceneHandshake, ARepeatedSynIsAnsweredByTheSameSynAck) {
  Scene s(server());
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(300).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
  s.at(310).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneHandshake, ALostAckOfTheHandshakeIsRepeatedWhenSynAckComesAgain) {
  Scene s(established_client());
  s.at(200).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1").state("ESTABLISHED");
  s.counter("TcpExtTCPSYNChallenge", 0);
}

TEST(SceneHandshake, ARepeatedSynAckWithTimestampsIsAcknowledgedAgain) {
  Scene s(established_client().timestamps());
  s.at(200).in("S. 0 ack 1 <mss 1460,ts 1200 *>").out(". 1 ack 1 <ts 200 1000>");
  s.state("ESTABLISHED");
}

TEST(SceneHandshake, AnAnswerToTheFirstOfTwoSynsCounts) {
  Scene s(client().timestamps());
  s.at(0).app("connect").out("S 0 <ts 0 0>");
  s.at(1000).out("S 0 <ts 1000 0>");
  s.at(1001).in("S. 0 ack 1 <mss 1460,ts 5000 0>").out(". 1 ack 1 <ts 1001 5000>");
  s.state("ESTABLISHED");
}

// --- Acknowledgements that cannot be ------------------------------------------------------------

TEST(SceneHandshake, AnAckOfSomethingElseInSynSentIsReset) {
  // RFC 9293 figure 9: an old connection's remains.
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(1).in(". 500 ack 300").out("R 300").state("SYN-SENT");
  s.at(2).in("S. 0 ack 0 <mss 1460>").out("R 0").state("SYN-SENT");
  s.at(3).in("S. 0 ack 2 <mss 1460>").out("R 2").state("SYN-SENT");
  s.at(4).in("R. 500 ack 300").silence().state("SYN-SENT");
  s.at(5).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1").state("ESTABLISHED");
}

TEST(SceneHandshake, AnAckOfSomethingElseInSynReceivedIsReset) {
  Scene s(in_state("SYN-RECEIVED"));
  s.at(1).in(". 1 ack 2").out("R 2").half_open(1);
  s.at(2).in(". 1 ack 0").out("R 0").half_open(1);
  s.at(3).in(". 1 ack 1").silence().state("ESTABLISHED");
  s.counter("DropTcpBadAck", 2);
}

TEST(SceneHandshake, AnAckOfSomethingElseInASimultaneousOpenIsReset) {
  Scene s(in_state("SYN-RECEIVED-SIMULTANEOUS"));
  s.at(1).in(". 1 ack 2").out("R 2").state("SYN-RECEIVED");
  s.at(2).in(". 1 ack 0").out("R 0").state("SYN-RECEIVED");
  s.at(3).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneHandshake, AnOldDuplicateSynIsCleanedUpByTheResetThatItCauses) {
  // RFC 9293 figure 8, seen from the listener.
  Scene s(server());
  s.at(0).in("S -1000 <mss 1460>").out("S. 0 ack -999");
  s.at(1).in("R -999").silence().half_open(0);
  s.at(2).reincarnate(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(3).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneHandshake, AnotherSynForAHalfOpenConnectionIsChallenged) {
  // RFC 5961 section 4.2: the peer that really restarted answers with a reset.
  Scene s(in_state("SYN-RECEIVED"));
  s.at(1).in("S 5000 <mss 1460>").out(". 1 ack 1").half_open(1);
  s.at(2).in("R 1").silence().half_open(0);
}

TEST(SceneHandshake, ASegmentOutsideTheWindowOfAHalfOpenConnectionIsAnsweredByAnAck) {
  Scene s(in_state("SYN-RECEIVED"));
  s.at(1).in("70000:70010 ack 1").out(". 1 ack 1").half_open(1);
  s.at(2).in(". -5 ack 1").out(". 1 ack 1").half_open(1);
  s.counter("DropTcpUnacceptable", 2);
}

TEST(SceneHandshake, ASegmentWithoutAckDoesNotCompleteTheHandshake) {
  Scene s(in_state("SYN-RECEIVED"));
  const Bytes without_ack = s.frame("[] 1:11");
  s.at(1).in(without_ack).silence().half_open(1).counter("DropTcpFlags", 1);
}

// --- Nobody there -------------------------------------------------------------------------------

TEST(SceneHandshake, ASynForAClosedPortIsRefused) {
  Scene s(server());
  s.at(0).flow(5000, 81).in("S 0 <mss 1460>").out("R. =0 ack 1").counter("DropTcpNoListener", 1);
  s.counter("TcpOutRsts", 1).drained();
}

TEST(SceneHandshake, AResetForTextCoversTheText) {
  Scene s(server());
  s.at(0).flow(5000, 81).in("S 0:100 <mss 1460>").out("R. =0 ack 101");
}

TEST(SceneHandshake, AnAckForAClosedPortIsRefusedWithItsOwnNumber) {
  Scene s(server());
  s.at(0).flow(5000, 81).in(". 1 ack =1234").out("R =1234");
  s.at(1).flow(5000, 81).in("F. 1:101 ack =99").out("R =99");
}

TEST(SceneHandshake, AnAckForAListenerIsRefused) {
  Scene s(server());
  s.at(0).in(". 1 ack =1234").out("R =1234").state("LISTEN");
  s.at(1).in("S. 1 ack =77").out("R =77").state("LISTEN");
}

TEST(SceneHandshake, AResetIsNeverAnswered) {
  Scene s(server());
  s.at(0).in("R 1").silence().in("R. 1 ack =5").silence();
  s.at(1).flow(5000, 81).in("R 1").silence().in("R. 1 ack =5").silence();
}

TEST(SceneHandshake, ARefusedConnectIsToldToTheApplication) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(5).in("R. 0 ack 1").silence().closed("refused").drained().counter("TcpAttemptFails", 1);
}

TEST(SceneHandshake, AResetWithoutAckDoesNotRefuseAConnect) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.at(5).in("R 0").silence().state("SYN-SENT");
}

TEST(SceneHandshake, AConnectToATupleInUseIsAnError) {
  Scene s(established_client());
  const auto again =
      s.host().connect({IpAddress::v4(kPeerIp), 80}, {}, {IpAddress::v4(kLocalIp), 40000});
  s.claim(!again.ok(), "the tuple is in use");
}

// --- A listener that goes -----------------------------------------------------------------------

TEST(SceneHandshake, AListenerTakesItsHalfOpenConnectionsAlong) {
  Scene s(in_state("SYN-RECEIVED"));
  s.at(1).app("unlisten").silence().half_open(0).drained();
  s.at(2).in(". 1 ack 1").out("R 1");
  s.at(3).in("S 100 <mss 1460>").out("R. =0 ack 101");
}

TEST(SceneHandshake, EstablishedConnectionsOutliveTheirListener) {
  Scene s(established());
  s.at(1).app("unlisten").in("1:11 ack 1").silence().received(10);
  s.at(41).out(". 1 ack 11").state("ESTABLISHED");
}

TEST(SceneHandshake, ShutdownInASimultaneousOpenSendsTheFinBehindIt) {
  Scene s(in_state("SYN-RECEIVED-SIMULTANEOUS"));
  s.at(1).app("write 10").app("shutdown").silence();
  s.at(2).in(". 1 ack 1").out("F. 1:11 ack 1").state("FIN-WAIT-1");
}

TEST(SceneHandshake, EachListenerHasItsOwnConnections) {
  Scene s(server());
  const auto other = s.host().listen({IpAddress::v4(kLocalIp), 81});
  s.claim(other.ok(), "another port");
  s.at(0).flow(5001, 81).in("S 0").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.claim(!s.host().accept(s.listener()), "nothing for the first");
  s.claim(other.ok() && s.host().accept(other.value()), "one for the other");
}

TEST(SceneHandshake, TheConnectionOfAListenerOfThisVeryAddressIsItsOwn) {
  Scene s(server());
  const auto exact = s.host().listen({IpAddress::v4(kLocalIp), 80});
  s.at(0).in("S 0").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.claim(exact.ok() && s.host().accept(exact.value()), "the exact one comes first");
}

}  // namespace
}  // namespace millrace::test
