// SPDX-License-Identifier: BSD-3-Clause
// ICMP messages and ARP packets as anybody may send them.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/naive_frame.h"
#include "wire/frame.h"

namespace millrace::wire {
namespace {

using test::Bytes;

test::NaiveIcmp icmp(uint8_t type, uint8_t code, Bytes body) {
  return {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}, 0x0a000002, 0x0a000001, type, code,
          std::move(body)};
}

// A destination-unreachable about a segment of ours, quoting `quoted` bytes of it.
Bytes unreachable_about(size_t quoted) {
  test::NaiveTcp tcp;
  tcp.source_mac = {{2, 0, 0, 0, 0, 1}};
  tcp.source_ip = 0x0a000001;
  tcp.destination_ip = 0x0a000009;
  tcp.source_port = 40000;
  tcp.destination_port = 80;
  tcp.seq = 0x12345678;
  tcp.flags = test::kSyn;
  const Bytes original = build(tcp);
  Bytes body(4 + quoted);
  body[2] = std::byte{0x05};  // a next-hop MTU of 0x580
  body[3] = std::byte{0x80};
  std::copy_n(original.begin() + 14, quoted, body.begin() + 4);
  return body;
}

std::optional<IcmpMessage> read(const Bytes& frame, Counter& drop) {
  ParsedFrame p;
  EXPECT_EQ(parse_frame({.data = frame.data(), .length = static_cast<uint32_t>(frame.size())}, p),
            FrameKind::kIcmp);
  return parse_icmp(p, drop);
}

TEST(WireIcmp, AnEchoRequestGivesItsBody) {
  const Bytes frame = build(icmp(kIcmpEchoRequest, 0, Bytes(60, std::byte{9})));
  Counter drop{};
  const auto message = read(frame, drop);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, kIcmpEchoRequest);
  EXPECT_EQ(message->body.size(), 60u);
  EXPECT_FALSE(message->quotes_tcp);
}

TEST(WireIcmp, AnErrorNamesTheSegmentItIsAbout) {
  const Bytes frame = build(
      icmp(kIcmpDestinationUnreachable, kUnreachableFragmentationNeeded, unreachable_about(28)));
  Counter drop{};
  const auto message = read(frame, drop);
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->quotes_tcp);
  EXPECT_EQ(message->quoted,
            (FlowKey{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000009), 40000, 80}));
  EXPECT_EQ(message->quoted_seq.raw(), 0x12345678u);
  EXPECT_EQ(message->next_hop_mtu, 0x0580);
}

TEST(WireIcmp, AQuoteThatIsTooShortIsMalformed) {
  for (const size_t quoted : {0u, 10u, 19u, 27u}) {
    const Bytes frame = build(icmp(kIcmpDestinationUnreachable, 3, unreachable_about(quoted)));
    Counter drop{};
    EXPECT_FALSE(read(frame, drop)) << quoted;
    EXPECT_EQ(drop, Counter::kDropIcmpMalformed);
  }
}

TEST(WireIcmp, ASpoiltMessageIsDropped) {
  Bytes frame = build(icmp(kIcmpEchoRequest, 0, Bytes(60, std::byte{9})));
  test::put8(frame, 50, 0);
  Counter drop{};
  EXPECT_FALSE(read(frame, drop));
  EXPECT_EQ(drop, Counter::kDropIcmpChecksum);
}

Bytes arp_packet() {
  const Bytes frame = build(test::NaiveArp{MacAddress::broadcast(),
                                           {{2, 0, 0, 0, 0, 2}},
                                           1,
                                           {{2, 0, 0, 0, 0, 2}},
                                           {},
                                           0x0a000002,
                                           0x0a000001});
  return {frame.begin() + 14, frame.end()};
}

TEST(WireArp, ARequestIsRead) {
  const auto arp = parse_arp(arp_packet());
  ASSERT_TRUE(arp);
  EXPECT_TRUE(arp->request);
  EXPECT_EQ(arp->sender_ip, IpAddress::v4(0x0a000002));
  EXPECT_EQ(arp->target_ip, IpAddress::v4(0x0a000001));
  EXPECT_EQ(arp->sender_mac, (MacAddress{{2, 0, 0, 0, 0, 2}}));
}

