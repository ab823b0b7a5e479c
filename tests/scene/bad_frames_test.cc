// SPDX-License-Identifier: BSD-3-Clause
// Frames that are damaged, not for us, or not possible: each is counted under one reason, never
// answered unless an RFC asks for it, and the connection that it aims at goes on.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

constexpr size_t kIp = 14;   // where headers begin
constexpr size_t kTcp = 34;  // behind an IP header without options

// Text at the right place, and damage to it.
struct Damage {
  const char* counter;
  const char* what;
  std::function<void(Bytes&)> make;
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.what; }

void set_ip_source(Bytes& frame, uint32_t address) {
  put32(frame, kIp + 12, address);
  fix_ip_checksum(frame);
  fix_tcp_checksum(frame);
}

void set_flags(Bytes& frame, uint8_t flags) {
  put8(frame, kTcp + 13, flags);
  fix_tcp_checksum(frame);
}

const Damage kDamages[] = {
    {"DropRunt", "shorter than an Ethernet header", [](Bytes& f) { f.resize(13); }},
    {"DropRunt", "empty", [](Bytes& f) { f.clear(); }},
    {"DropEthertype", "an ethertype that we do not speak", [](Bytes& f) { put16(f, 12, 0x88cc); }},
    {"DropNotForUsL2", "to somebody else's MAC", [](Bytes& f) { put8(f, 5, 9); }},
    {"DropNotForUsL2", "TCP to all",
     [](Bytes& f) {
       for (size_t i = 0; i < 6; ++i) put8(f, i, 0xff);
     }},
    {"DropSourceMacInvalid", "from a group's MAC", [](Bytes& f) { put8(f, 6, 3); }},
    {"DropSourceMacInvalid", "from MAC zero",
     [](Bytes& f) {
       for (size_t i = 6; i < 12; ++i) put8(f, i, 0);
     }},
    {"DropIpHeader", "no room for an IP header", [](Bytes& f) { f.resize(kIp + 19); }},
    {"DropIpHeader", "an IP header of 16 bytes",
     [](Bytes& f) {
       put8(f, kIp, 0x44);
       fix_ip_checksum(f);
     }},
    {"DropIpVersion", "version 5", [](Bytes& f) { put8(f, kIp, 0x55); }},
    {"DropIpChecksum", "a wrong IP checksum", [](Bytes& f) { put8(f, kIp + 10, 0x77); }},
    {"DropIpChecksum", "a changed TTL", [](Bytes& f) { put8(f, kIp + 8, 1); }},
    {"DropIpTruncated", "a total length beyond the frame",
     [](Bytes& f) {
       put16(f, kIp + 2, static_cast<uint16_t>(f.size()));
       fix_ip_checksum(f);
     }},
    {"DropIpTruncated", "a total length below the header",
     [](Bytes& f) {
       put16(f, kIp + 2, 19);
       fix_ip_checksum(f);
     }},
    {"DropIpFragment", "a first fragment that hides the flags in the second",
     [](Bytes& f) {
       put16(f, kIp + 2, 20 + 16);
       put16(f, kIp + 6, 0x2000);
       fix_ip_checksum(f);
     }},
    {"DropIpFragment", "a last fragment that ends beyond the longest packet",
     [](Bytes& f) {
       put16(f, kIp + 6, 0x1fff);
       fix_ip_checksum(f);
     }},
    {"DropIpNotForUs", "to somebody else's address",
     [](Bytes& f) {
       put32(f, kIp + 16, kLocalIp + 7);
       fix_ip_checksum(f);
       fix_tcp_checksum(f);
     }},
    {"DropIpSourceInvalid", "from loopback", [](Bytes& f) { set_ip_source(f, 0x7f000001); }},
    {"DropIpSourceInvalid", "from a group", [](Bytes& f) { set_ip_source(f, 0xe0000001); }},
    {"DropIpSourceInvalid", "from nobody", [](Bytes& f) { set_ip_source(f, 0); }},
    {"DropIpSourceInvalid", "from all", [](Bytes& f) { set_ip_source(f, 0xffffffff); }},
    {"DropIpSourceInvalid", "from all of our network",
     [](Bytes& f) { set_ip_source(f, 0x0a0000ff); }},
    {"DropLand", "from ourselves", [](Bytes& f) { set_ip_source(f, kLocalIp); }},
    {"DropTcpTruncated", "no room for a TCP header",
     [](Bytes& f) {
       put16(f, kIp + 2, 20 + 19);
       fix_ip_checksum(f);
     }},
    {"DropTcpOffset", "a TCP header of 16 bytes",
     [](Bytes& f) {
       put8(f, kTcp + 12, 0x40);
       fix_tcp_checksum(f);
     }},
    {"DropTcpOffset", "a TCP header beyond the packet",
     [](Bytes& f) {
       put16(f, kIp + 2, 20 + 24);
       fix_ip_checksum(f);
       put8(f, kTcp + 12, 0x70);
       fix_tcp_checksum(f);
     }},
    {"DropTcpChecksum", "a wrong TCP checksum", [](Bytes& f) { put8(f, kTcp + 16, 0x77); }},
    {"DropTcpChecksum", "a changed byte of text", [](Bytes& f) { put8(f, f.size() - 1, 0xee); }},
    {"DropTcpPortZero", "from port 0",
     [](Bytes& f) {
       put16(f, kTcp, 0);
       fix_tcp_checksum(f);
     }},
    {"DropTcpPortZero", "to port 0",
     [](Bytes& f) {
       put16(f, kTcp + 2, 0);
       fix_tcp_checksum(f);
     }},
    {"DropTcpFlags", "no flags at all", [](Bytes& f) { set_flags(f, 0); }},
    {"DropTcpFlags", "FIN without ACK", [](Bytes& f) { set_flags(f, kFin); }},
    {"DropTcpFlags", "PSH alone", [](Bytes& f) { set_flags(f, kPsh); }},
    {"DropTcpFlags", "SYN and FIN", [](Bytes& f) { set_flags(f, kSyn | kFin); }},
    {"DropTcpFlags", "SYN and RST", [](Bytes& f) { set_flags(f, kSyn | kRst); }},
    {"DropTcpFlags", "FIN and RST", [](Bytes& f) { set_flags(f, kFin | kRst | kAck); }},
    {"DropTcpFlags", "all flags", [](Bytes& f) { set_flags(f, 0xff); }},
};

