// SPDX-License-Identifier: BSD-3-Clause
// Rules of header fields (RFC 9293 sections 3.1, 3.2, 3.5.2 and 3.7.1) that belong to no feature.
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneHeader, TheOptionsOfASynAreOnNoOtherSegment) {
  Scene s(established().keepalive(10000, 1000, 3));
  s.at(0).app("write 10").out("P. 1:11 ack 1 <!mss,!ws>").in("1:11 ack 11");
  s.at(40).out(". 11 ack 11 <!mss,!ws>");
  s.at(10040).whatever().in(". 11 ack 11");
  s.at(10050).app("shutdown").out("F. 11 ack 11 <!mss,!ws>").in("F. 11 ack 12");
  s.out(". 12 ack 12 <!mss,!ws>").silence();
}

TEST(SceneHeader, AResetHasNoOptionsOfASyn) {
  Scene s(server());
  s.at(0).in(". 1 ack =77").out("R =77 <!mss,!ws>");
  s.flow(5001, 81).in("S 0 <mss 1460>").out("R. =0 ack 1 <!mss,!ws>").silence();
}

TEST(SceneHeader, TheMssDoesNotCountTheOptions) {
  // RFC 9293 section 3.7.1, RFC 6691: what is announced is the MTU less the fixed headers.
  Scene plain(server());
  plain.at(0).in("S 0").out("S. 0 ack 1 <mss 1460>");
  Scene stamped(server().timestamps());
  stamped.at(0).in("S 0 <ts 1000 0>").out("S. 0 ack 1 <mss 1460>");
}

TEST(SceneHeader, AWindowAbove32767IsNotNegative) {
  Scene s(established().window(60000).tune([](TcpOptions& o) { o.initial_window_segments = 100; }));
  s.at(0).app("write 65536");
  int64_t from = 1;
  for (; from + 1460 <= 60001; from += 1460) {
    s.out(std::to_string(from) + ":" + std::to_string(from + 1460) + " ack 1");
  }
  s.silence();
  s.claim(from > 32768 + 1460, "more than a signed window would have let out");
}

TEST(SceneHeader, AResetMayBringText) {
  // SHLD-2. It is not delivered.
  Scene s(established());
  s.at(0).in("R 1:101").silence().closed("peer-reset").received(0).drained();
}

TEST(SceneHeader, TheUrgentPointerIsNeverOurs) {
  // SHLD-13, RFC 6093 section 5.
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1").in("U. 1:11 ack 11").received(10);
  s.at(40).out(". 11 ack 11").silence();
}

TEST(SceneHeader, UrgentTextWaitsForAClosedWindowLikeAnyOther) {
  // MUST-66: the segment's acknowledgement counts, its text waits.
  Scene s(established().receive_buffer(1460));
  s.at(0).app("write 10").out("P. 1:11 ack 1").in("1:1461 ack 1").whatever();
  s.in("U. 1461:1471 ack 11").out(". 11 ack 1461 win 0").silence();
}

}  // namespace
}  // namespace millrace::test
