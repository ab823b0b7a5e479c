// SPDX-License-Identifier: BSD-3-Clause
// Resets: which we send (RFC 9293 sections 3.5.2 and 3.10.5) and which we believe (RFC 5961).
#include <gtest/gtest.h>

#include <algorithm>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

// --- Ours
// -----------------------------------------------------------------------------------------

TEST(SceneReset, AbortOfAnEstablishedConnectionTellsThePeer) {
  Scene s(established());
  s.at(0).app("abort").out("R. 1 ack 1").silence().closed("local-abort").drained();
  s.counter("TcpOutRsts", 1);
}

TEST(SceneReset, AbortDropsWhatWasNotSent) {
  Scene s(established());
  s.at(0).app("write 20000");
  for (int64_t from = 1; from < 14601; from += 1460) {
    s.out(std::to_string(from) + ":" + std::to_string(from + 1460) + " ack 1");
  }
  s.app("abort").out("R. 14601 ack 1").silence().drained();
}

TEST(SceneReset, AbortDropsWhatWasHeld) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").in("201:301 ack 1").out(". 1 ack 101");
  s.app("abort").out("R. 1 ack 101").silence().drained();
}

TEST(SceneReset, AbortInEachStateTellsWhoNeedsToKnow) {
  const struct {
    const char* state;
    const char* out;
  } rows[] = {
      {"SYN-SENT", ""},
      {"SYN-RECEIVED-SIMULTANEOUS", "R. 1 ack 1"},
      {"ESTABLISHED", "R. 1 ack 1"},
      {"FIN-WAIT-1", "R. 2 ack 1"},
      {"FIN-WAIT-2", "R. 2 ack 1"},
      {"CLOSE-WAIT", "R. 1 ack 2"},
      {"CLOSING", ""},
      {"LAST-ACK", ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.state);
    Scene s(in_state(row.state));
    s.at(1).app("abort");
    if (row.out[0] != '\0') s.out(row.out);
    s.silence().closed("local-abort").drained();
  }
}

TEST(SceneReset, AbortWithAFinThatNeverLeftIsToldInAnyState) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 0").app("write 100").app("shutdown").silence();
  s.in("F. 1 ack 1 win 0").out(". 1 ack 2").state("CLOSING").app("abort").out("R. 1 ack 2");
  s.drained();
}

TEST(SceneReset, WhatComesAfterAnAbortIsResetToo) {
  Scene s(established());
  s.at(0).app("abort").out("R. 1 ack 1");
  s.at(1).in("1:101 ack 1").out("R 1").in("F. 101 ack 1").out("R 1");
}

TEST(SceneReset, ATimestampGoesWithTheReset) {
  Scene s(established().timestamps());
  s.at(5).app("abort").out("R. 1 ack 1 <ts 5 1000>");
}

TEST(SceneReset, AnIdOfAnEndedConnectionDoesNothing) {
  Scene s(established());
  const ConnectionId id = s.connection();
  s.at(0).app("abort").out("R. 1 ack 1");
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").state("ESTABLISHED");
  s.claim(s.connection() != id, "another id");
  s.claim(!s.host().shard().alive(id), "the old id is dead");
  s.claim(s.host().shard().send(id, std::vector<std::byte>(10)) == 0, "it sends nothing");
  s.host().shutdown(id);
  s.host().close(id);
  s.host().abort(id);
  s.silence().state("ESTABLISHED");
}

// --- Theirs
// ---------------------------------------------------------------------------------------

TEST(SceneReset, AResetAtTheNextNumberIsBelieved) {
  Scene s(established());
  s.at(0).in("R 1").silence().closed("peer-reset").drained().counter("TcpEstabResets", 1);
}

TEST(SceneReset, AResetWithAckIsJudgedByItsNumberAlone) {
  Scene s(established());
  s.at(0).in("R. 1 ack 4711").silence().closed("peer-reset");
}

TEST(SceneReset, AResetElsewhereInTheWindowIsChallenged) {
  Scene s(established());
  s.at(0).in("R 2").out(". 1 ack 1").in("R 65535").out(". 1 ack 1").state("ESTABLISHED").open();
  s.counter("TcpExtTCPChallengeACK", 2);
  s.at(1).in("R 1").silence().closed("peer-reset");  // the real peer's answer
}

