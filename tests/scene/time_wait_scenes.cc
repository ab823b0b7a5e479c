// SPDX-License-Identifier: BSD-3-Clause
// TIME-WAIT: RFC 9293 section 3.10.7.4, RFC 1337 (resets do not end it), RFC 6191 (a newer SYN
// does). The default lasts 2 * 30 seconds.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneTimeWait, LastsTwoSegmentLifetimes) {
  Scene s(in_state("TIME-WAIT"));
  s.at(0).time_wait(1).connections(0);
  s.at(59'990).silence().time_wait(1);
  s.at(60'001).silence().time_wait(0).state("CLOSED").drained();
}

TEST(SceneTimeWait, ALateFinIsAcknowledgedAndStartsTheTimeAgain) {
  Scene s(in_state("TIME-WAIT"));
  s.at(50'000).in("F. 1 ack 2").out(". 2 ack 2").counter("TcpExtTCPTimeWaitAck", 1);
  s.at(109'990).silence().time_wait(1);
  s.at(110'001).silence().time_wait(0);
}

TEST(SceneTimeWait, AResetDoesNotEndIt) {
  Scene s(in_state("TIME-WAIT"));
  s.at(10).in("R. 2 ack 2").silence().time_wait(1);
  s.at(20).in("R 2").silence().time_wait(1);
}

TEST(SceneTimeWait, ABareAcknowledgementIsNotAnswered) {
  Scene s(in_state("TIME-WAIT"));
  s.at(10).in(". 2 ack 2").silence().time_wait(1);
}

TEST(SceneTimeWait, OldDataIsAnsweredByWhereWeStand) {
  Scene s(in_state("TIME-WAIT"));
  s.at(10).in("P. 1:101 ack 2").out(". 2 ack 2").time_wait(1);
}

TEST(SceneTimeWait, ASynWithAHigherNumberBeginsTheNextConnection) {
  Scene s(in_state("TIME-WAIT"));
  s.reincarnate(100'000);
  s.at(1000).in("S 0 <mss 1460>").out("S. 0 ack 1").counter("TcpExtTCPTimeWaitRecycled", 1);
  s.at(1010).time_wait(0).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneTimeWait, ASynWithALowerNumberDoesNot) {
  Scene s(in_state("TIME-WAIT"));
  s.at(1000).in("S 0 <mss 1460>").out(". 2 ack 2").time_wait(1);
}

TEST(SceneTimeWait, WhenNobodyListensASynIsAnsweredByWhereWeStand) {
  Scene s(in_state("TIME-WAIT"));
  s.at(500).app("unlisten");
  s.at(1000).in("S 100000 <mss 1460>").out(". 2 ack 2").time_wait(1);
}

TEST(SceneTimeWait, WhenAllRecordsAreInUseTheOldestGoes) {
  Scene s(established().tune_shard([](ShardConfig& c) { c.time_wait_max = 1; }));
  s.at(0).app("shutdown").out("F. 1 ack 1").in("F. 1 ack 2").out(". 2 ack 2").time_wait(1);
  s.flow(5001);
  s.at(10).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1");
  s.at(20).app("shutdown").out("F. 1 ack 1").in("F. 1 ack 2").out(". 2 ack 2");
  s.at(30).time_wait(1).counter("TcpExtTCPTimeWaitOverflow", 1);
  s.flow(5000);
  s.at(40).in("F. 1 ack 2").out("R 2");  // nobody remembers
}

TEST(SceneTimeWait, TheSideThatClosedSecondHasNone) {
  Scene s(established());
  s.at(0).in("F. 1 ack 1").out(". 1 ack 2").app("shutdown").out("F. 1 ack 2");
  s.at(10).in(". 2 ack 2").silence().time_wait(0).drained();
}

}  // namespace
}  // namespace millrace::test
