// SPDX-License-Identifier: BSD-3-Clause
// Received frames: what is sound is read right, whatever is not is dropped under its own name.
#include "wire/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/random.h"
#include "support/naive_frame.h"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::NaiveTcp;

constexpr size_t kIp = 14;
constexpr size_t kTcp = 34;

NaiveTcp sound() {
  NaiveTcp tcp;
  tcp.destination_mac = {{2, 0, 0, 0, 0, 1}};
  tcp.source_mac = {{2, 0, 0, 0, 0, 2}};
  tcp.source_ip = 0x0a000002;
  tcp.destination_ip = 0x0a000001;
  tcp.source_port = 5000;
  tcp.destination_port = 80;
  tcp.seq = 0xfffffff0;
  tcp.ack = 77;
  tcp.flags = test::kAck;
  tcp.window = 4000;
  tcp.payload = Bytes(20, std::byte{7});
  return tcp;
}

RxFrame view(const Bytes& bytes) {
  return {.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
}

Counter reason(const Bytes& bytes) {
  // A copy of exactly this size, so that a sanitizer sees every byte too many.
  const Bytes copy(bytes);
  ParsedFrame parsed;
  EXPECT_EQ(parse_frame(view(copy), parsed), FrameKind::kDropped);
  return parsed.drop;
}

TEST(WireFrame, ASoundSegmentIsReadInFull) {
  NaiveTcp tcp = sound();
  tcp.timestamps = {1234, 5678};
  const Bytes bytes = build(tcp);
  ParsedFrame p;
  ASSERT_EQ(parse_frame(view(bytes), p), FrameKind::kTcp);
  EXPECT_EQ(p.key, (FlowKey{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, 5000}));
  EXPECT_EQ(p.source_mac(), tcp.source_mac);
  EXPECT_EQ(p.destination_mac(), tcp.destination_mac);
  EXPECT_EQ(p.segment.seq.raw(), 0xfffffff0u);
  EXPECT_EQ(p.segment.ack.raw(), 77u);
  EXPECT_EQ(p.segment.window, 4000);
  EXPECT_EQ(p.segment.flags, kAck);
  EXPECT_EQ(p.segment.payload_bytes, 20);
  EXPECT_EQ(p.segment.payload, bytes.data() + bytes.size() - 20);
  EXPECT_TRUE(p.segment.has_timestamps);
  EXPECT_EQ(p.segment.ts_value, 1234u);
  EXPECT_EQ(p.segment.ts_echo, 5678u);
}

TEST(WireFrame, EveryWayToBeWrongHasItsOwnName) {
  struct Case {
    const char* what;
    Counter expected;
    std::function<void(Bytes&)> damage;
  };
  const auto ip_byte = [](size_t at, uint8_t value) {
    return [=](Bytes& b) {
      test::put8(b, kIp + at, value);
      test::fix_ip_checksum(b);
    };
  };
  const auto flags = [](uint8_t value) {
    return [=](Bytes& b) {
      test::put8(b, kTcp + 13, value);
      test::fix_tcp_checksum(b);
    };
  };
  const auto source = [](uint32_t address) {
    return [=](Bytes& b) {
      test::put32(b, kIp + 12, address);
      test::fix_ip_checksum(b);
      test::fix_tcp_checksum(b);
    };
  };
  const Case cases[] = {
      {"13 bytes", Counter::kDropRunt, [](Bytes& b) { b.resize(13); }},
      {"a group sent it", Counter::kDropSourceMacInvalid, [](Bytes& b) { test::put8(b, 6, 0x03); }},
      {"nobody sent it", Counter::kDropSourceMacInvalid,
       [](Bytes& b) { std::fill_n(b.begin() + 6, 6, std::byte{0}); }},
      {"IPv4 under the ethertype of IPv6", Counter::kDropIpVersion,
       [](Bytes& b) { test::put16(b, 12, 0x86dd); }},
      {"a length, not a type", Counter::kDropEthertype,
       [](Bytes& b) { test::put16(b, 12, 0x0040); }},
      {"version 5", Counter::kDropIpVersion, ip_byte(0, 0x55)},
      {"header of 16 bytes", Counter::kDropIpHeader, ip_byte(0, 0x44)},
      {"half an IP header", Counter::kDropIpHeader, [](Bytes& b) { b.resize(kIp + 10); }},
      {"nothing behind Ethernet", Counter::kDropIpHeader, [](Bytes& b) { b.resize(kIp); }},
      {"half a header of version 6", Counter::kDropIpVersion,
       [](Bytes& b) {
         b.resize(kIp + 10);
         test::put8(b, kIp, 0x60);
       }},
      {"IP options past the frame", Counter::kDropIpHeader,
       [](Bytes& b) {
         test::put8(b, kIp, 0x4f);
         b.resize(kIp + 59);
       }},
      {"IP options past the total length", Counter::kDropIpTruncated,
       [](Bytes& b) {
         test::put8(b, kIp, 0x46);
         test::put16(b, kIp + 2, 20);
       }},
      {"total length past the frame", Counter::kDropIpTruncated,
       [](Bytes& b) {
         test::put16(b, kIp + 2, 2000);
         test::fix_ip_checksum(b);
       }},
      {"total length below the header", Counter::kDropIpTruncated,
       [](Bytes& b) {
         test::put16(b, kIp + 2, 19);
         test::fix_ip_checksum(b);
       }},
      {"IP checksum", Counter::kDropIpChecksum, [](Bytes& b) { test::put8(b, kIp + 8, 63); }},
      {"IP checksum over options", Counter::kDropIpChecksum,
       [](Bytes& b) {
         test::put8(b, kIp, 0x46);
         test::fix_ip_checksum(b);
         test::put8(b, kIp + 21, 0x77);
       }},
      {"a multicast source", Counter::kDropIpSourceInvalid, source(0xe0000001)},
      {"a broadcast source", Counter::kDropIpSourceInvalid, source(0xffffffff)},
      {"a loopback source", Counter::kDropIpSourceInvalid, source(0x7f000001)},
      {"no source", Counter::kDropIpSourceInvalid, source(0)},
      {"land", Counter::kDropLand, source(0x0a000001)},
      {"half a TCP header", Counter::kDropTcpTruncated,
       [](Bytes& b) {
         test::put16(b, kIp + 2, 30);
         test::fix_ip_checksum(b);
       }},
      {"data offset 4", Counter::kDropTcpOffset,
       [](Bytes& b) {
         test::put8(b, kTcp + 12, 0x40);
         test::fix_tcp_checksum(b);
       }},
      {"data offset past the segment", Counter::kDropTcpOffset,
       [](Bytes& b) {
         test::put8(b, kTcp + 12, 0xf0);
         test::fix_tcp_checksum(b);
       }},
      {"TCP checksum", Counter::kDropTcpChecksum, [](Bytes& b) { test::put8(b, kTcp + 25, 8); }},
      {"from port 0", Counter::kDropTcpPortZero,
       [](Bytes& b) {
         test::put16(b, kTcp, 0);
         test::fix_tcp_checksum(b);
       }},
      {"to port 0", Counter::kDropTcpPortZero,
       [](Bytes& b) {
         test::put16(b, kTcp + 2, 0);
         test::fix_tcp_checksum(b);
       }},
      {"an option of length 0", Counter::kDropTcpOptions,
       [](Bytes& b) {
         NaiveTcp tcp = sound();
         tcp.option_bytes = {std::byte{99}, std::byte{0}, std::byte{1}, std::byte{1}};
         b = build(tcp);
       }},
      {"SYN and FIN", Counter::kDropTcpFlags, flags(0x03)},
      {"SYN and RST", Counter::kDropTcpFlags, flags(0x06)},
      {"FIN and RST", Counter::kDropTcpFlags, flags(0x05)},
      {"null", Counter::kDropTcpFlags, flags(0x00)},
      {"Xmas", Counter::kDropTcpFlags, flags(0x29)},
      {"everything", Counter::kDropTcpFlags, flags(0x3f)},
      {"FIN alone", Counter::kDropTcpFlags, flags(0x01)},
  };
  for (const Case& c : cases) {
    Bytes bytes = build(sound());
    c.damage(bytes);
    EXPECT_EQ(to_string(reason(bytes)), to_string(c.expected)) << c.what;
  }
}

TEST(WireFrame, IpOptionsAndTrailingPaddingAreSkipped) {
  Bytes bytes = build(sound());
  const std::byte nops[4] = {std::byte{1}, std::byte{1}, std::byte{1}, std::byte{1}};
  bytes.insert(bytes.begin() + kTcp, std::begin(nops), std::end(nops));
  test::put8(bytes, kIp, 0x46);
  test::put16(bytes, kIp + 2, static_cast<uint16_t>(bytes.size() - kIp));
  test::fix_ip_checksum(bytes);
  bytes.resize(bytes.size() + 6);  // as an Ethernet driver pads
  ParsedFrame p;
  ASSERT_EQ(parse_frame(view(bytes), p), FrameKind::kTcp);
  EXPECT_EQ(p.ip_header_bytes, 24);
  EXPECT_EQ(p.segment.payload_bytes, 20);
}

TEST(WireFrame, TheDevicesVerdictComesBeforeOurOwnSum) {
  Bytes bytes = build(sound());
  test::put8(bytes, kTcp + 25, 8);  // spoils the sum
  RxFrame frame = view(bytes);
  frame.l4_checksum = ChecksumVerdict::kGood;
  ParsedFrame p;
  EXPECT_EQ(parse_frame(frame, p), FrameKind::kTcp);
  const Bytes good = build(sound());
  frame = view(good);
  frame.l4_checksum = ChecksumVerdict::kBad;
  ASSERT_EQ(parse_frame(frame, p), FrameKind::kDropped);
  EXPECT_EQ(p.drop, Counter::kDropTcpChecksum);
  frame = view(good);
  frame.ip_checksum = ChecksumVerdict::kBad;
  ASSERT_EQ(parse_frame(frame, p), FrameKind::kDropped);
  EXPECT_EQ(p.drop, Counter::kDropIpChecksum);
}

TEST(WireFrame, UdpIsAnotherProtocol) {
  Bytes bytes = build(sound());
  test::put8(bytes, kIp + 9, 17);
  test::fix_ip_checksum(bytes);
  ParsedFrame p;
  ASSERT_EQ(parse_frame(view(bytes), p), FrameKind::kOtherIp);
  EXPECT_EQ(p.protocol, kProtocolUdp);
  EXPECT_EQ(p.key.peer, IpAddress::v4(0x0a000002));
}

// Whatever the naive builder writes, the parser reads.
TEST(WireFrame, AgreesWithTheNaiveBuilderOnRandomSegments) {
  base::Random random(11);
  for (int i = 0; i < 20000; ++i) {
    NaiveTcp tcp = sound();
    tcp.source_ip = 0x0b000000 + random.below(1 << 20);
    tcp.source_port = static_cast<uint16_t>(1 + random.below(65535));
    tcp.destination_port = static_cast<uint16_t>(1 + random.below(65535));
    tcp.seq = static_cast<uint32_t>(random.next());
    tcp.ack = static_cast<uint32_t>(random.next());
    tcp.window = static_cast<uint16_t>(random.next());
    constexpr uint16_t kFlags[] = {test::kSyn,
                                   test::kSyn | test::kAck,
                                   test::kAck,
                                   test::kAck | test::kPsh,
                                   test::kAck | test::kFin,
                                   test::kRst,
                                   test::kRst | test::kAck};
    tcp.flags = kFlags[random.below(7)];
    tcp.flags = static_cast<uint16_t>(tcp.flags | random.below(8) << 6);  // AE, CWR, ECE
    tcp.ecn = static_cast<uint8_t>(random.below(4));
    const bool syn = (tcp.flags & test::kSyn) != 0;
    if (syn && random.below(2) != 0) tcp.mss = static_cast<uint16_t>(1 + random.below(9000));
    if (syn && random.below(2) != 0) tcp.window_shift = static_cast<uint8_t>(random.below(15));
    if (syn) tcp.sack_permitted = random.below(2) != 0;
    if (random.below(2) != 0) {
      tcp.timestamps = {static_cast<uint32_t>(random.next()), static_cast<uint32_t>(random.next())};
    }
    tcp.payload = Bytes(random.below(3) == 0 ? 0 : random.below(1400), std::byte{3});
    const Bytes bytes = build(tcp);
    ParsedFrame p;
    ASSERT_EQ(parse_frame(view(bytes), p), FrameKind::kTcp) << i;
    const Segment& s = p.segment;
    ASSERT_EQ(p.key.peer_port, tcp.source_port);
    ASSERT_EQ(p.key.local_port, tcp.destination_port);
    ASSERT_EQ(s.seq.raw(), tcp.seq);
    ASSERT_EQ(s.ack.raw(), tcp.ack);
    ASSERT_EQ(s.flags, tcp.flags);
    ASSERT_EQ(s.ecn, tcp.ecn);
    ASSERT_EQ(s.window, tcp.window);
    ASSERT_EQ(s.payload_bytes, tcp.payload.size());
    ASSERT_EQ(s.mss, tcp.mss.value_or(0));
    ASSERT_EQ(s.window_shift, tcp.window_shift.value_or(kNoWindowShift));
    ASSERT_EQ(s.sack_permitted, tcp.sack_permitted);
    ASSERT_EQ(s.has_timestamps, tcp.timestamps.has_value());
    if (tcp.timestamps) {
      ASSERT_EQ(s.ts_value, tcp.timestamps->value);
      ASSERT_EQ(s.ts_echo, tcp.timestamps->echo);
    }
  }
}

TEST(WireFrame, SpoiltBytesNeverLeadPastTheFrame) {
  base::Random random(5);
  for (int i = 0; i < 50000; ++i) {
    NaiveTcp tcp = sound();
    tcp.mss = 1460;
    tcp.timestamps = {1, 2};
    tcp.flags = test::kSyn;
    Bytes bytes = build(tcp);
    for (uint32_t n = 1 + random.below(4); n != 0; --n) {
      test::put8(bytes, random.below(static_cast<uint32_t>(bytes.size())),
                 static_cast<uint8_t>(random.next()));
    }
    bytes.resize(random.below(static_cast<uint32_t>(bytes.size() + 1)));
    bytes.shrink_to_fit();
    RxFrame frame = view(bytes);
    frame.ip_checksum = frame.l4_checksum = ChecksumVerdict::kGood;
    ParsedFrame p;
    if (parse_frame(frame, p) != FrameKind::kTcp) continue;
    const auto end =
        static_cast<size_t>(p.segment.payload - bytes.data()) + p.segment.payload_bytes;
    ASSERT_LE(end, bytes.size());
  }
}

TEST(WireFrame, OfTwoFaultsTheLowerLayersIsNamed) {
  Bytes bytes = build(sound());
  test::put8(bytes, kTcp + 13, 0);  // null scan
  test::put16(bytes, kTcp, 0);      // from port 0
  EXPECT_EQ(reason(bytes), Counter::kDropTcpChecksum);
  test::fix_tcp_checksum(bytes);
  EXPECT_EQ(reason(bytes), Counter::kDropTcpPortZero);
  test::put32(bytes, kIp + 12, 0x7f000001);
  EXPECT_EQ(reason(bytes), Counter::kDropIpChecksum);
  test::fix_ip_checksum(bytes);
  EXPECT_EQ(reason(bytes), Counter::kDropIpSourceInvalid);
  test::put8(bytes, 6, 0xff);
  EXPECT_EQ(reason(bytes), Counter::kDropSourceMacInvalid);
}

TEST(WireFrame, EveryCombinationOfControlBitsIsJudged) {
  for (unsigned bits = 0; bits < 512; ++bits) {
    NaiveTcp tcp = sound();
    tcp.flags = static_cast<uint16_t>(bits);
    const bool syn = (bits & test::kSyn) != 0;
    const bool fin = (bits & test::kFin) != 0;
    const bool rst = (bits & test::kRst) != 0;
    const bool ack = (bits & test::kAck) != 0;
    const bool sound = !(syn && fin) && !(syn && rst) && !(fin && rst) && (syn || rst || ack);
    const Bytes bytes = build(tcp);
    ParsedFrame p;
    EXPECT_EQ(parse_frame(view(bytes), p), sound ? FrameKind::kTcp : FrameKind::kDropped) << bits;
    if (sound) {
      EXPECT_EQ(p.segment.flags, bits);
    } else {
      EXPECT_EQ(p.drop, Counter::kDropTcpFlags) << bits;
    }
  }
}

TEST(WireFrame, WhoeverCannotBeASourceSaysNothing) {
  const auto kind_of_source = [](uint32_t address, uint8_t protocol) {
    Bytes bytes = build(sound());
    test::put8(bytes, kIp + 9, protocol);
    test::put32(bytes, kIp + 12, address);
    test::fix_ip_checksum(bytes);
    if (protocol == kProtocolTcp) test::fix_tcp_checksum(bytes);
    ParsedFrame p;
    return parse_frame(view(bytes), p);
  };
  for (const uint32_t address : {0x01000001u, 0x7effffffu, 0x80000000u, 0xdfffffffu, 0xf0000000u}) {
    EXPECT_EQ(kind_of_source(address, kProtocolTcp), FrameKind::kTcp) << std::hex << address;
  }
  for (const uint32_t address : {0x7f000000u, 0x7fffffffu, 0xe0000000u, 0xefffffffu, 0xffffffffu}) {
    EXPECT_EQ(kind_of_source(address, kProtocolTcp), FrameKind::kDropped) << std::hex << address;
    EXPECT_EQ(kind_of_source(address, kProtocolIcmp), FrameKind::kDropped) << std::hex << address;
  }
  // A host that has no address yet may send ICMP, and nothing else.
  EXPECT_EQ(kind_of_source(0, kProtocolIcmp), FrameKind::kIcmp);
  EXPECT_EQ(kind_of_source(0, kProtocolUdp), FrameKind::kDropped);
}

TEST(WireFrame, AFrameToAGroupIsMarked) {
  NaiveTcp tcp = sound();
  for (const auto& [mac, group] : {std::pair{MacAddress{{2, 0, 0, 0, 0, 1}}, false},
                                   std::pair{MacAddress{{1, 0, 0x5e, 0, 0, 1}}, true},
                                   std::pair{MacAddress::broadcast(), true}}) {
    tcp.destination_mac = mac;
    const Bytes bytes = build(tcp);
    ParsedFrame p;
    ASSERT_EQ(parse_frame(view(bytes), p), FrameKind::kTcp);
    EXPECT_EQ(p.l2_group, group) << mac.to_string();
  }
}

TEST(WireFrame, ArpIsHandedOnWhole) {
  const test::NaiveArp arp{MacAddress::broadcast(),
                           {{2, 0, 0, 0, 0, 2}},
                           1,
                           {{2, 0, 0, 0, 0, 2}},
                           {},
                           0x0a000002,
                           0x0a000001};
  const Bytes bytes = build(arp);
  ParsedFrame p;
  ASSERT_EQ(parse_frame(view(bytes), p), FrameKind::kArp);
  EXPECT_TRUE(p.l2_group);
  EXPECT_EQ(p.ip, bytes.data() + kIp);
  EXPECT_EQ(p.ip_bytes, bytes.size() - kIp);
  EXPECT_EQ(p.source_mac(), arp.source_mac);
}

TEST(WireFrame, NoPartOfASegmentIsASegment) {
  NaiveTcp tcp = sound();
  tcp.timestamps = {1, 2};
  const Bytes whole = build(tcp);
  for (size_t n = 0; n < whole.size(); ++n) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
    const Counter expected = n < kIp        ? Counter::kDropRunt
                             : n < kIp + 20 ? Counter::kDropIpHeader
                                            : Counter::kDropIpTruncated;
    EXPECT_EQ(reason(part), expected) << n;
  }
}

}  // namespace
}  // namespace millrace::wire
