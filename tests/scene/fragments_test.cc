// SPDX-License-Identifier: BSD-3-Clause
// IP fragments (RFC 791 section 3.2, RFC 8200 section 4.5), of both families: what was sent in one
// piece counts when all of it is there, and not before. Each rule of putting together is in
// tests/unit/net/fragments_test.cc.
#include <gtest/gtest.h>

#include <utility>

#include "support/family.h"
#include "support/pieces.h"
#include "support/scene.h"

namespace millrace::test {
namespace {

// The same scenes for each family; lines are IPv4, and translated.
class SceneFragments : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] bool v6() const { return GetParam(); }
  [[nodiscard]] Stage stage(Stage s) const { return v6() ? s.ipv6() : s.own_family(); }
  // Bytes [from, to) of what the line's packet carries.
  Bytes piece(Scene& s, std::string_view line, size_t from, size_t to, uint32_t id = 7) {
    const Bytes frame = s.frame(line);
    return piece_of(v6() ? to_v6(frame).value() : frame, id, from, to);
  }
  [[nodiscard]] std::string counter(const std::string& of_v4) const {
    return v6() ? "Ip6" + of_v4.substr(2) : of_v4;
  }
};

INSTANTIATE_TEST_SUITE_P(Both, SceneFragments, testing::Values(false, true),
                         [](const auto& about) { return about.param ? "Ipv6" : "Ipv4"; });

TEST_P(SceneFragments, ASegmentCountsWhenAllOfItIsThere) {
  Scene s(stage(established()));
  constexpr auto kLine = "1:1001 ack 1";  // 20 bytes of header, 1000 of payload
  s.at(0).in(piece(s, kLine, 0, 512)).silence().received(0);
  s.at(5).in(piece(s, kLine, 512, 2000)).received(1000).out_by(50, ". 1 ack 1001");
  s.counter(counter("IpReasmReqds"), 2).counter(counter("IpReasmOKs"), 1);
  s.counter(counter("IpReasmFails"), 0);
}

TEST_P(SceneFragments, TheirOrderDoesNotMatter) {
  Scene s(stage(established()));
  constexpr auto kLine = "1:1001 ack 1";
  s.at(0).in(piece(s, kLine, 512, 2000)).in(piece(s, kLine, 256, 512)).received(0);
  s.in(piece(s, kLine, 256, 512)).in(piece(s, kLine, 0, 256)).received(1000);
  s.out_by(50, ". 1 ack 1001");
}

TEST_P(SceneFragments, AHandshakeMayComeInThem) {
  Scene s(stage(server()));
  constexpr auto kSyn = "S 0 <mss 1460,sackOK,ts 100 =0,nop,ws 7>";
  s.at(0).in(piece(s, kSyn, 0, 24)).silence().in(piece(s, kSyn, 24, 99)).out("S. 0 ack 1");
  s.in(". 1 ack 1").state("ESTABLISHED");
}

TEST_P(SceneFragments, ThatOverlapAreNoDatagram) {
  // RFC 5722: and what is sent again with another identification is one.
  Scene s(stage(established()));
  constexpr auto kLine = "1:1001 ack 1";
  s.at(0).in(piece(s, kLine, 0, 512)).in(piece(s, kLine, 504, 2000)).silence().received(0);
  s.in(piece(s, kLine, 512, 2000)).silence().received(0);
  s.counter(counter("IpReasmFails"), 2).counter("DropIpFragment", 2);
  s.in(piece(s, kLine, 0, 512, 8)).in(piece(s, kLine, 512, 2000, 8)).received(1000);
  s.out_by(50, ". 1 ack 1001");
}

TEST_P(SceneFragments, OfAWrongSegmentMakeAWrongSegment) {
  Scene s(stage(established()));
  constexpr auto kLine = "1:1001 ack 1";
  Bytes first = piece(s, kLine, 0, 512);
  put8(first, first.size() - 1, 0x77);
  s.at(0).in(first).in(piece(s, kLine, 512, 2000)).silence().received(0);
  s.counter("DropTcpChecksum", 1).counter(counter("IpReasmOKs"), 1);
}

TEST_P(SceneFragments, WaitForTheOthersForSoLongAndTheSenderIsTold) {
  Scene s(stage(established()));
  s.at(0).in(piece(s, "1:1001 ack 1", 0, 512));
  const int64_t lifetime_ms = v6() ? 60'000 : 30'000;
  s.at(lifetime_ms - 2).silence();
  s.counter(counter("IpReasmTimeout"), 0);
  s.at(lifetime_ms + 1).whatever();
  s.counter(counter("IpReasmTimeout"), 1).counter(counter("IpReasmFails"), 1);
  s.counter(v6() ? "Icmp6OutTimeExcds" : "IcmpOutTimeExcds", 1);
  s.in(piece(s, "1:1001 ack 1", 512, 2000)).silence().received(0);
}

