// SPDX-License-Identifier: BSD-3-Clause
// What we send is read back by a reader that shares nothing with the builder.
#include "wire/build.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "support/naive_frame.h"

namespace millrace::wire {
namespace {

using test::Bytes;
using test::NaiveFrame;

constexpr MacAddress kOurs{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kTheirs{{2, 0, 0, 0, 0, 2}};

TEST(WireBuild, RandomSegmentsComeBackAsTheyWereMeant) {
  base::Random random(21);
  const EthernetHeader ethernet = make_ethernet(kTheirs, kOurs, kEthertypeIpv4);
  Bytes body(6000);
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<std::byte>(i * 13);
  for (int i = 0; i < 5000; ++i) {
    const FlowKey key{IpAddress::v4(static_cast<uint32_t>(random.next())),
                      IpAddress::v4(static_cast<uint32_t>(random.next())),
                      static_cast<uint16_t>(1 + random.below(65535)),
                      static_cast<uint16_t>(1 + random.below(65535))};
    SegmentHeader h;
    h.seq = SeqNum(static_cast<uint32_t>(random.next()));
    h.ack = SeqNum(static_cast<uint32_t>(random.next()));
    h.window = static_cast<uint16_t>(random.next());
    const bool syn = random.below(4) == 0;
    h.flags = (syn ? kSyn : kAck) | ace_flags(static_cast<uint8_t>(random.below(8)));
    h.ecn = static_cast<uint8_t>(random.below(4));
    if (syn && random.below(2) != 0) h.mss = 1460;
    if (syn && random.below(2) != 0) h.window_shift = 7;
    h.sack_permitted = syn && random.below(2) != 0;
    h.has_timestamps = random.below(2) != 0;
    h.ts_value = static_cast<uint32_t>(random.next());
    h.ts_echo = static_cast<uint32_t>(random.next());

    TxFrame frame;
    frame.payload_spans = static_cast<uint8_t>(random.below(5));
    frame.payload_bytes = 0;
    Bytes payload;
    for (uint8_t s = 0; s < frame.payload_spans; ++s) {
      const size_t n = 1 + random.below(367);  // odd lengths, so that sums must be turned
      frame.payload[s] = std::span(body).subspan(random.below(5000), n);
      payload.insert(payload.end(), frame.payload[s].begin(), frame.payload[s].end());
      frame.payload_bytes = static_cast<uint16_t>(frame.payload_bytes + n);
    }
    build_tcp(frame, ethernet, {.ttl = 33, .tos = h.ecn}, key, h);
    Bytes bytes(frame.total_bytes());
    ASSERT_EQ(write_frame(frame, bytes), bytes.size());

    const NaiveFrame read = test::decode(bytes);
    ASSERT_EQ(read.problem, "") << i;
    ASSERT_TRUE(read.tcp);
    EXPECT_EQ(read.tcp->source_mac, kOurs);
    EXPECT_EQ(read.tcp->destination_mac, kTheirs);
    EXPECT_EQ(read.tcp->source_ip, key.local.v4_value());
    EXPECT_EQ(read.tcp->destination_ip, key.peer.v4_value());
    EXPECT_EQ(read.tcp->source_port, key.local_port);
    EXPECT_EQ(read.tcp->destination_port, key.peer_port);
    EXPECT_EQ(read.tcp->seq, h.seq.raw());
    EXPECT_EQ(read.tcp->ack, h.ack.raw());
    EXPECT_EQ(read.tcp->flags, h.flags);
    EXPECT_EQ(read.tcp->window, h.window);
    EXPECT_EQ(read.tcp->ttl, 33);
    EXPECT_EQ(read.tcp->ecn, h.ecn);
    EXPECT_EQ(read.tcp->mss.value_or(0), h.mss);
    EXPECT_EQ(read.tcp->window_shift.value_or(kNoWindowShift), h.window_shift);
    EXPECT_EQ(read.tcp->sack_permitted, h.sack_permitted);
    ASSERT_EQ(read.tcp->timestamps.has_value(), h.has_timestamps);
    if (h.has_timestamps) {
      EXPECT_EQ(read.tcp->timestamps->value, h.ts_value);
      EXPECT_EQ(read.tcp->timestamps->echo, h.ts_echo);
    }
    EXPECT_EQ(read.tcp->payload, payload);
  }
}

TEST(WireBuild, AnArpPacketIsPaddedToTheSmallestFrame) {
  Bytes bytes(60, std::byte{0xee});
  const ArpPacket arp{true, kOurs, IpAddress::v4(0x0a000001), MacAddress{},
                      IpAddress::v4(0x0a000002)};
  ASSERT_EQ(build_arp(bytes, make_ethernet(MacAddress::broadcast(), kOurs, kEthertypeArp), arp),
            60u);
  const NaiveFrame read = test::decode(bytes);
  ASSERT_EQ(read.problem, "");
  ASSERT_TRUE(read.arp);
  EXPECT_EQ(read.arp->operation, 1);
  EXPECT_EQ(read.arp->sender_ip, 0x0a000001u);
  EXPECT_EQ(read.arp->target_ip, 0x0a000002u);
  EXPECT_EQ(read.arp->destination_mac, MacAddress::broadcast());
  // And our own reader agrees.
  const auto parsed = parse_arp(std::span(bytes).subspan(14));
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->request);
  EXPECT_EQ(parsed->sender_mac, kOurs);
}

TEST(WireBuild, IcmpOfEveryLengthHasARightChecksum) {
  for (size_t n = 4; n < 70; ++n) {
    Bytes body(n, std::byte{0x5a});
    Bytes bytes(14 + 20 + 4 + n);
    ASSERT_EQ(build_icmp(bytes, make_ethernet(kTheirs, kOurs, kEthertypeIpv4), {}, IpAddress::v4(1),
                         IpAddress::v4(2), kIcmpEchoReply, 0, body),
              bytes.size());
    const NaiveFrame read = test::decode(bytes);
    ASSERT_EQ(read.problem, "") << n;
    ASSERT_TRUE(read.icmp);
    EXPECT_EQ(read.icmp->body, body);
  }
}

// The whole of a frame, byte by byte, as a capture shows it.
TEST(WireBuild, AnAcknowledgmentOnTheWire) {
  SegmentHeader h;
  h.seq = SeqNum(0x01020304);
  h.ack = SeqNum(0x11121314);
  h.window = 0x2122;
  h.flags = kAck;
  TxFrame frame;
  frame.payload_spans = 0;
  frame.payload_bytes = 0;
  build_tcp(frame, make_ethernet(kTheirs, kOurs, kEthertypeIpv4),
            {.ttl = 64, .tos = 0x02, .id = 0xabcd},
            {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, 0x1f90}, h);
  constexpr uint8_t kExpected[] = {
      2,    0,    0,    0,    0,    2,    2,    0, 0,    0,    0,    1,    0x08, 0x00,  // Ethernet
      0x45, 0x02, 0,    40,   0xab, 0xcd, 0x40, 0, 64,   6,    0x7a, 0xfe,              // IP
      10,   0,    0,    1,    10,   0,    0,    2,                                      // addresses
      0,    80,   0x1f, 0x90, 1,    2,    3,    4, 0x11, 0x12, 0x13, 0x14,              // TCP
      0x50, 0x10, 0x21, 0x22, 0x14, 0x1d, 0,    0,  // 0x141d: the pseudo-header's sum alone
  };
  ASSERT_EQ(frame.header_bytes, sizeof kExpected);
  for (size_t i = 0; i < sizeof kExpected; ++i) {
    EXPECT_EQ(static_cast<uint8_t>(frame.header[i]), kExpected[i]) << "byte " << i;
  }
  EXPECT_EQ(frame.l2_bytes, 14);
  EXPECT_EQ(frame.l3_bytes, 20);
  EXPECT_EQ(frame.l4_bytes, 20);
  EXPECT_TRUE(frame.l4_checksum_needed);
}

// SACK, which the naive reader leaves as it is, by our own parser.
TEST(WireBuild, BlocksReachThePeer) {
  SegmentHeader h;
  h.flags = kAck;
  h.has_timestamps = true;
  h.sack_count = 2;
  h.sack[0] = {SeqNum(0xffff'fff0), SeqNum(0x10)};
  h.sack[1] = {SeqNum(0x100), SeqNum(0x200)};
  TxFrame frame;
  frame.payload_spans = 0;
  frame.payload_bytes = 0;
  build_tcp(frame, make_ethernet(kTheirs, kOurs, kEthertypeIpv4), {},
            {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, 8080}, h);
  EXPECT_EQ(frame.l4_bytes, tcp_header_bytes(h));
  Bytes bytes(frame.total_bytes());
  write_frame(frame, bytes);
  ParsedFrame p;
  ASSERT_EQ(parse_frame({.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())}, p),
            FrameKind::kTcp);
  EXPECT_EQ(p.key.local, IpAddress::v4(0x0a000002)) << "the peer is local to itself";
  ASSERT_EQ(p.segment.sack_count, 2);
  EXPECT_EQ(p.segment.sack_block(0), h.sack[0]);
  EXPECT_EQ(p.segment.sack_block(1), h.sack[1]);
}

TEST(WireBuild, AFrameThatNeedsNoSumIsCopiedAsItIs) {
  TxFrame frame{};
  Bytes header(42), payload(9, std::byte{0x77});
  for (size_t i = 0; i < header.size(); ++i) header[i] = static_cast<std::byte>(i);
  std::copy(header.begin(), header.end(), frame.header.begin());
  frame.header_bytes = static_cast<uint16_t>(header.size());
  frame.payload[1] = payload;  // behind an empty piece
  frame.payload_spans = 2;
  frame.payload_bytes = 9;
  frame.l4_checksum_needed = false;
  Bytes bytes(header.size() + payload.size());
  ASSERT_EQ(write_frame(frame, bytes), bytes.size());
  EXPECT_TRUE(std::equal(header.begin(), header.end(), bytes.begin()));
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), bytes.begin() + 42));
}

}  // namespace
}  // namespace millrace::wire
