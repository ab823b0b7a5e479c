// SPDX-License-Identifier: BSD-3-Clause
// Every bound is met without harm: what is too much is refused and counted, what there is goes on,
// and room that comes back is used again. And the orderly end of a whole host.
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

void open_flow(Scene& s, uint16_t peer_port) {
  s.flow(peer_port).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
}

// --- Connections
// ----------------------------------------------------------------------------------

TEST(SceneLimits, PastConnectionsMaxTheHandshakeIsNotCompleted) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.connections_max = 2; }));
  open_flow(s, 5001);
  open_flow(s, 5002);
  s.flow(5003).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  s.connections(2).half_open(1).counter("TcpExtListenOverflows", 1);
  // The peer, who believes itself connected, sends; when there is room, that completes it.
  s.at(100).in("1:11 ack 1").silence().connections(2);
  s.flow(5001).app("abort").out("R. 1 ack 1").connections(1);
  s.flow(5003).at(300).in("1:11 ack 1").silence().state("ESTABLISHED").received(10);
}

TEST(SceneLimits, PastConnectionsMaxConnectIsAnError) {
  Scene s(client().tune_shard([](ShardConfig& c) { c.connections_max = 1; }));
  s.at(0).app("connect").out("S 0");
  const Endpoint peer{IpAddress::v4(kPeerIp), 81};
  s.claim(!s.host().connect(peer).ok(), "all connections are in use");
  s.app("abort").silence();
  const auto id = s.host().connect(peer);
  s.claim(id.ok(), "there is room again");
  s.flow(81, 0);
  if (id.ok()) s.host().abort(id.value());
}

TEST(SceneLimits, PastHalfOpenMaxASynIsDropped) {
  Scene s(server().tune_shard([](ShardConfig& c) {
    c.half_open_max = 2;
    c.syn_cookies = SynCookies::kNever;
  }));
  s.flow(5001).in("S 0").out("S. 0 ack 1").flow(5002).in("S 0").out("S. 0 ack 1");
  s.flow(5003).in("S 0").silence().counter("TcpExtListenOverflows", 1).half_open(2);
  s.flow(5001).in(". 1 ack 1").silence();
  s.flow(5003).in("S 0").out("S. 0 ack 1").half_open(2);
}

TEST(SceneLimits, AFloodOfSynsLeavesEstablishedConnectionsAlone) {
  Scene s(established().tune_shard([](ShardConfig& c) {
    c.half_open_max = 4;
    c.syn_cookies = SynCookies::kNever;
  }));
  for (uint16_t port = 6000; port < 6100; ++port) {
    s.flow(port).in("S 0 <mss 1460>");
    if (port < 6004) s.out("S. 0 ack 1");
    s.silence();
  }
  s.counter("TcpExtListenOverflows", 96);
  s.flow(5000).in("1:11 ack 1").app("write 10").out("P. 1:11 ack 11").received(10);
}

TEST(SceneLimits, WhereTheDeviceIsNotEmptiedForLongSynsAreShed) {
  Scene s(established());
  Shard& shard = s.host().shard();
  s.at(100).silence();
  shard.end_of_input(shard.now(), false);
  s.at(105).silence();
  shard.end_of_input(shard.now(), false);
  s.flow(5001).in("S 0 <mss 1460>").silence().counter("DropTcpOverload", 1).half_open(0);
  s.flow(5000).in("1:11 ack 1").app("write 10").out("P. 1:11 ack 11").received(10);
  s.in(". 11 ack 11");
  // The queue has gone, and nobody was refused for a second.
  for (int ms : {106, 1200}) {
    s.at(ms).silence();
    shard.end_of_input(shard.now(), true);
  }
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1").counter("DropTcpOverload", 1);
}

TEST(SceneLimits, PastListenersMaxListenIsAnError) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.listeners_max = 2; }));
  TestHost& host = s.host();
  const auto second = host.listen({IpAddress{}, 81});
  s.claim(second.ok(), "the second");
  s.claim(!host.listen({IpAddress{}, 82}).ok(), "not the third");
  host.close_listener(second.value());
  s.claim(host.listen({IpAddress{}, 82}).ok(), "there is room again");
}

