// SPDX-License-Identifier: BSD-3-Clause
// Which shard gets which frame: every kind of frame, whole, tagged and cut off anywhere.
#include "flow/steering.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "support/naive_frame.h"

namespace millrace::flow {
namespace {

using test::Bytes;

constexpr uint32_t kOurIp = 0x0a000001;
constexpr uint32_t kPeerIp = 0x0a000002;
constexpr MacAddress kOurMac = {{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeerMac = {{2, 0, 0, 0, 0, 2}};

Sharding four_shards() {
  std::vector<uint8_t> key(40);
  base::Random random(5);
  for (uint8_t& byte : key) byte = static_cast<uint8_t>(random.next());
  return {.count = 4, .rss_key = key, .rss_table = even_table(128, 4)};
}

RxFrame view(const Bytes& bytes) {
  return {.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
}

test::NaiveTcp segment_from(uint16_t peer_port) {
  return {.destination_mac = kOurMac,
          .source_mac = kPeerMac,
          .source_ip = kPeerIp,
          .destination_ip = kOurIp,
          .source_port = peer_port,
          .destination_port = 80,
          .seq = 1,
          .flags = test::kSyn,
          .window = 1000};
}

// A segment of ours to that port, as an error quotes it: from its IP header on.
Bytes quoted_to(uint16_t peer_port) {
  Bytes frame = test::build(test::NaiveTcp{.destination_mac = kPeerMac,
                                           .source_mac = kOurMac,
                                           .source_ip = kOurIp,
                                           .destination_ip = kPeerIp,
                                           .source_port = 80,
                                           .destination_port = peer_port,
                                           .seq = 1,
                                           .flags = test::kAck,
                                           .window = 1000});
  frame.erase(frame.begin(), frame.begin() + 14);
  return frame;
}

FlowKey key_of(uint16_t peer_port) {
  return {IpAddress::v4(kOurIp), IpAddress::v4(kPeerIp), 80, peer_port};
}

void append(Bytes& to, std::initializer_list<int> bytes) {
  for (const int byte : bytes) to.push_back(static_cast<std::byte>(byte));
}

Bytes ethernet(uint16_t ethertype) {
  Bytes frame;
  for (const MacAddress& mac : {kOurMac, kPeerMac}) {
    for (const uint8_t byte : mac.bytes) frame.push_back(static_cast<std::byte>(byte));
  }
  append(frame, {ethertype >> 8, ethertype & 0xff});
  return frame;
}

const IpAddress kOurs6 = IpAddress::parse("2001:db8::1").value();
const IpAddress kPeers6 = IpAddress::parse("2001:db8::2").value();

Bytes ipv6_header(uint8_t next, const IpAddress& from, const IpAddress& to) {
  Bytes header;
  append(header, {0x60, 0, 0, 0, 0, 64, next, 64});
  for (const IpAddress& address : {from, to}) {
    for (const uint8_t byte : address.bytes()) header.push_back(static_cast<std::byte>(byte));
  }
  return header;
}

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes whole;
  for (const Bytes& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

Bytes ports(uint16_t source, uint16_t destination) {
  Bytes bytes;
  append(bytes, {source >> 8, source & 0xff, destination >> 8, destination & 0xff});
  bytes.resize(20);
  return bytes;
}

TEST(Steering, ASegmentGoesToTheOwnerOfItsTuple) {
  const Steering steering(four_shards());
  for (uint16_t port = 1000; port < 1200; ++port) {
    const Bytes frame = test::build(segment_from(port));
    ASSERT_EQ(steering.recipient_of(view(frame)), steering.rss().owner_of(key_of(port)));
    ASSERT_EQ(steering.hash_of(view(frame)), steering.rss().toeplitz().hash(key_of(port)));
  }
}

TEST(Steering, UnderOneTagOrTwo) {
  const Steering steering(four_shards());
  for (uint16_t port = 1000; port < 1020; ++port) {
    Bytes frame = test::build(segment_from(port));
    for (const uint16_t ethertype : {0x8100, 0x88a8}) {
      Bytes tag;
      append(tag, {ethertype >> 8, ethertype & 0xff, 0, 7});
      frame.insert(frame.begin() + 12, tag.begin(), tag.end());
      ASSERT_EQ(steering.recipient_of(view(frame)), steering.rss().owner_of(key_of(port)));
    }
  }
}

TEST(Steering, AnErrorGoesToTheOwnerOfWhatItQuotes) {
  const Steering steering(four_shards());
  for (uint16_t port = 1000; port < 1100; ++port) {
    for (const uint8_t type : {3, 4, 5, 11, 12}) {
      Bytes body(4);
      const Bytes quoted = quoted_to(port);
      body.insert(body.end(), quoted.begin(), quoted.end());
      const Bytes frame = test::build(test::NaiveIcmp{.destination_mac = kOurMac,
                                                      .source_mac = kPeerMac,
                                                      .source_ip = 0x0a0000fe,
                                                      .destination_ip = kOurIp,
                                                      .type = type,
                                                      .body = body});
      ASSERT_EQ(steering.recipient_of(view(frame)), steering.rss().owner_of(key_of(port)));
      ASSERT_FALSE(steering.hash_of(view(frame)));
    }
  }
}

TEST(Steering, ArpAndNeighbourDiscoveryAreForAll) {
  const Steering steering(four_shards());
  const Bytes arp = test::build(
      test::NaiveArp{.source_mac = kPeerMac, .sender_ip = kPeerIp, .target_ip = kOurIp});
  EXPECT_EQ(steering.recipient_of(view(arp)), Steering::kAll);
  for (const int type : {130, 133, 134, 135, 136, 137}) {  // 130: which groups are we in
    Bytes message(24);
    message[0] = static_cast<std::byte>(type);
    const Bytes frame = join({ethernet(0x86dd), ipv6_header(58, kPeers6, kOurs6), message});
    EXPECT_EQ(steering.recipient_of(view(frame)), Steering::kAll) << type;
  }
}

TEST(Steering, Ipv6BehindExtensionHeaders) {
  const Steering steering(four_shards());
  const FlowKey key{kOurs6, kPeers6, 80, 4321};
  Bytes hop_by_hop;
  append(hop_by_hop, {60, 0, 1, 4, 0, 0, 0, 0});
  Bytes destination_options;
  append(destination_options, {6, 1, 1, 12});
  destination_options.resize(16);
  const Bytes plain = join({ethernet(0x86dd), ipv6_header(6, kPeers6, kOurs6), ports(4321, 80)});
  const Bytes behind = join({ethernet(0x86dd), ipv6_header(0, kPeers6, kOurs6), hop_by_hop,
                             destination_options, ports(4321, 80)});
  EXPECT_EQ(steering.recipient_of(view(plain)), steering.rss().owner_of(key));
  EXPECT_EQ(steering.recipient_of(view(behind)), steering.rss().owner_of(key));

  Bytes too_big;
  append(too_big, {2, 0, 0, 0, 0, 0, 5, 0});
  const Bytes error = join({ethernet(0x86dd), ipv6_header(58, kPeers6, kOurs6), too_big,
                            ipv6_header(6, kOurs6, kPeers6), ports(80, 4321)});
  EXPECT_EQ(steering.recipient_of(view(error)), steering.rss().owner_of(key));
}

TEST(Steering, FragmentsMeetAtTheFirst) {
  const Steering steering(four_shards());
  Bytes frame = test::build(segment_from(1000));
  test::put16(frame, 14 + 6, 0x2000);
  EXPECT_EQ(steering.recipient_of(view(frame)), 0);
  test::put16(frame, 14 + 6, 0x0010);
  EXPECT_EQ(steering.recipient_of(view(frame)), 0);
  Bytes fragment;
  append(fragment, {6, 0, 0, 1, 0, 0, 0, 1});
  const Bytes frame6 =
      join({ethernet(0x86dd), ipv6_header(44, kPeers6, kOurs6), fragment, ports(1, 2)});
  EXPECT_EQ(steering.recipient_of(view(frame6)), 0);
}

TEST(Steering, WhatHasNoFlowIsForWhoeverHasIt) {
  const Steering steering(four_shards());
  const Bytes echo = test::build(test::NaiveIcmp{.destination_mac = kOurMac,
                                                 .source_mac = kPeerMac,
                                                 .source_ip = kPeerIp,
                                                 .destination_ip = kOurIp,
                                                 .type = 8,
                                                 .body = Bytes(8)});
  EXPECT_EQ(steering.recipient_of(view(echo)), Steering::kAny);
  Bytes udp = test::build(segment_from(1000));
  test::put8(udp, 14 + 9, 17);
  EXPECT_EQ(steering.recipient_of(view(udp)), Steering::kAny);
  EXPECT_EQ(steering.recipient_of(view(ethernet(0x1234))), Steering::kAny);
  // An error about an error, which nobody may send (RFC 1122 section 3.2.2).
  Bytes icmp(8);
  icmp[0] = std::byte{1};
  const Bytes nested = join({ethernet(0x86dd), ipv6_header(58, kPeers6, kOurs6), icmp,
                             ipv6_header(58, kOurs6, kPeers6), icmp});
  EXPECT_EQ(steering.recipient_of(view(nested)), Steering::kAny);
}

// Each prefix lies in memory of its own, so that a sanitizer sees a look beyond it.
TEST(Steering, CutOffAnywhereItLooksNoFurther) {
  const Steering steering(four_shards());
  Bytes hop_by_hop;
  append(hop_by_hop, {6, 0, 1, 4, 0, 0, 0, 0});
  const std::vector<Bytes> whole = {
      test::build(segment_from(1000)),
      join({ethernet(0x86dd), ipv6_header(0, kPeers6, kOurs6), hop_by_hop, ports(1000, 80)})};
  for (const Bytes& frame : whole) {
    size_t with_tuple = 0;
    for (size_t length = 0; length <= frame.size(); ++length) {
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
      const uint16_t recipient = steering.recipient_of(view(cut));
      if (recipient != Steering::kAny) ++with_tuple;
    }
    EXPECT_GT(with_tuple, 0u);
    EXPECT_LT(with_tuple, frame.size() - 34);
  }
}

}  // namespace
}  // namespace millrace::flow
