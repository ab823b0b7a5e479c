// SPDX-License-Identifier: BSD-3-Clause
// IPv6 frames, read and written. What a translated frame means is compared with what the IPv4 frame
// meant; extension headers are put together by hand.
#include "wire/ipv6.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "support/family.h"
#include "support/naive_frame.h"
#include "wire/build.h"
#include "wire/frame.h"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::NaiveTcp;

constexpr MacAddress kOurs{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kTheirs{{2, 0, 0, 0, 0, 2}};

NaiveTcp some_segment() {
  NaiveTcp tcp;
  tcp.destination_mac = kOurs;
  tcp.source_mac = kTheirs;
  tcp.source_ip = 0x0a000002;
  tcp.destination_ip = 0x0a000001;
  tcp.source_port = 5000;
  tcp.destination_port = 80;
  tcp.seq = 1000;
  tcp.ack = 2000;
  tcp.flags = test::kAck | test::kPsh;
  tcp.window = 512;
  tcp.timestamps = {7, 9};
  tcp.ecn = kCe;
  tcp.payload = Bytes(33, std::byte{0x5a});
  return tcp;
}

Bytes frame_of(const NaiveTcp& tcp) { return test::to_v6(test::build(tcp)).value(); }

ParsedFrame parse(const Bytes& frame) {
  ParsedFrame p;
  parse_frame({.data = frame.data(), .length = static_cast<uint32_t>(frame.size())}, p);
  return p;
}

std::string reason(const Bytes& frame) {
  const ParsedFrame p = parse(frame);
  return p.kind == FrameKind::kDropped ? std::string(to_string(p.drop)) : "none";
}

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

// Puts `headers` between the IPv6 header and what follows it; `first` is the type of the first.
Bytes with_extensions(Bytes frame, uint8_t first, const Bytes& headers) {
  frame.insert(frame.begin() + 54, headers.begin(), headers.end());
  test::put8(frame, 20, first);
  test::put16(frame, 18, static_cast<uint16_t>(test::get16(frame, 18) + headers.size()));
  return frame;
}

Bytes bytes(std::initializer_list<int> values) {
  Bytes out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

constexpr int kTcp = 6;
const Bytes kPadding = bytes({1, 4, 0, 0, 0, 0});  // PadN that fills an options header of 8 bytes

TEST(WireIpv6, ASegmentMeansWhatItDoesInIpv4) {
  const NaiveTcp tcp = some_segment();
  const ParsedFrame v4 = parse(test::build(tcp));
  const Bytes frame = frame_of(tcp);
  const ParsedFrame v6 = parse(frame);
  ASSERT_EQ(v6.kind, FrameKind::kTcp);
  EXPECT_EQ(v6.key.local, address("2001:db8::a00:1"));
  EXPECT_EQ(v6.key.peer, address("2001:db8::a00:2"));
  EXPECT_EQ(v6.key.local_port, 80);
  EXPECT_EQ(v6.key.peer_port, 5000);
  EXPECT_EQ(v6.ip_header_bytes, 40);
  EXPECT_EQ(v6.ip_bytes, v4.ip_bytes + 20);
  EXPECT_EQ(v6.segment.seq, v4.segment.seq);
  EXPECT_EQ(v6.segment.ack, v4.segment.ack);
  EXPECT_EQ(v6.segment.window, 512);
  EXPECT_EQ(v6.segment.flags, v4.segment.flags);
  EXPECT_EQ(v6.segment.ecn, kCe);
  EXPECT_EQ(v6.segment.ts_value, 7u);
  EXPECT_EQ(v6.segment.ts_echo, 9u);
  EXPECT_EQ(v6.segment.payload_bytes, 33);
  EXPECT_EQ(v6.segment.payload, frame.data() + frame.size() - 33);
}

TEST(WireIpv6, ASegmentIsWrittenAsInIpv4) {
  base::Random random(7);
  const FlowKey v4{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, 5000};
  const FlowKey v6{test::to_v6(v4.local), test::to_v6(v4.peer), 80, 5000};
  for (int i = 0; i < 200; ++i) {
    SegmentHeader h;
    h.seq = SeqNum(static_cast<uint32_t>(random.next()));
    h.ack = SeqNum(static_cast<uint32_t>(random.next()));
    h.window = static_cast<uint16_t>(random.next());
    h.flags = i % 3 == 0 ? kSyn : kAck;
    h.has_timestamps = i % 2 == 0;
    h.ts_value = static_cast<uint32_t>(random.next());
    if (i % 3 == 0) h.mss = 1440;
    const Bytes payload(random.below(100), std::byte{0x11});
    Bytes written[2];
    for (int family = 0; family < 2; ++family) {
      TxFrame frame;
      frame.payload[0] = payload;
      frame.payload_spans = 1;
      frame.payload_bytes = static_cast<uint16_t>(payload.size());
      const uint16_t type = family == 0 ? kEthertypeIpv4 : kEthertypeIpv6;
      build_tcp(frame, make_ethernet(kTheirs, kOurs, type), {.ttl = 61, .tos = 0xb9},
                family == 0 ? v4 : v6, h);
      EXPECT_EQ(frame.is_ipv6, family == 1);
      written[family].resize(frame.total_bytes());
      EXPECT_EQ(write_frame(frame, written[family]), frame.total_bytes());
    }
    ASSERT_EQ(written[1].size(), written[0].size() + 20);
    ASSERT_EQ(test::to_v4(written[1]).value(), written[0]) << "segment " << i;
  }
}

TEST(WireIpv6, AFlowKeepsItsLabel) {
  const FlowKey a{address("2001:db8::1"), address("2001:db8::2"), 80, 5000};
  FlowKey b = a;
  b.peer_port = 5001;
  EXPECT_EQ(flow_label(a), flow_label(a));
  EXPECT_NE(flow_label(a), flow_label(b));
  EXPECT_LT(flow_label(a), 1u << 20);
}

TEST(WireIpv6, EveryWayToBeWrongHasItsOwnName) {
  const Bytes good = frame_of(some_segment());
  ASSERT_EQ(reason(good), "none");
  const auto damaged = [&](auto change) {
    Bytes frame = good;
    change(frame);
    return reason(frame);
  };
  EXPECT_EQ(damaged([](Bytes& f) { test::put8(f, 14, 0x45); }), "DropIpVersion");
  EXPECT_EQ(damaged([](Bytes& f) { f.resize(53); }), "DropIpHeader");
  EXPECT_EQ(damaged([](Bytes& f) { f.resize(f.size() - 1); }), "DropIpTruncated");
  EXPECT_EQ(damaged([](Bytes& f) { test::put16(f, 18, 0xffff); }), "DropIpTruncated");
  EXPECT_EQ(damaged([](Bytes& f) { test::put16(f, 18, 19); }), "DropTcpTruncated");
  EXPECT_EQ(damaged([](Bytes& f) { test::put8(f, 70, 1); }), "DropTcpChecksum");
  EXPECT_EQ(damaged([](Bytes& f) { test::put8(f, 22, 0xff); }), "DropIpSourceInvalid");
}

TEST(WireIpv6, AddressesThatNoPacketMayHave) {
  const auto between = [](const char* source, const char* destination) {
    Bytes frame = frame_of(some_segment());
    for (size_t i = 0; i < 16; ++i) {
      test::put8(frame, 22 + i, address(source).bytes()[i]);
      test::put8(frame, 38 + i, address(destination).bytes()[i]);
    }
    return reason(frame);
  };
  EXPECT_EQ(between("ff02::1", "2001:db8::1"), "DropIpSourceInvalid");
  EXPECT_EQ(between("::1", "2001:db8::1"), "DropIpSourceInvalid");
  EXPECT_EQ(between("::", "2001:db8::1"), "DropIpSourceInvalid");
  EXPECT_EQ(between("2001:db8::2", "::"), "DropIpNotForUs");
  EXPECT_EQ(between("2001:db8::1", "2001:db8::1"), "DropLand");
  // They would name flows of IPv4.
  EXPECT_EQ(between("::ffff:10.0.0.2", "2001:db8::1"), "DropIpSourceInvalid");
  EXPECT_EQ(between("2001:db8::2", "::ffff:10.0.0.1"), "DropIpNotForUs");
}

TEST(WireIpv6, HarmlessExtensionHeadersArePassedOver) {
  const Bytes plain = frame_of(some_segment());
  const Bytes hop_by_hop = bytes({60, 0}) + kPadding;
  const Bytes unknown_but_harmless = bytes({43, 0, 0x1e, 4, 9, 9, 9, 9});
  const Bytes routing_all_visited = bytes({44, 0, 0, 0, 0, 0, 0, 0});
  const Bytes whole_fragment = bytes({kTcp, 0, 0, 0, 1, 2, 3, 4});
  const Bytes frame = with_extensions(
      plain, 0, hop_by_hop + unknown_but_harmless + routing_all_visited + whole_fragment);
  const ParsedFrame p = parse(frame);
  ASSERT_EQ(p.kind, FrameKind::kTcp);
  EXPECT_EQ(p.ip_header_bytes, 72);
  EXPECT_EQ(p.segment.seq, SeqNum(1000));
  EXPECT_EQ(p.segment.payload_bytes, 33);
}

TEST(WireIpv6, ExtensionHeadersThatAreRefused) {
  const Bytes plain = frame_of(some_segment());
  const auto with = [&](uint8_t first, const Bytes& headers) {
    return reason(with_extensions(plain, first, headers));
  };
  EXPECT_EQ(with(60, bytes({kTcp, 255}) + kPadding), "DropIpExtension") << "past the packet's end";
  EXPECT_EQ(with(60, bytes({kTcp, 0, 0x1e, 5, 0, 0, 0, 0})), "DropIpExtension")
      << "an option past the header's end";
  EXPECT_EQ(with(60, bytes({kTcp, 0, 0x5e, 4, 0, 0, 0, 0})), "DropIpExtension")
      << "an unknown option that says: discard";
  EXPECT_EQ(with(60, bytes({0, 0}) + kPadding + bytes({kTcp, 0}) + kPadding), "DropIpExtension")
      << "hop-by-hop options that are not first";
  EXPECT_EQ(with(43, bytes({kTcp, 0, 0, 1, 0, 0, 0, 0})), "DropIpExtension")
      << "a routing header that has somewhere to go";
}

TEST(WireIpv6, SoManyExtensionHeadersAndNoMore) {
  const Bytes plain = frame_of(some_segment());
  const auto chain = [&](int count) {
    Bytes headers;
    for (int i = 1; i <= count; ++i) {
      headers = headers + bytes({i == count ? kTcp : 60, 0}) + kPadding;
    }
    return reason(with_extensions(plain, 60, headers));
  };
  EXPECT_EQ(chain(kExtensionsMax), "none");
  EXPECT_EQ(chain(kExtensionsMax + 1), "DropIpExtension");
}

TEST(WireIpv6, AnythingElseIsAnotherProtocol) {
  const Bytes plain = frame_of(some_segment());
  for (const int protocol : {17, 50, 51, 59, 132}) {
    const ParsedFrame p = parse(with_extensions(plain, 60, bytes({protocol, 0}) + kPadding));
    EXPECT_EQ(p.kind, FrameKind::kOtherIp) << protocol;
    EXPECT_EQ(p.protocol, protocol);
  }
}

// An ICMPv6 error of which the quote is a segment of ours with sequence number 77.
Bytes error_frame(uint8_t type, uint8_t code, uint16_t mtu_v4 = 0) {
  NaiveTcp ours = some_segment();
  std::swap(ours.source_ip, ours.destination_ip);
  std::swap(ours.source_port, ours.destination_port);
  ours.seq = 77;
  const Bytes quoted = test::build(ours);
  test::NaiveIcmp icmp{kOurs, kTheirs, 0x0a000009, 0x0a000001, type, code, Bytes(4)};
  test::put16(icmp.body, 2, mtu_v4);
  icmp.body.insert(icmp.body.end(), quoted.begin() + 14, quoted.begin() + 14 + 28);
  return test::to_v6(test::build(icmp)).value();
}

std::optional<IcmpMessage> read(const Bytes& frame, Counter& why) {
  const ParsedFrame p = parse(frame);
  if (p.kind != FrameKind::kIcmpV6) return std::nullopt;
  return parse_icmp_v6(p, why);
}

TEST(WireIcmpV6, TooBigNamesTheFlowAndTheMtu) {
  Counter why{};
  const auto message = read(error_frame(3, 4, 1380), why);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->error, IcmpError::kTooBig);
  EXPECT_EQ(message->next_hop_mtu, 1400);
  ASSERT_TRUE(message->quotes_tcp);
  EXPECT_EQ(message->quoted.local, address("2001:db8::a00:1"));
  EXPECT_EQ(message->quoted.peer, address("2001:db8::a00:2"));
  EXPECT_EQ(message->quoted.local_port, 80);
  EXPECT_EQ(message->quoted_seq, SeqNum(77));
  EXPECT_EQ(message->quoted_bytes, 40 + 32 + 33);
}

TEST(WireIcmpV6, LessThanEveryLinkCarriesIsNotBelieved) {
  Counter why{};
  EXPECT_EQ(read(error_frame(3, 4, 1260), why)->error, IcmpError::kTooBig);
  EXPECT_EQ(read(error_frame(3, 4, 1259), why)->error, IcmpError::kNone);
}

TEST(WireIcmpV6, WhoRefusesAndWhoIsOnlyOutOfReach) {
  Counter why{};
  EXPECT_EQ(read(error_frame(3, 3), why)->error, IcmpError::kRefused) << "port";
  EXPECT_EQ(read(error_frame(3, 2), why)->error, IcmpError::kRefused) << "next header";
  EXPECT_EQ(read(error_frame(3, 1), why)->error, IcmpError::kUnreachable);
  EXPECT_EQ(read(error_frame(11, 0), why)->error, IcmpError::kNone);
}

TEST(WireIcmpV6, TheSumCoversThePseudoHeader) {
  Bytes frame = error_frame(3, 3);
  test::put8(frame, 37, 0x77);  // the sender's address
  Counter why{};
  EXPECT_FALSE(read(frame, why));
  EXPECT_EQ(why, Counter::kDropIcmpChecksum);
}

TEST(WireIcmpV6, AQuoteOfMappedAddressesIsRefused) {
  Bytes frame = error_frame(3, 3);
  const auto mapped = address("::ffff:10.0.0.1").bytes();
  const size_t quoted_source = 14 + 40 + 8 + 8;
  for (size_t i = 0; i < 16; ++i) test::put8(frame, quoted_source + i, mapped[i]);
  // The sum is made right again: what changed is a multiple of 16 bits.
  uint32_t sum = 58 + static_cast<uint32_t>(frame.size() - 54);
  test::put16(frame, 56, 0);
  test::put16(frame, 56, test::internet_checksum(frame, 22, frame.size() - 22, sum));
  Counter why{};
  EXPECT_FALSE(read(frame, why));
  EXPECT_EQ(why, Counter::kDropIcmpMalformed);
}

}  // namespace
}  // namespace millrace::wire