TEST(SceneLimits, APortIsListenedOnOnce) {
  Scene s(server());
  s.claim(!s.host().listen({IpAddress{}, 80}).ok(), "80 is taken");
  s.claim(s.host().listen({IpAddress::v4(kLocalIp), 80}).ok(), "but not for one address");
  s.claim(!s.host().listen({IpAddress::v4(kLocalIp), 80}).ok(), "once");
  s.claim(!s.host().listen({IpAddress::v4(kLocalIp + 5), 80}).ok(), "not our address");
  s.claim(!s.host().listen({IpAddress{}, 0}).ok(), "port 0 is none");
}

TEST(SceneLimits, WhenAllPortsAreInUseConnectIsAnError) {
  Scene s(client().tune_shard([](ShardConfig& c) {
    c.port_first = 50000;
    c.port_last = 50002;
  }));
  const Endpoint peer{IpAddress::v4(kPeerIp), 80};
  std::vector<ConnectionId> ids;
  for (int i = 0; i < 3; ++i) {
    const auto id = s.host().connect(peer);
    s.claim(id.ok(), "a port is left");
    if (id.ok()) ids.push_back(id.value());
  }
  s.claim(!s.host().connect(peer).ok(), "no port is left");
  s.claim(s.host().connect({IpAddress::v4(kPeerIp), 81}).ok(), "but for another peer");
  s.host().shard().drain(s.host().now());
  for (uint16_t port = 50000; port <= 50002; ++port) s.flow(80, port).maybe("S 0");
  s.host().set_time(s.host().now() + milliseconds(1));
  (void)s.host().collect();
}

TEST(SceneLimits, TimersThatAreDueTogetherAllFireThoughFewPerTurn) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.timers_per_turn = 2; }));
  for (uint16_t port = 5001; port <= 5007; ++port) {
    open_flow(s, port);
    s.app("write 10").out("P. 1:11 ack 1");
  }
  s.at(1000);
  for (uint16_t port = 5001; port <= 5007; ++port) s.flow(port).out("P. 1:11 ack 1");
  s.silence().counter("TcpExtTCPTimeouts", 7);
}

TEST(SceneLimits, RecordsOfTimeWaitThatAreDueTogetherAllEndThoughFewPerTurn) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.timers_per_turn = 2; }));
  for (uint16_t port = 5001; port <= 5007; ++port) {
    open_flow(s, port);
    s.app("shutdown").out("F. 1 ack 1").in("F. 1 ack 2").out(". 2 ack 2");
  }
  s.time_wait(7).at(60001).silence().drained();
}

TEST(SceneLimits, ABurstIsAnsweredInTheOrderOfItsConnections) {
  Scene s(server());
  open_flow(s, 5001);
  open_flow(s, 5002);
  s.flow(5001);
  const Bytes first = s.frame("F. 1 ack 1");
  s.flow(5002);
  const Bytes second = s.frame("F. 1 ack 1");
  const RxFrame burst[] = {{.data = second.data(), .length = static_cast<uint32_t>(second.size())},
                           {.data = first.data(), .length = static_cast<uint32_t>(first.size())}};
  s.host().receive(burst);
  s.flow(5002).out(". 1 ack 2").flow(5001).out(". 1 ack 2").silence();
}

// --- Memory
// ---------------------------------------------------------------------------------------

TEST(SceneLimits, TheSendBufferTakesItsSizeAndNoMore) {
  Scene s(established().send_buffer(2000).window(100));
  s.at(0).in(". 1 ack 1 win 100").app("write 3000 takes 2000").out("1:101 ack 1");
  s.app("write 1 takes 0").at(1).in(". 1 ack 101 win 100").out("101:201 ack 1");
  s.app("write 500 takes 100");
}

TEST(SceneLimits, WithoutBlocksAWriteTakesNothingAndTheConnectionLives) {
  Scene s(established().tune_shard([](ShardConfig& c) {
    c.small_blocks_max = 1;
    c.large_blocks_max = 1;
  }));
  s.at(0).in(". 1 ack 1 win 0").app("write 60000 takes 4320").app("write 10 takes 0").silence();
  s.in(". 1 ack 1 win 65535").out("1:1461 ack 1").out("1461:2921 ack 1");
  s.silence().in(". 1 ack 2921 win 65535").out("P. 2921:4321 ack 1");
  s.in(". 1 ack 4321").silence().app("write 10").out("P. 4321:4331 ack 1");
}

