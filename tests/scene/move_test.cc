// SPDX-License-Identifier: BSD-3-Clause
// Everything that a shard has goes on at another one, in the middle of whatever it is doing
// (docs/decisions/0005-workers-come-and-go.md). The peer sees nothing of it; nor does who asks what
// is known of the connection. All other scenes are played so as well, with a move at each step:
// MILLRACE_MOVES=1.
#include <gtest/gtest.h>

#include "support/alike.h"
#include "support/scene.h"

namespace millrace::test {
namespace {

// Moves what there is, twice, so that it comes from memory that is laid out otherwise.
void move(Scene& s) {
  const TcpInfo before = s.info();
  s.move().move().silence();
  s.claim(alike(before, s.info()), "what is known of a connection is known of it afterwards");
}

TEST(SceneMove, TextInFlightIsAcknowledgedAtTheOtherShard) {
  Scene s(established().timestamps().nodelay());
  s.at(0).app("write 4000").out("1:1449 ack 1").out("1449:2897 ack 1").out("P. 2897:4001 ack 1");
  move(s);
  s.at(50).in(". 1 ack 1449 <ts 1050 10000>").silence();
  move(s);
  s.at(60).in(". 1 ack 4001 <ts 1060 10000>").silence();
  s.claim(s.info().unacked_bytes == 0, "all of it");
}

TEST(SceneMove, WhatIsLostIsSentAgainWhenItIsDue) {
  Scene s(established());
  s.at(0).app("write 500").out("P. 1:501 ack 1");
  move(s);
  s.at(999).silence().at(1000).out("P. 1:501 ack 1").counter("TcpExtTCPTimeouts", 1);
  move(s);
  s.at(3000).out("P. 1:501 ack 1").at(3001).in(". 1 ack 501").silence();
}

TEST(SceneMove, HolesThatThePeerReportedAreRepairedFromThere) {
  Scene s(established().sack().tune([](TcpOptions& o) { o.initial_window_segments = 20; }));
  s.at(0).app("write 14600").whatever();
  s.at(100).in(". 1 ack 1 <sack 2921-4381>").out("1:1461 ack 1").silence();
  move(s);
  s.in(". 1 ack 1 <sack 2921-5841>").silence();
  move(s);
  s.in(". 1 ack 1 <sack 2921-7301>").out("1461:2921 ack 1").silence();
  s.at(200).in(". 1 ack 14601").silence().counter("TcpRetransSegs", 2);
}

TEST(SceneMove, BytesAheadOfAGapAndUnreadOnesGoAlong) {
  Scene s(established().sack());
  s.at(0).in("1:1001 ack 1").whatever();
  s.in("2001:3001 ack 1").out(". 1 ack 1001 <sack 2001-3001>");
  s.in("4001:5001 ack 1").out(". 1 ack 1001 <sack 4001-5001 2001-3001>");
  move(s);
  s.claim(s.info().out_of_order_bytes == 2000, "two stretches");
  s.in("3001:4001 ack 1").out(". 1 ack 1001 <sack 2001-5001>");
  move(s);
  s.in("1001:2001 ack 1").out(". 1 ack 5001 <!sack>").received(5000);
}

TEST(SceneMove, AClosedWindowIsProbedOnTime) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 win 0").app("write 100").silence();
  move(s);
  const TcpInfo before = s.info();
  s.out_by(2000, "1:2 ack 1");
  move(s);
  s.in(". 1 ack 2 win 1000").out("P. 2:101 ack 1");
  s.claim(before.unsent_bytes == 100, "nothing had left");
}

TEST(SceneMove, KeepaliveGoesOnCounting) {
  Scene s(established().keepalive(10000, 1000, 3));
  s.at(5000);
  move(s);
  s.at(10000).out(". 0 ack 1").at(11000).out(". 0 ack 1");
  move(s);
  s.at(12000).out(". 0 ack 1").at(13001).silence().closed("keepalive-timeout").drained();
}

TEST(SceneMove, AnAcknowledgementThatIsOwedComesInTime) {
  Scene s(established());
  s.at(0).in("1:301 ack 1").silence();
  move(s);
  s.at(39).silence().at(40).out(". 1 ack 301");
}

TEST(SceneMove, TextThatIsPacedLeavesWhenItMay) {
  // 1,000 segments a second. The turn in which the next one may leave is that of the move.
  Scene s(established().nodelay().tune([](TcpOptions& o) { o.pacing_rate_max = 1'460'000; }));
  s.at(0).app("write 14600").whatever();
  const uint32_t unsent = s.info().unsent_bytes;
  s.host().set_time(s.host().now() + microseconds(900));
  s.move().at(30).whatever();
  s.claim(unsent != 0 && s.info().unsent_bytes == 0, "all has left");
}

TEST(SceneMove, AFinThatWasSentIsAnsweredAtTheOtherShard) {
  Scene s(in_state("FIN-WAIT-1"));
  move(s);
  s.at(10).in(". 1 ack 2").state("FIN-WAIT-2");
  move(s);
  s.at(20).in("F. 1 ack 2").out(". 2 ack 2").state("TIME-WAIT");
}

TEST(SceneMove, AHalfOpenConnectionIsCompletedThere) {
  Scene s(in_state("SYN-RECEIVED"));
  s.move().half_open(1);
  s.at(500).in(". 1 ack 1").silence().state("ESTABLISHED").half_open(0);
}

TEST(SceneMove, TheSynAckOfAHalfOpenOneIsRepeatedWhenItIsDue) {
  Scene s(in_state("SYN-RECEIVED"));
  s.at(500).move().at(999).silence().at(1000).out("S. 0 ack 1");
}

TEST(SceneMove, AnOpenUnderWayIsCompletedThere) {
  Scene s(in_state("SYN-SENT"));
  move(s);
  s.at(100).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1").state("ESTABLISHED");
}

TEST(SceneMove, TimeWaitAnswersThereAndEndsWhenItShould) {
  Scene s(in_state("TIME-WAIT"));
  s.at(50'000).move().time_wait(1).in("2:12 ack 2").out(". 2 ack 2");
  s.at(59'999).move().time_wait(1).at(60'001).silence().state("CLOSED").drained();
}

TEST(SceneMove, ACookieThatOneGaveIsGoodAtTheOtherAndOnlyOnce) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; }));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1").move();
  s.at(1).in(". 1 ack 1").silence().state("ESTABLISHED");
  s.at(2).in("R 1").silence().closed("peer-reset").move();
  s.at(3).in(". 1 ack 1").out("R 1").drained();
}

TEST(SceneMove, WhatIsAbortedIsStillReset) {
  Scene s(established());
  s.at(0).app("write 50000").whatever();
  move(s);
  s.app("abort").out("R. 14601 ack 1").drained();
}

}  // namespace
}  // namespace millrace::test
