// SPDX-License-Identifier: BSD-3-Clause
// OPEN (RFC 9293 section 3.9.1.1): which addresses may be asked for, which are used, and that
// opens do not disturb each other.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

constexpr uint32_t kOtherIp = 0x0a000009;  // 10.0.0.9, ours too

Stage with_two_addresses(Stage setup) {
  return setup.tune_shard([](ShardConfig& c) {
    c.interface.addresses.push_back({IpAddress::v4(kOtherIp), 24});
  });
}

uint32_t source_ip(const Bytes& frame) {
  uint32_t ip = 0;
  for (size_t i = 26; i < 30; ++i) ip = ip << 8 | std::to_integer<uint32_t>(frame[i]);
  return ip;
}

NaiveTcp syn_to(uint32_t destination) {
  NaiveTcp syn;
  syn.destination_mac = kLocalMac;
  syn.source_mac = kPeerMac;
  syn.source_ip = kPeerIp;
  syn.destination_ip = destination;
  syn.source_port = 6000;
  syn.destination_port = 80;
  syn.flags = kSyn;
  syn.window = 65535;
  return syn;
}

TEST(SceneOpen, AnAddressThatIsNoHostsIsRefused) {
  Scene s(established());
  const auto error = [&](const char* peer) {
    const auto id = s.host().connect({Prefix::parse(peer).value().address, 80});
    return id.ok() ? "none" : id.error().message;
  };
  const std::string advice = " cannot be connected to; give a host's address and a port";
  for (const std::string peer :
       {"224.0.0.1", "239.255.255.255", "255.255.255.255", "10.0.0.255", "0.0.0.0"}) {
    EXPECT_EQ(error((peer + "/32").c_str()), peer + ":80" + advice);
  }
  EXPECT_EQ(error("10.0.0.1/32"),
            "10.0.0.1 is our own address; millrace has no loopback inside a "
            "shard");
  s.silence().connections(1);
  // Nobody is asked for the link-layer address of such a one, either: the peer is the only entry.
  EXPECT_EQ(s.host().shard().use().neighbors, 1u);
}

TEST(SceneOpen, TheLocalAddressMayBeChosen) {
  for (const uint32_t local : {kLocalIp, kOtherIp}) {
    Scene s(with_two_addresses(established()));
    ASSERT_TRUE(s.host().connect({IpAddress::v4(kPeerIp), 81}, {}, {IpAddress::v4(local), 0}).ok());
    const auto frames = s.host().collect();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(source_ip(frames[0]), local);
  }
}

TEST(SceneOpen, ALocalAddressThatIsNotOursIsRefused) {
  Scene s(established());
  const auto id = s.host().connect({IpAddress::v4(kPeerIp), 81}, {}, {IpAddress::v4(kOtherIp), 0});
  ASSERT_FALSE(id.ok());
  EXPECT_EQ(id.error().message, "10.0.0.9 is not one of our addresses");
}

TEST(SceneOpen, AnAnswerComesFromTheAddressThatWasAsked) {
  Scene s(with_two_addresses(established()));
  s.host().inject(build(syn_to(kOtherIp)));
  const auto frames = s.host().collect();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(source_ip(frames[0]), kOtherIp);
}

TEST(SceneOpen, APortMayBeListenedOnWhileItConnects) {
  // In SYN-SENT from a port, the same port takes other peers' connections, and each stays what it
  // is.
  Scene s(client());
  s.at(0).app("connect").out("S 0").state("SYN-SENT");
  ASSERT_TRUE(s.host().listen({{}, 40000}).ok());
  s.flow(6000, 40000).in("S 0").out("S. 0 ack 1").half_open(1);
  s.in(". 1 ack 1").silence().half_open(0);
  s.flow(80, 40000).state("SYN-SENT").in("S. 0 ack 1").out(". 1 ack 1").state("ESTABLISHED");
  s.connections(2);
}

TEST(SceneOpen, APortMayBeListenedOnWhileASimultaneousOpenIsAnswered) {
  Scene s(in_state("SYN-RECEIVED-SIMULTANEOUS"));
  ASSERT_TRUE(s.host().listen({{}, 40000}).ok());
  s.at(1).flow(6000, 40000).in("S 0").out("S. 0 ack 1");
  s.flow(80, 40000).in(". 1 ack 1").silence().state("ESTABLISHED").half_open(1);
}

// The local port of a connect to `peer_port`, in a shard with that secret.
uint16_t chosen_port(uint64_t seed, uint16_t peer_port) {
  Scene s(established().tune_shard([&](ShardConfig& c) { c.seed = seed; }));
  EXPECT_TRUE(s.host().connect({IpAddress::v4(kPeerIp), peer_port}).ok());
  const auto frames = s.host().collect();
  return frames.empty() ? uint16_t{0} : get16(frames[0], 14 + 20);
}

TEST(SceneOpen, NobodyElseKnowsWhichPortIsNext) {
  // RFC 6056 section 3.3.3: where the ports to a peer begin depends on the peer and a secret.
  EXPECT_EQ(chosen_port(1, 81), chosen_port(1, 81));
  EXPECT_NE(chosen_port(1, 81), chosen_port(2, 81));
  const int distance = chosen_port(1, 81) - chosen_port(1, 82);
  EXPECT_GT(std::abs(distance), 1);
}

TEST(SceneOpen, AListenerOfOneAddressTakesNothingForAnother) {
  Scene s(with_two_addresses(client()));
  ASSERT_TRUE(s.host().listen({IpAddress::v4(kOtherIp), 80}).ok());
  s.flow(6000, 80).at(0).in("S 0").out("R. =0 ack 1").half_open(0);
}

}  // namespace
}  // namespace millrace::test