TEST(SceneLimits, WithoutBlocksTextIsRefusedAndComesAgain) {
  Scene s(established().tune_shard([](ShardConfig& c) {
    c.small_blocks_max = 1;
    c.large_blocks_max = 1;
  }));
  s.at(0).in("1:1461 ack 1").in("1461:2921 ack 1").out(". 1 ack 2921");
  s.in("2921:4381 ack 1").out(". 1 ack 4081").received(4080).counter("DropTcpNoMemory", 1);
  s.app("read").out(". 1 ack 4081 win 65535");
  s.at(10).in("4081:4381 ack 1").silence().received(4380);
}

TEST(SceneLimits, WithoutBlocksTextAheadOfAGapIsDropped) {
  Scene s(established().tune_shard([](ShardConfig& c) {
    c.small_blocks_max = 1;
    c.large_blocks_max = 1;
  }));
  for (int64_t from = 1461; from < 8000; from += 1460) {
    s.in(std::to_string(from) + ":" + std::to_string(from + 1460) + " ack 1").out(". 1 ack 1");
  }
  s.claim(s.info().out_of_order_bytes <= 4320, "no more than there are blocks");
}

TEST(SceneLimits, WhenTheControlQueueIsFullAnswersAreDropped) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.control_frames_max = 2; }));
  s.at(0).flow(5000, 81).in("S 9").out("R. =0 ack 10");  // now ARP is done
  s.in_burst({"S 0", "S 1", "S 2", "S 3"}).out("R. =0 ack 1");
  s.out("R. =0 ack 2").silence().counter("DropControlQueueFull", 2);
  s.in("S 4").out("R. =0 ack 5");
}

TEST(SceneLimits, OneConnectionDoesNotHoldUpTheOthers) {
  Scene s(established().tune_shard([](ShardConfig& c) { c.frames_per_connection_per_turn = 2; }));
  s.at(0).app("write 14600");
  for (int64_t from = 1; from < 14600; from += 1460) {
    s.out(std::to_string(from) + ":" + std::to_string(from + 1460) + " ack 1");
  }
  s.silence();
}

TEST(SceneLimits, PastProfilesMaxListenIsAnError) {
  Scene s(server().tune_shard([](ShardConfig& c) { c.profiles_max = 1; }));
  TcpOptions other;
  other.nodelay = true;
  s.claim(!s.host().listen({IpAddress{}, 81}, other).ok(), "other options");
}

// --- The end
// --------------------------------------------------------------------------------------

TEST(SceneDrain, EveryConnectionIsClosedInOrder) {
  Scene s(established());
  Shard& shard = s.host().shard();
  s.at(0).app("write 100").out("P. 1:101 ack 1");
  shard.drain(s.host().now() + seconds(10));
  s.out("F. 101 ack 1").claim(!shard.drained(), "not yet");
  s.at(10).in("F. 1 ack 102").out(". 102 ack 2").closed("normal");
  s.claim(shard.drained(), "now");
}

TEST(SceneDrain, NothingNewIsAccepted) {
  Scene s(established());
  s.host().shard().drain(s.host().now() + seconds(10));
  s.at(0).out("F. 1 ack 1").flow(5001).in("S 0").out("R. =0 ack 1").flow(5000);
  s.claim(!s.host().connect({IpAddress::v4(kPeerIp), 80}).ok(), "no new connection either");
}

TEST(SceneDrain, AtTheDeadlineTheRestIsAborted) {
  Scene s(established());
  Shard& shard = s.host().shard();
  shard.drain(s.host().now() + seconds(5));
  s.at(0).out("F. 1 ack 1").in(". 1 ack 2");
  s.at(4999).silence().open();
  s.at(5000).out("R. 2 ack 1").closed("local-abort").drained();
  s.claim(shard.drained(), "at last");
}

TEST(SceneDrain, AnAttemptToConnectEndsAtOnce) {
  Scene s(client());
  s.at(0).app("connect").out("S 0");
  s.host().shard().drain(s.host().now() + seconds(5));
  s.silence().closed("local-abort").drained();
}

TEST(SceneDrain, HalfOpenConnectionsAreForgotten) {
  Scene s(in_state("SYN-RECEIVED"));
  s.host().shard().drain(s.host().now() + seconds(5));
  s.silence().half_open(0).in(". 1 ack 1").out("R 1");
}

}  // namespace
}  // namespace millrace::test