TEST(SceneReset, AResetOutsideTheWindowIsNotEvenAnswered) {
  Scene s(established());
  s.at(0).in("R 0").in("R -65535").in("R 70000").in("R 1000000").silence().open();
}

TEST(SceneReset, AResetBehindUnacknowledgedTextIsAtTheNextNumber) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").in("R 1").silence().in("R 101").silence().closed("peer-reset");
}

TEST(SceneReset, AResetAheadOfAGapIsChallenged) {
  Scene s(established());
  s.at(0).in("101:201 ack 1").out(". 1 ack 1").in("R 201").out(". 1 ack 1").open();
  s.in("1:101 ack 1").out(". 1 ack 201").in("R 201").silence().closed("peer-reset");
}

TEST(SceneReset, UnreadBytesDieWithTheConnection) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").in("R 101").silence().closed("peer-reset").drained();
}

TEST(SceneReset, AResetNeedsNoTimestamp) {
  Scene s(established().timestamps());
  s.at(0).in("R 1").silence().closed("peer-reset");
}

TEST(SceneReset, ASynOnAnEstablishedConnectionIsChallenged) {
  // RFC 5961 section 4.2: the peer has restarted; its answer is the reset that we believe.
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(10).in("S 5000 <mss 1460>").out(". 101 ack 1").counter("TcpExtTCPSYNChallenge", 1);
  s.at(11).in("R 1").silence().closed("peer-reset");
  s.at(12).reincarnate(5000).in("S 0 <mss 1460>").out("S. 0 ack 1");
}

TEST(SceneReset, ChallengesOfAFlowAreLimitedPerSecond) {
  Scene s(established());
  for (int i = 0; i < 10; ++i) s.at(i).in("R 100").out(". 1 ack 1");
  s.at(10).in("R 100").in("S 100").in(". 1 ack 2").silence().open();
  s.at(1100).in("R 100").out(". 1 ack 1").counter("TcpExtTCPChallengeACK", 11);
}

TEST(SceneReset, AFlowThatUsesUpItsChallengesTakesNoneFromOthers) {
  // What makes counting them useless to who guesses at a neighbour's sequence numbers.
  Scene s(established());
  for (int i = 0; i < 50; ++i) s.at(0).in("R 100").whatever();
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.in("R 100").out(". 1 ack 1");
}

TEST(SceneReset, HowManyChallengesAShardSendsIsSecret) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.challenge_ack_per_second = 20; }));
  int fewest = 1000, most = 0;
  for (int second = 0; second < 20; ++second) {
    int sent = 0;
    for (uint16_t port = 6000; port < 6040; ++port) {
      s.at(second * 1000 + 500).flow(port);
      if (second == 0) s.in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
      const uint64_t before = s.host().shard().counters().get(Counter::kTcpExtTCPChallengeACK);
      s.in("R 100").whatever();
      sent += s.host().shard().counters().get(Counter::kTcpExtTCPChallengeACK) != before ? 1 : 0;
    }
    fewest = std::min(fewest, sent);
    most = std::max(most, sent);
  }
  s.claim(fewest >= 10 && most < 30, "half as many to half as many again");
  s.claim(most - fewest >= 5, "and not the same number each time");
}

TEST(SceneReset, ResetsAreLimitedPerSecond) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.rst_per_second = 2; }));
  s.at(0).flow(5000, 81).in("S 0").out("R. =0 ack 1").in("S 0").out("R. =0 ack 1");
  s.in("S 0").in("S 0").silence().counter("TcpExtTCPRstLimited", 2);
  s.at(1001).in("S 0").out("R. =0 ack 1");
}

TEST(SceneReset, AnAcknowledgementOfTheFutureIsChallenged) {
  // RFC 5961 section 5.2.
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1).in("1:11 ack 102").out(". 101 ack 1").received(0).counter("DropTcpBadAck", 1);
  s.claim(s.info().unacked_bytes == 100, "nothing was acknowledged");
}

TEST(SceneReset, TextWithAnImpossiblyOldAcknowledgementIsRefused) {
  Scene s(established());
  s.at(0).in("1:11 ack -70000").out(". 1 ack 1").received(0).counter("DropTcpBadAck", 1);
}

}  // namespace
}  // namespace millrace::test
