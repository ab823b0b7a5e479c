// SPDX-License-Identifier: BSD-3-Clause
// When to acknowledge: RFC 9293 section 3.8.6.3, RFC 5681 section 4.2. And when to send little:
// Nagle's algorithm, RFC 9293 section 3.7.4.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneAck, OneSegmentIsAcknowledgedAfterADelay) {
  Scene s(established());
  s.at(0).in("1:1461 ack 1").silence();
  s.at(39).silence();
  s.at(40).out(". 1 ack 1461").counter("TcpExtDelayedACKs", 1);
}

TEST(SceneAck, TheDelayCountsFromTheFirstSegment) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").silence();
  s.at(30).in("101:201 ack 1").silence();
  s.at(40).out(". 1 ack 201");
  s.at(200).silence();
}

TEST(SceneAck, TheDelayCanBeSet) {
  Scene s(established().tune([](TcpOptions& o) { o.delayed_ack_timeout = milliseconds(200); }));
  s.at(0).in("1:101 ack 1").silence();
  s.at(199).silence();
  s.at(200).out(". 1 ack 101");
}

TEST(SceneAck, EverySecondFullSegmentIsAcknowledgedAtOnce) {
  Scene s(established());
  s.at(0).in("1:1461 ack 1").silence().in("1461:2921 ack 1").out(". 1 ack 2921");
  s.at(1).in("2921:4381 ack 1").silence().in("4381:5841 ack 1").out(". 1 ack 5841");
  s.at(2).in("5841:7301 ack 1").silence();
  s.at(42).out(". 1 ack 7301");
}

TEST(SceneAck, AFilledGapIsNoLargeSegment) {
  Scene s(established());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1").in("2921:4381 ack 1").out(". 1 ack 1");
  s.in("1:1461 ack 1").out(". 1 ack 4381");
  s.at(1).in("4381:5841 ack 1").silence().in("5841:7301 ack 1").out(". 1 ack 7301");
}

TEST(SceneAck, WithoutDelayEverySegmentIsAcknowledgedAtOnce) {
  Scene s(established().tune([](TcpOptions& o) { o.delayed_ack = false; }));
  s.at(0).in("1:101 ack 1").out(". 1 ack 101").in("101:201 ack 1").out(". 1 ack 201");
}

TEST(SceneAck, DataTakesTheAcknowledgementAlong) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").silence();
  s.at(10).app("write 100").out("P. 1:101 ack 101");
  s.at(100).silence().counter("TcpExtDelayedACKs", 0);
}

TEST(SceneAck, AGapIsReportedAtOnceForEachSegment) {
  Scene s(established());
  s.at(0).in("1461:2921 ack 1").out(". 1 ack 1").in("2921:4381 ack 1").out(". 1 ack 1");
  s.in("4381:5841 ack 1").out(". 1 ack 1");
  s.at(10).in("1:1461 ack 1").out(". 1 ack 5841");
}

TEST(SceneAck, PartOfAGapFilledIsReportedAtOnce) {
  Scene s(established());
  s.at(0).in("1001:1101 ack 1").out(". 1 ack 1");
  s.at(1).in("1:101 ack 1").out(". 1 ack 101");
}

TEST(SceneAck, FinIsAcknowledgedAtOnceAndWithItWhatCameBefore) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").silence().in("F. 101 ack 1").out(". 1 ack 102");
  s.at(100).silence();
}

TEST(SceneAck, AnAcknowledgementIsNotAcknowledged) {
  Scene s(established());
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  s.at(1).in(". 1 ack 101").in(". 1 ack 101").in(". 1 ack 101").in(". 1 ack 101");
  s.at(1000).silence();
}

TEST(SceneAck, TheDelayMayBeTurnedOffOnTheWay) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").silence();
  s.at(40).out(". 1 ack 101");
  TcpOptions options = *s.host().shard().options(s.connection());
  options.delayed_ack = false;
  s.claim(s.host().set_options(s.connection(), options).ok(), "the options are good");
  s.at(50).in("101:201 ack 1").out(". 1 ack 201");
}

TEST(SceneAck, AbortIsNoLongerDelayedThanAnythingElse) {
  Scene s(established());
  s.at(0).in("1:101 ack 1").app("abort").out("R. 1 ack 101").closed("local-abort");
  s.at(100).silence();
}

// --- Nagle
// ----------------------------------------------------------------------------------------

TEST(SceneNagle, OneSmallSegmentMayBeInFlight) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1").app("write 10").app("write 10").silence();
  s.at(50).in(". 1 ack 11").out("P. 11:31 ack 1");
}

TEST(SceneNagle, FullSegmentsDoNotWait) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1");
  s.app("write 1460").out("11:1471 ack 1").silence();
}

TEST(SceneNagle, SmallWritesGatherToAFullSegment) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1").app("write 1000").silence();
  s.app("write 1000").out("11:1471 ack 1").silence();
  s.at(50).in(". 1 ack 1471").out("P. 1471:2011 ack 1");
}

TEST(SceneNagle, TheTailOfALongWriteWaits) {
  Scene s(established());
  s.at(0).app("write 3000").out("1:1461 ack 1").out("1461:2921 ack 1").silence();
  s.at(50).in(". 1 ack 2921").out("P. 2921:3001 ack 1");
}

TEST(SceneNagle, AnAcknowledgementOfPartDoesNotReleaseTheTail) {
  Scene s(established());
  s.at(0).app("write 3000").out("1:1461 ack 1").out("1461:2921 ack 1");
  s.at(50).in(". 1 ack 1461").silence();
  s.at(60).in(". 1 ack 2921").out("P. 2921:3001 ack 1");
}

TEST(SceneNagle, NodelayTurnsItOff) {
  Scene s(established().nodelay());
  s.at(0).app("write 10").out("P. 1:11 ack 1").app("write 10").out("P. 11:21 ack 1");
  s.app("write 1500").out("21:1481 ack 1").out("P. 1481:1521 ack 1");
}

TEST(SceneNagle, TurningItOffOnTheWayReleasesTheTail) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1").app("write 10").silence();
  TcpOptions options = *s.host().shard().options(s.connection());
  options.nodelay = true;
  s.claim(s.host().set_options(s.connection(), options).ok(), "the options are good");
  s.out("P. 11:21 ack 1");
}

TEST(SceneNagle, FinReleasesTheTail) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1").app("write 10").silence();
  s.app("shutdown").out("F. 11:21 ack 1");
}

TEST(SceneNagle, AnAnswerToAnAnswerDoesNotWait) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1");
  s.at(10).in("1:11 ack 11").silence().app("write 10").out("P. 11:21 ack 11");
}

}  // namespace
}  // namespace millrace::test
