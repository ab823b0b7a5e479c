// SPDX-License-Identifier: BSD-3-Clause
// A listener's own bound on half-open connections: at it, one past it, and how entries come back.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

Stage bounded(uint32_t backlog, SynCookies cookies) {
  Stage setup = server();
  setup.tcp.backlog = backlog;
  setup.shard.syn_cookies = cookies;
  return setup;
}

TEST(SceneBacklog, OnePastItASynIsDropped) {
  Scene s(bounded(2, SynCookies::kNever));
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5003).in("S 0 <mss 1460>").silence();
  s.half_open(2).counter("TcpExtListenOverflows", 1).counter("TcpExtSyncookiesSent", 0);
}

TEST(SceneBacklog, OnePastItASynGetsACookieWhereThatIsAllowed) {
  Scene s(bounded(2, SynCookies::kAuto));
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1").counter("TcpExtSyncookiesSent", 0);
  s.flow(5003).in("S 0 <mss 1460>").out("S. 0 ack 1").counter("TcpExtSyncookiesSent", 1);
  s.half_open(2).in(". 1 ack 1").silence().state("ESTABLISHED").half_open(2).connections(1);
}

TEST(SceneBacklog, ACompletedHandshakeMakesRoom) {
  Scene s(bounded(1, SynCookies::kNever));
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002).in("S 0 <mss 1460>").silence();
  s.flow(5001).in(". 1 ack 1").silence().state("ESTABLISHED");
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
}

TEST(SceneBacklog, ARefusedHandshakeMakesRoom) {
  Scene s(bounded(1, SynCookies::kNever));
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1").in("R 1").silence().half_open(0);
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
}

TEST(SceneBacklog, AnAbandonedHandshakeMakesRoom) {
  Scene s(bounded(1, SynCookies::kNever).tune([](TcpOptions& o) { o.synack_retries = 0; }));
  s.at(0).flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(1001).silence().half_open(0);
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
}

TEST(SceneBacklog, ARepeatedSynIsNotAnotherOne) {
  Scene s(bounded(1, SynCookies::kNever));
  s.at(0).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.at(9).in("S 0 <mss 1460>").out("S. 0 ack 1").counter("TcpExtListenOverflows", 0);
}

TEST(SceneBacklog, IsOfOneListenerAlone) {
  Scene s(bounded(1, SynCookies::kNever));
  TcpOptions options = server().tcp;
  s.claim(s.host().listen({IpAddress{}, 81}, options).ok(), "another port, without a bound");
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5001, 81).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002, 81).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5002).in("S 0 <mss 1460>").silence().half_open(3);
}

TEST(SceneBacklog, AListenerOfOneAddressTakesOverWhatIsHalfOpenThere) {
  Scene s(bounded(1, SynCookies::kNever));
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1");
  TcpOptions options = server().tcp;
  options.backlog = 2;
  const auto nearer = s.host().listen({IpAddress::v4(kLocalIp), 80}, options);
  s.claim(nearer.ok(), "the listener of the very address");
  s.flow(5002).in("S 0 <mss 1460>").out("S. 0 ack 1");
  s.flow(5003).in("S 0 <mss 1460>").silence().half_open(2);
  // It takes them along when it closes; the listener of all addresses begins anew.
  s.host().close_listener(nearer.value());
  s.half_open(0).flow(5003).in("S 0 <mss 1460>").out("S. 0 ack 1").half_open(1);
  s.flow(5004).in("S 0 <mss 1460>").silence();
}

TEST(SceneBacklog, ZeroIsNoBoundOfItsOwn) {
  Scene s(bounded(0, SynCookies::kNever).tune_shard([](ShardConfig& c) { c.half_open_max = 8; }));
  for (uint16_t port = 5001; port <= 5008; ++port) {
    s.flow(port).in("S 0 <mss 1460>").out("S. 0 ack 1");
  }
  s.flow(5009).in("S 0 <mss 1460>").silence().half_open(8);
}

}  // namespace
}  // namespace millrace::test
