// SPDX-License-Identifier: BSD-3-Clause
// What bounds connections that the application has not taken: a listener that is told to wait drops
// what would make more of them, and peers try again.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TEST(SceneAccept, AListenerThatWaitsDropsSyns) {
  Scene s(server());
  s.host().shard().set_accepting(s.listener(), false);
  s.at(0).in("S 0 <mss 1460>").silence().half_open(0).counter("TcpExtListenOverflows", 1);
  s.host().shard().set_accepting(s.listener(), true);
  s.at(1000).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
  s.at(1001).in(". 1 ack 1").silence().state("ESTABLISHED");
}

TEST(SceneAccept, AListenerThatWaitsCompletesNoHandshake) {
  Scene s(in_state("SYN-RECEIVED"));
  s.host().shard().set_accepting(s.listener(), false);
  s.at(1).in(". 1 ack 1").silence().half_open(1).connections(0);
  s.at(2).in("1:101 ack 1").silence().half_open(1).counter("TcpExtListenOverflows", 2);
  s.host().shard().set_accepting(s.listener(), true);
  s.at(202).in("1:101 ack 1").silence().state("ESTABLISHED").received(100);
  s.at(242).out(". 1 ack 101");
}

TEST(SceneAccept, AnswersToItsSynAcksAreAskedForAgain) {
  Scene s(in_state("SYN-RECEIVED"));
  s.host().shard().set_accepting(s.listener(), false);
  s.at(1).in(". 1 ack 1").silence().half_open(1);
  s.at(1000).out("S. 0 ack 1");
  s.host().shard().set_accepting(s.listener(), true);
  s.in(". 1 ack 1").silence().state("ESTABLISHED").half_open(0);
}

TEST(SceneAccept, AResetEndsAHalfOpenConnectionAllTheSame) {
  Scene s(in_state("SYN-RECEIVED"));
  s.host().shard().set_accepting(s.listener(), false);
  s.at(1).in("R 1").silence().half_open(0).drained();
}

TEST(SceneAccept, ACookieWaitsToo) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.syn_cookies = SynCookies::kAlways; }));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.host().shard().set_accepting(s.listener(), false);
  s.at(1).in(". 1 ack 1").silence().connections(0);
  s.host().shard().set_accepting(s.listener(), true);
  s.at(200).in("1:11 ack 1").silence().state("ESTABLISHED").received(10);
}

TEST(SceneAccept, ATupleInTimeWaitWaitsToo) {
  Scene s(in_state("TIME-WAIT"));
  s.host().shard().set_accepting(s.listener(), false);
  s.at(1).reincarnate(100'000).in("S 0 <mss 1460>").silence().time_wait(1);
  s.host().shard().set_accepting(s.listener(), true);
  s.at(1000).in("S 0 <mss 1460>").out("S. 0 ack 1").time_wait(0);
}

TEST(SceneAccept, ConnectionsThatAreOpenGoOn) {
  Scene s(established());
  s.host().shard().set_accepting(s.listener(), false);
  s.at(1).in("1:11 ack 1").app("write 10").out("P. 1:11 ack 11").received(10);
}

TEST(SceneAccept, TheQueueOfAHostTakesNoMoreThanItsBound) {
  Scene s(server());
  TestHost& host = s.host();
  const auto listener = host.listen({IpAddress{}, 81}, server().tcp, 2);
  s.claim(listener.ok(), "a listener with room for two");
  for (uint16_t port = 5001; port <= 5003; ++port) {
    s.flow(port, 81).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(port - 5000u);
  }
  s.flow(5001, 81).in(". 1 ack 1").silence().flow(5002, 81).in(". 1 ack 1").silence();
  s.connections(2).half_open(1).flow(5003, 81).in(". 1 ack 1").silence().connections(2);
  s.flow(5004, 81).in("S 0 <mss 1460>").silence().half_open(1);
  s.claim(host.accept(listener.value()).has_value(), "one is taken");
  s.flow(5003, 81).in("1:11 ack 1").silence().connections(3).half_open(0);
  s.at(40).out(". 1 ack 11");
}

}  // namespace
}  // namespace millrace::test
