// SPDX-License-Identifier: BSD-3-Clause
// The code point of differentiated services (RFC 2474, RFC 9293 section 3.9.2): the application's
// choice, on everything that its connection sends.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

Stage expedited(Stage stage) {
  return stage.tune([](TcpOptions& o) { o.dscp = 46; });
}

TEST(SceneServices, EverySegmentOfAConnectionHasItsCodePoint) {
  Scene s(expedited(server()));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1 dscp 46").in(". 1 ack 1").silence();
  s.app("write 100").out("P. 1:101 ack 1 dscp 46");
  s.at(1000).out("P. 1:101 ack 1 dscp 46").in("1:11 ack 101").in("R 5000");
  s.out(". 101 ack 11 dscp 46").app("abort").out("R. 101 ack 11 dscp 46");
}

TEST(SceneServices, SoHasAnAttemptToConnect) {
  Scene s(expedited(client()));
  s.at(0).app("connect").out("S 0 dscp 46").at(1000).out("S 0 dscp 46");
  s.in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1 dscp 46");
}

TEST(SceneServices, SoHasACookie) {
  Scene s(
      expedited(server()).tune_shard([](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; }));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1 dscp 46");
}

TEST(SceneServices, TheBitsOfEcnAreNotTouched) {
  Scene s(expedited(server()).tune([](TcpOptions& o) { o.ecn = Ecn::kPassive; }));
  s.at(0).in("SEW 0 <mss 1460>").out("SE. 0 ack 1 notect dscp 46").in(". 1 ack 1").silence();
  s.app("write 100").out("P. 1:101 ack 1 ect0 dscp 46");
}

TEST(SceneServices, TheCodePointCanBeChanged) {
  Scene s(established());
  s.at(0).app("write 10").out("P. 1:11 ack 1 dscp 0").in(". 1 ack 11");
  TcpOptions options = *s.host().shard().options(s.connection());
  options.dscp = 8;
  s.claim(bool{s.host().set_options(s.connection(), options)}, "the option is taken");
  s.app("write 10").out("P. 11:21 ack 1 dscp 8");
}

}  // namespace
}  // namespace millrace::test