TEST_P(SceneFragments, NobodyIsToldWithoutTheFirst) {
  Scene s(stage(established()));
  s.at(0).in(piece(s, "1:1001 ack 1", 512, 2000));
  s.at(61'000).silence().counter(counter("IpReasmTimeout"), 1);
  s.counter(v6() ? "Icmp6OutTimeExcds" : "IcmpOutTimeExcds", 0);
}

TEST_P(SceneFragments, AreDroppedByChoice) {
  Scene s(stage(established()).tune_shard([](ShardConfig& c) {
    c.fragments = FragmentHandling::kDrop;
  }));
  constexpr auto kLine = "1:1001 ack 1";
  s.at(0).in(piece(s, kLine, 0, 512)).in(piece(s, kLine, 512, 2000)).silence().received(0);
  s.counter("DropIpFragment", 2).counter(counter("IpReasmReqds"), 0);
}

TEST_P(SceneFragments, ToSomebodyElseAreNotKept) {
  Scene s(stage(established()));
  Bytes fragment = piece(s, "1:1001 ack 1", 0, 512);
  put8(fragment, v6() ? 14 + 39 : 14 + 19, 99);
  if (!v6()) fix_ip_checksum(fragment);
  s.at(0).in(fragment).silence().counter("DropIpNotForUs", 1);
  s.counter(counter("IpReasmReqds"), 0);
}

// In IPv6 a datagram that was put together may be a fragment itself; nobody sends that.
TEST(SceneFragmentsV6, AreNotPutTogetherTwice) {
  Scene s(established().ipv6());
  const Bytes inner = piece_of(to_v6(s.frame("1:1001 ack 1")).value(), 7, 0, 512);
  s.at(0).in(piece_of(inner, 9, 0, 256)).in(piece_of(inner, 9, 256, 999)).silence();
  s.counter("DropIpFragment", 1).counter("Ip6ReasmOKs", 1);
}

// --- Out ----------------------------------------------------------------------------------------

TEST(SceneFragmentsOut, ALongEchoIsAnsweredInFragments) {
  for (const bool v6 : {false, true}) {
    ShardConfig config = server().shard;
    config.interface.gratuitous_arp = false;
    config.interface.address_check = AddressCheck::kOff;
    config.interface.addresses = {Prefix::parse(v6 ? "2001:db8::1/64" : "10.0.0.1/24").value()};
    const auto host = std::move(Host::create(config, {}).value());
    Bytes echo;
    if (v6) {
      host->inject(build(*icmp6_of_line("nd who-has 2001:db8::1 tell 2001:db8::2",
                                        {kPeerMac, kLocalMac, ip(kPeerIp6), ip(kLocalIp6)})));
      NaiveIcmp6 icmp{kLocalMac, kPeerMac, ip(kPeerIp6), ip(kLocalIp6), 64, {},
                      128,       0,        Bytes(4004)};
      for (size_t i = 0; i < icmp.body.size(); ++i) icmp.body[i] = peer_byte(i);
      echo = build(icmp);
    } else {
      host->inject(
          build(NaiveArp{MacAddress::broadcast(), kPeerMac, 1, kPeerMac, {}, kPeerIp, kLocalIp}));
      NaiveIcmp icmp{kLocalMac, kPeerMac, kPeerIp, kLocalIp, 8, 0, Bytes(4004)};
      for (size_t i = 0; i < icmp.body.size(); ++i) icmp.body[i] = peer_byte(i);
      echo = build(icmp);
    }
    (void)host->collect();
    for (size_t at = 0; at < 4008; at += 1448) host->inject(piece_of(echo, 7, at, at + 1448));
    const std::vector<Bytes> sent = host->collect();
    EXPECT_EQ(sent.size(), 3u);
    const auto whole = joined(sent, 1500);
    ASSERT_TRUE(whole) << "IPv" << (v6 ? 6 : 4);
    std::string problem;
    const Bytes body = v6 ? decode_icmp6(*whole, problem)->body : decode(*whole).icmp->body;
    EXPECT_EQ(v6 ? problem : decode(*whole).problem, "") << "the checksum is of the whole";
    ASSERT_EQ(body.size(), 4004u);
    for (size_t i = 0; i < body.size(); ++i) ASSERT_EQ(body[i], peer_byte(i)) << i;
    const Counters& counters = host->shard().counters();
    EXPECT_EQ(counters.get(v6 ? Counter::kIp6FragCreates : Counter::kIpFragCreates), 3u);
    EXPECT_EQ(counters.get(v6 ? Counter::kIp6FragOKs : Counter::kIpFragOKs), 1u);
  }
}

}  // namespace
}  // namespace millrace::test