TEST(WireArp, OtherHardwareProtocolsOperationsAndSendersAreRefused) {
  const auto refused = [](size_t at, uint8_t value) {
    Bytes packet = arp_packet();
    test::put8(packet, at, value);
    return !parse_arp(packet);
  };
  EXPECT_TRUE(refused(1, 6));     // hardware: not Ethernet
  EXPECT_TRUE(refused(2, 0x86));  // protocol: not IPv4
  EXPECT_TRUE(refused(4, 8));     // length of a hardware address
  EXPECT_TRUE(refused(5, 16));    // length of a protocol address
  EXPECT_TRUE(refused(7, 3));     // RARP
  EXPECT_TRUE(refused(8, 0x03));  // a group as the sender
  Bytes packet = arp_packet();
  packet.resize(27);
  EXPECT_FALSE(parse_arp(packet));
}

TEST(WireIcmp, EveryKindOfErrorQuotes) {
  for (const uint8_t type :
       {kIcmpDestinationUnreachable, kIcmpTimeExceeded, kIcmpParameterProblem}) {
    Counter drop{};
    const auto message = read(build(icmp(type, 1, unreachable_about(28))), drop);
    ASSERT_TRUE(message) << int{type};
    EXPECT_TRUE(message->quotes_tcp);
    EXPECT_EQ(message->quoted.peer_port, 80);
    EXPECT_EQ(message->next_hop_mtu, 0) << "only said by 'fragmentation needed'";
  }
  // Source quench is history (RFC 6633): its quote is nobody's business.
  Counter drop{};
  const auto quench = read(build(icmp(4, 0, unreachable_about(28))), drop);
  ASSERT_TRUE(quench);
  EXPECT_FALSE(quench->quotes_tcp);
}

TEST(WireIcmp, PortsAreSoughtBehindTheQuotesIpOptions) {
  Bytes body = unreachable_about(28);
  const Bytes nops(8, std::byte{1});
  body.insert(body.begin() + 4 + 20, nops.begin(), nops.end());
  test::put8(body, 4, 0x47);
  Counter drop{};
  const auto message = read(build(icmp(kIcmpDestinationUnreachable, 3, body)), drop);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->quoted.local_port, 40000);
  EXPECT_EQ(message->quoted_seq.raw(), 0x12345678u);
}

TEST(WireIcmp, AQuoteThatIsNotOfASegmentNamesNone) {
  const auto quotes_tcp = [](size_t at, uint8_t value) {
    Bytes body = unreachable_about(28);
    test::put8(body, 4 + at, value);
    Counter drop{};
    const auto message = read(build(icmp(kIcmpDestinationUnreachable, 3, body)), drop);
    EXPECT_TRUE(message);
    return message && message->quotes_tcp;
  };
  EXPECT_TRUE(quotes_tcp(8, 1));    // another time to live
  EXPECT_FALSE(quotes_tcp(9, 17));  // UDP
  EXPECT_FALSE(quotes_tcp(7, 9));   // a later fragment has no ports
}

TEST(WireIcmp, AQuoteThatIsNoPacketIsMalformed) {
  for (const int first : {0x65, 0x44, 0x4f}) {  // version 6, 16 bytes of header, 60 of 28
    Bytes body = unreachable_about(28);
    test::put8(body, 4, static_cast<uint8_t>(first));
    Counter drop{};
    EXPECT_FALSE(read(build(icmp(kIcmpDestinationUnreachable, 3, body)), drop)) << first;
    EXPECT_EQ(drop, Counter::kDropIcmpMalformed);
  }
}

TEST(WireIcmp, LessThanAHeaderIsMalformed) {
  for (size_t body_bytes = 0; body_bytes < 4; ++body_bytes) {
    Counter drop{};
    EXPECT_FALSE(read(build(icmp(kIcmpEchoRequest, 0, Bytes(body_bytes))), drop)) << body_bytes;
    EXPECT_EQ(drop, Counter::kDropIcmpMalformed);
  }
  Counter drop{};
  EXPECT_TRUE(read(build(icmp(kIcmpEchoRequest, 0, Bytes(4))), drop));
}

TEST(WireArp, AReplyIsReadAndANobodyRefused) {
  Bytes packet = arp_packet();
  test::put8(packet, 7, 2);
  const auto arp = parse_arp(packet);
  ASSERT_TRUE(arp);
  EXPECT_FALSE(arp->request);
  std::fill_n(packet.begin() + 8, 6, std::byte{0});
  EXPECT_FALSE(parse_arp(packet));
}

}  // namespace
}  // namespace millrace::wire
