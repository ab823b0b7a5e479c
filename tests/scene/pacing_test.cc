// SPDX-License-Identifier: BSD-3-Clause
// A connection that may not send faster than its application allows, whatever the window.
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

// A segment of 1460 bytes each 10 ms.
constexpr uint64_t kRate = 146'000;

Stage paced(Stage stage, uint64_t rate = kRate) {
  return stage.tune([rate](TcpOptions& o) { o.pacing_rate_max = rate; });
}

std::string segment(int n) {
  return std::to_string(1 + (n - 1) * 1460) + ":" + std::to_string(1 + n * 1460) + " ack 1";
}

TEST(ScenePacing, SegmentsLeaveAtTheRateAndNotAllAtOnce) {
  Scene s(paced(established()));
  s.at(0).app("write 14600").out(segment(1)).silence();
  for (int n = 2; n <= 9; ++n) {
    s.at(10 * n - 11).silence().at(10 * (n - 1)).out(segment(n)).silence();
  }
}

TEST(ScenePacing, AnAcknowledgementDoesNotLetMoreOut) {
  Scene s(paced(established()));
  s.at(0).app("write 14600").out(segment(1)).in(". 1 ack 1461").silence();
  s.at(10).out(segment(2));
}

TEST(ScenePacing, TheWindowStillCounts) {
  Scene s(paced(established()));
  s.at(0).app("write 14600").out(segment(1)).in(". 1 ack 1461 win 1460").silence();
  s.at(10).out(segment(2)).silence();
  s.at(40).silence();
}

TEST(ScenePacing, WhatIsWrittenAfterARestLeavesAtOnceButIsNoBurst) {
  Scene s(paced(established()));
  s.at(0).app("write 1460").out("P. 1:1461 ack 1").in(". 1 ack 1461");
  s.at(500).app("write 2920").out(". 1461:2921 ack 1").silence();
  s.at(510).out("P. 2921:4381 ack 1");
}

TEST(ScenePacing, SmallSegmentsWaitFortheirShareOnly) {
  Scene s(paced(established().nodelay()));
  s.at(0).app("write 146").out("P. 1:147 ack 1").app("write 146").silence();
  s.at(1).out("P. 147:293 ack 1");
}

TEST(ScenePacing, AHighRateSendsAMillisecondsWorthAtATime) {
  Scene s(paced(established(), 4'380'000));  // three segments each millisecond
  s.at(0).app("write 14600").out(segment(1)).silence();
  s.at(1).out(segment(2)).out(segment(3)).out(segment(4)).silence();
  s.at(2).out(segment(5)).out(segment(6)).out(segment(7)).silence();
}

TEST(ScenePacing, AcknowledgementsAreNotHeld) {
  Scene s(paced(established().tune([](TcpOptions& o) { o.delayed_ack = false; })));
  s.at(0).app("write 14600").out(segment(1)).in("1:101 ack 1").out(". 1461 ack 101").silence();
}

TEST(ScenePacing, TheFinGoesWithTheLastText) {
  Scene s(paced(established()));
  s.at(0).app("write 2920").app("shutdown").out(segment(1)).silence();
  s.at(10).out("FP. 1461:2921 ack 1").state("FIN-WAIT-1");
}

TEST(ScenePacing, WhatIsSentAgainIsHeldToo) {
  Scene s(paced(established_client().sack().rtt(100)));
  s.at(0).app("write 7300").out(segment(1));
  for (int n = 2; n <= 4; ++n) s.at(10 * (n - 1)).out(segment(n));
  s.at(40).out("P. 5841:7301 ack 1");
  // The first two were lost.
  s.at(130).in(". 1 ack 1 <sack 2921-7301>").out(segment(1)).silence();
  s.at(139).silence().at(140).out(segment(2)).silence();
}

TEST(ScenePacing, TheLimitCanBeLifted) {
  Scene s(paced(established()));
  s.at(0).app("write 4380").out(segment(1)).silence();
  TcpOptions options = *s.host().shard().options(s.connection());
  options.pacing_rate_max = 0;
  s.at(5).claim(bool{s.host().set_options(s.connection(), options)}, "the option is taken");
  s.out(segment(2)).out("P. 2921:4381 ack 1");
}

}  // namespace
}  // namespace millrace::test