class SceneBadFrame : public testing::TestWithParam<Damage> {};

TEST_P(SceneBadFrame, IsCountedAndChangesNothing) {
  const Damage& damage = GetParam();
  Scene s(established());
  Bytes frame = s.frame("1:101 ack 1");
  damage.make(frame);
  s.at(0).in(frame).silence().received(0).counter(damage.counter, 1);
  s.claim(s.host().shard().counters().drops() == 1, "it is counted under one reason");
  s.in("1:101 ack 1").silence().received(100).state("ESTABLISHED");
}

TEST_P(SceneBadFrame, DoesNotOpenAConnection) {
  const Damage& damage = GetParam();
  Scene s(server());
  Bytes frame = s.frame("S 0:10");
  damage.make(frame);
  s.at(0).in(frame).silence().half_open(0).counter(damage.counter, 1);
}

std::string name_of(const testing::TestParamInfo<Damage>& info) {
  std::string name = info.param.what;
  for (char& letter : name) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, SceneBadFrame, testing::ValuesIn(kDamages), name_of);

TEST(SceneFrames, PaddingBehindThePacketIsNotText) {
  Scene s(established());
  Bytes frame = s.frame("1:3 ack 1");
  frame.resize(60, std::byte{0xaa});
  s.at(0).in(frame).silence().received(2);
}

TEST(SceneFrames, IpOptionsAreSkipped) {
  Scene s(established());
  Bytes frame = s.frame("1:11 ack 1");
  const Bytes options{std::byte{1}, std::byte{1}, std::byte{1}, std::byte{0}};
  frame.insert(frame.begin() + kTcp, options.begin(), options.end());
  put8(frame, kIp, 0x46);
  put16(frame, kIp + 2, static_cast<uint16_t>(get16(frame, kIp + 2) + 4));
  fix_ip_checksum(frame);
  fix_tcp_checksum(frame);
  s.host().inject(frame);
  s.silence().received(10);
}

TEST(SceneFrames, TheDontFragmentBitIsNoFragment) {
  Scene s(established());
  Bytes frame = s.frame("1:11 ack 1");
  put16(frame, kIp + 6, 0);
  fix_ip_checksum(frame);
  s.at(0).in(frame).silence().received(10);
}

TEST(SceneFrames, EveryFrameThatWeSendSaysDontFragmentAndHasOurTtl) {
  Scene s(established().tune_shard([](ShardConfig& c) { c.interface.ttl = 7; }));
  s.at(0).app("write 10").out("P. 1:11 ack 1");
  s.host().inject(s.frame("S 5"));
  for (const Bytes& bytes : s.host().collect()) {
    EXPECT_EQ(get16(bytes, kIp + 6) & 0x4000, 0x4000);
    EXPECT_EQ(static_cast<uint8_t>(bytes[kIp + 8]), 7);
  }
}

TEST(SceneFrames, ABurstOfRubbishLeavesTheGoodFrames) {
  Scene s(established());
  Bytes rubbish = s.frame("1:101 ack 1");
  put8(rubbish, kTcp + 16, 0x77);
  const Bytes good = s.frame("1:101 ack 1");
  std::vector<RxFrame> burst;
  for (int i = 0; i < 100; ++i) {
    const Bytes& bytes = i == 70 ? good : rubbish;
    burst.push_back({.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())});
  }
  s.host().receive(burst);
  s.silence().received(100).counter("DropTcpChecksum", 99).counter("FramesIn", 100);
}

TEST(SceneFrames, AVerdictOfTheDeviceIsBelieved) {
  Scene s(established());
  Bytes frame = s.frame("1:101 ack 1");
  const auto receive = [&](ChecksumVerdict verdict) {
    const RxFrame rx{.data = frame.data(),
                     .length = static_cast<uint32_t>(frame.size()),
                     .ip_checksum = ChecksumVerdict::kGood,
                     .l4_checksum = verdict};
    s.host().receive({&rx, 1});
  };
  receive(ChecksumVerdict::kBad);
  s.silence().received(0).counter("DropTcpChecksum", 1);
  put16(frame, kTcp + 16, 0);  // a virtual device leaves it out
  receive(ChecksumVerdict::kGood);
  s.silence().received(100);
}

}  // namespace
}  // namespace millrace::test
