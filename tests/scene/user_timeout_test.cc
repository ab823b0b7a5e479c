// SPDX-License-Identifier: BSD-3-Clause
// How long unacknowledged data is kept (RFC 9293 section 3.8.3), and the option by which the ends
// of a connection tell each other (RFC 5482).
#include <gtest/gtest.h>

#include "support/scene.h"
#include "tcp/user_timeout.h"

namespace millrace::test {
namespace {

constexpr uint16_t kMinutes = 0x8000;

Stage announcing(Stage stage, Duration timeout) {
  return stage.tune([timeout](TcpOptions& o) {
    o.user_timeout_option = true;
    o.user_timeout = timeout;
  });
}
Stage listening_to_the_peer(Stage stage) { return announcing(stage, {}); }

Duration in_force(Scene& s) { return s.host().info(s.connection())->user_timeout; }

// --- Announced --------------------------------------------------------------------------------

TEST(SceneUserTimeout, RidesOnTheSynAndOnTheNextSegmentAfterIt) {
  Scene s(announcing(client(), seconds(300)));
  s.at(0).app("connect").out("S 0 <mss 1460,uto 300>");
  s.in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1 <uto 300>");
  s.app("write 10").out("P. 1:11 ack 1 <!uto>");
}

TEST(SceneUserTimeout, RidesOnTheSynAckAndOnTheNextSegmentAfterIt) {
  Scene s(announcing(server(), seconds(300)));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1 <mss 1460,uto 300>").in(". 1 ack 1").silence();
  s.app("write 10").out("P. 1:11 ack 1 <uto 300>").app("write 10").in(". 1 ack 11");
  s.out("P. 11:21 ack 1 <!uto>");
}

TEST(SceneUserTimeout, IsToldInMinutesFromNineHoursOn) {
  Scene s(announcing(server(), seconds(36'000)));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1 <uto " + std::to_string(kMinutes | 600) + ">");
}

TEST(SceneUserTimeout, WaitsForASegmentThatHasRoom) {
  Scene s(announcing(server(), seconds(300)));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.app("write 1500")
      .out(". 1:1461 ack 1 <!uto>")
      .in(". 1 ack 1461")
      .out("P. 1461:1501 ack 1 <uto 300>");
}

TEST(SceneUserTimeout, IsToldAgainWhenTheApplicationChangesIt) {
  Scene s(established());
  TcpOptions options = *s.host().shard().options(s.connection());
  options.user_timeout_option = true;
  options.user_timeout = seconds(200);
  s.claim(bool{s.host().set_options(s.connection(), options)}, "the option is taken");
  s.at(0).app("write 10").out("P. 1:11 ack 1 <uto 200>");
}

TEST(SceneUserTimeout, NobodyIsToldUnlessTheApplicationWantsIt) {
  Scene s(server().tune([](TcpOptions& o) { o.user_timeout = seconds(300); }));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1 <!uto>").in(". 1 ack 1").silence();
  s.app("write 10").out("P. 1:11 ack 1 <!uto>");
}

// --- Taken ------------------------------------------------------------------------------------

TEST(SceneUserTimeout, ThePeersIsTakenFromItsSynAck) {
  Scene s(listening_to_the_peer(client()));
  s.at(0).app("connect").out("S 0 <!uto>").in("S. 0 ack 1 <mss 1460,uto 120>").out(". 1 ack 1");
  EXPECT_EQ(in_force(s), seconds(120));
}

TEST(SceneUserTimeout, ThePeersIsTakenFromTheSegmentThatCompletesTheHandshake) {
  Scene s(listening_to_the_peer(server()));
  s.at(0).in("S 0 <mss 1460,uto 120>").out("S. 0 ack 1").in(". 1 ack 1 <uto 120>").silence();
  EXPECT_EQ(in_force(s), seconds(120));
}

TEST(SceneUserTimeout, ThePeersEndsTheConnectionWhenItIsOver) {
  Scene s(listening_to_the_peer(established()));
  s.at(0).in("1:11 ack 1 <uto 120>").app("write 10").whatever();
  s.at(119'000).whatever().open();
  s.at(122'000).whatever().closed("timed-out");
}

TEST(SceneUserTimeout, ALaterOneReplacesIt) {
  Scene s(listening_to_the_peer(established()));
  s.at(0).in(". 1 ack 1 <uto 120>").in(". 1 ack 1 <uto " + std::to_string(kMinutes | 60) + ">");
  EXPECT_GE(in_force(s), seconds(3600));
  EXPECT_LE(in_force(s), seconds(3600 * 9 / 8));
}

TEST(SceneUserTimeout, APeerCannotMakeUsImpatient) {
  Scene s(listening_to_the_peer(established()));
  s.at(0).in(". 1 ack 1 <uto 1>");
  EXPECT_GE(in_force(s), seconds(tcp::kUserTimeoutMinSeconds));
  EXPECT_LE(in_force(s), seconds(tcp::kUserTimeoutMinSeconds * 9 / 8));
}

TEST(SceneUserTimeout, APeerCannotMakeUsWaitForEver) {
  Scene s(listening_to_the_peer(established()));
  s.at(0).in(". 1 ack 1 <uto 65535>");
  EXPECT_LE(in_force(s), seconds(tcp::kUserTimeoutMaxSeconds * 9 / 8));
}

TEST(SceneUserTimeout, OursIsNotChangedByThePeer) {
  Scene s(announcing(established(), seconds(500)));
  s.at(0).in(". 1 ack 1 <uto 120>");
  EXPECT_EQ(in_force(s), seconds(500));
}

TEST(SceneUserTimeout, ThePeersMeansNothingUnlessTheApplicationWantsIt) {
  Scene s(established());
  s.at(0).in(". 1 ack 1 <uto 120>");
  EXPECT_EQ(in_force(s), Duration{});
}

TEST(SceneUserTimeout, OneOfTheWrongLengthIsSkipped) {
  Scene s(listening_to_the_peer(established()));
  s.at(0).in("1:11 ack 1 <raw 1c 03 00 01>").received(10);
  EXPECT_EQ(in_force(s), Duration{});
}

TEST(SceneUserTimeout, AnUnacceptableSegmentSetsNothing) {
  Scene s(listening_to_the_peer(established()));
  s.at(0).in("100000:100010 ack 1 <uto 120>").out(". 1 ack 1");
  EXPECT_EQ(in_force(s), Duration{});
}

}  // namespace
}  // namespace millrace::test
