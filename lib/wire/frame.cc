// SPDX-License-Identifier: BSD-3-Clause
// Ethernet, IP and TCP headers of one received frame, decoded and checked in the order that the
// header file lists. Straight code for what nearly every frame is (IPv4 without options, TCP);
// every check is a branch that is never taken, and what follows it is out of the way.
// RFC 791, RFC 1122 section 3.2.1, RFC 8200, RFC 9293 section 3.1, RFC 6890 (sources that cannot
// be).
#include "wire/frame.h"

#include <algorithm>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ipv6.h"
#include "wire/plain.h"
#include "wire/tcp_options.h"
#include "wire/vlan.h"

namespace millrace::wire {
namespace {

constexpr uint16_t kIpv4InMemory = 0x0008;  // ethertypes as load16() sees them
constexpr uint16_t kIpv6InMemory = 0xdd86;
constexpr uint16_t kArpInMemory = 0x0608;
constexpr uint16_t kVlanInMemory = swap_bytes(kEthertypeVlan);
constexpr uint16_t kServiceVlanInMemory = swap_bytes(kEthertypeServiceVlan);
constexpr uint16_t kFragmentInMemory = 0xff3f;  // more-fragments and offset; not DF
constexpr uint8_t kVersion4NoOptions = 0x45;
constexpr uint16_t kSumGood = 0xffff;

FrameKind drop(ParsedFrame& out, Counter reason) {
  out.drop = reason;
  return out.kind = FrameKind::kDropped;
}

// Which of the 32 combinations of ACK, PSH, RST, SYN, FIN may come together: bit n is for flags n.
// SYN, FIN and RST exclude each other; a segment without all of SYN, RST and ACK is a scan.
constexpr uint32_t control_allowed() {
  uint32_t allowed = 0;
  for (uint32_t flags = 0; flags < 32; ++flags) {
    const bool alone =
        std::has_single_bit(flags & (kSyn | kFin | kRst)) || (flags & (kSyn | kFin | kRst)) == 0;
    if (alone && (flags & (kSyn | kRst | kAck)) != 0) allowed |= 1u << flags;
  }
  return allowed;
}

// `source` in memory order. Multicast, broadcast and loopback never send; nobody's address does
// only for ICMP.
bool source_invalid(uint32_t source, uint8_t protocol) {
  const uint32_t first = source & 0xff;
  // 1..223 without 127 is everything that is ordinary, in two compares.
  if (first - 1 < 223 && first != 127) [[likely]]
    return false;
  if (source == 0) return protocol != kProtocolIcmp;
  return first == 127 || (first >= 224 && first < 240) || source == UINT32_MAX;
}

// True when the device said bad, or said nothing and the sum is wrong.
template <class Sum>
bool checksum_bad(ChecksumVerdict verdict, Sum sum) {
  if (verdict == ChecksumVerdict::kGood) return false;
  return verdict == ChecksumVerdict::kBad || fold(sum()) != kSumGood;
}

// Requires: out.ip and the addresses of out.key are set; `l4_bytes` lie behind the IP header, and
// `pseudo()` is the sum of their pseudo-header.
template <class Pseudo>
inline FrameKind parse_tcp(const RxFrame& frame, const std::byte* tcp, size_t l4_bytes, uint8_t ecn,
                           Pseudo&& pseudo, ParsedFrame& out) {
  if (l4_bytes < kTcpHeaderBytes) [[unlikely]]
    return drop(out, Counter::kDropTcpTruncated);
  const size_t header_bytes = (load8(tcp + 12) >> 4) * size_t{4};
  if (header_bytes < kTcpHeaderBytes || header_bytes > l4_bytes) [[unlikely]] {
    return drop(out, Counter::kDropTcpOffset);
  }
  const auto sum = [&] { return sum_bytes({tcp, l4_bytes}, pseudo()); };
  if (checksum_bad(frame.l4_checksum, sum)) [[unlikely]] {
    return drop(out, Counter::kDropTcpChecksum);
  }
  const uint16_t peer_port = load_be16(tcp);
  const uint16_t local_port = load_be16(tcp + 2);
  if (peer_port == 0 || local_port == 0) [[unlikely]]
    return drop(out, Counter::kDropTcpPortZero);
  const Flags flags = load_be16(tcp + 12) & 0x1ff;
  if (((control_allowed() >> (flags & 0x1f)) & 1) == 0) [[unlikely]] {
    return drop(out, Counter::kDropTcpFlags);
  }
  out.key.local_port = local_port;
  out.key.peer_port = peer_port;
  out.segment = Segment{
      .seq = SeqNum(load_be32(tcp + 4)),
      .ack = SeqNum(load_be32(tcp + 8)),
      .window = load_be16(tcp + 14),
      .payload_bytes = static_cast<uint16_t>(l4_bytes - header_bytes),
      .ecn = ecn,
      .payload = tcp + header_bytes,
      .flags = flags,
  };
  if (!parse_tcp_options(tcp + kTcpHeaderBytes, header_bytes - kTcpHeaderBytes, out.segment))
      [[unlikely]] {
    return drop(out, Counter::kDropTcpOptions);
  }
  return out.kind = FrameKind::kTcp;
}

size_t bytes_behind(const std::byte* at, const RxFrame& frame) {
  return static_cast<size_t>(frame.data + frame.length - at);
}

// Requires: a sound header at out.ip.
[[gnu::noinline]] FrameKind parse_fragment_v4(ParsedFrame& out, size_t header_bytes,
                                              uint16_t total_bytes) {
  const uint32_t source = load32(out.ip + 12);
  const uint32_t destination = load32(out.ip + 16);
  out.protocol = load8(out.ip + 9);
  if (source_invalid(source, out.protocol)) return drop(out, Counter::kDropIpSourceInvalid);
  if (source == destination) return drop(out, Counter::kDropLand);
  out.ip_bytes = total_bytes;
  out.ip_header_bytes = static_cast<uint16_t>(header_bytes);
  out.key = {IpAddress::v4(swap_bytes(destination)), IpAddress::v4(swap_bytes(source)), 0, 0};
  return out.kind = FrameKind::kFragment;
}

// Requires: out.l2, out.ip and out.l2_group are set.
inline FrameKind parse_ipv4(const RxFrame& frame, ParsedFrame& out) {
  const std::byte* ip = out.ip;
  const size_t room = bytes_behind(ip, frame);
  if (room < kIpv4HeaderBytes) [[unlikely]] {
    const bool other_version = room > 0 && load8(ip) >> 4 != 4;
    return drop(out, other_version ? Counter::kDropIpVersion : Counter::kDropIpHeader);
  }
  size_t header_bytes = kIpv4HeaderBytes;
  const uint8_t version_and_length = load8(ip);
  if (version_and_length != kVersion4NoOptions) [[unlikely]] {
    if (version_and_length >> 4 != 4) return drop(out, Counter::kDropIpVersion);
    header_bytes = (version_and_length & 0x0f) * size_t{4};
    if (header_bytes < kIpv4HeaderBytes || header_bytes > room) {
      return drop(out, Counter::kDropIpHeader);
    }
  }
  const uint16_t total_bytes = load_be16(ip + 2);
  if (total_bytes < header_bytes || total_bytes > room) [[unlikely]] {
    return drop(out, Counter::kDropIpTruncated);
  }
  const auto sum = [&] {
    const uint64_t fixed = sum_ipv4_header(ip);
    if (header_bytes == kIpv4HeaderBytes) [[likely]]
      return fixed;
    return sum_bytes({ip + kIpv4HeaderBytes, header_bytes - kIpv4HeaderBytes}, fixed);
  };
  if (checksum_bad(frame.ip_checksum, sum)) [[unlikely]] {
    return drop(out, Counter::kDropIpChecksum);
  }
  if ((load16(ip + 6) & kFragmentInMemory) != 0) [[unlikely]]
    return parse_fragment_v4(out, header_bytes, total_bytes);
  const uint8_t protocol = load8(ip + 9);
  const uint32_t source = load32(ip + 12);
  const uint32_t destination = load32(ip + 16);
  if (source_invalid(source, protocol)) [[unlikely]] {
    return drop(out, Counter::kDropIpSourceInvalid);
  }
  if (source == destination) [[unlikely]]
    return drop(out, Counter::kDropLand);

  out.protocol = protocol;
  out.ip_bytes = total_bytes;
  out.ip_header_bytes = static_cast<uint16_t>(header_bytes);
  out.key.local = IpAddress::v4(swap_bytes(destination));
  out.key.peer = IpAddress::v4(swap_bytes(source));
  if (protocol == kProtocolTcp) [[likely]] {
    const size_t l4_bytes = total_bytes - header_bytes;
    const auto pseudo = [&] {
      return sum_pseudo_header(source, destination, protocol, static_cast<uint16_t>(l4_bytes));
    };
    return parse_tcp(frame, ip + header_bytes, l4_bytes, load8(ip + 1) & 3, pseudo, out);
  }
  out.key.local_port = 0;
  out.key.peer_port = 0;
  return out.kind = protocol == kProtocolIcmp ? FrameKind::kIcmp : FrameKind::kOtherIp;
}

// Requires: as parse_ipv4(). On the wire an IPv4-mapped address is nobody's: inside it would name a
// host of IPv4.
FrameKind parse_ipv6(const RxFrame& frame, ParsedFrame& out) {
  const std::byte* ip = out.ip;
  const size_t room = bytes_behind(ip, frame);
  if (room > 0 && load8(ip) >> 4 != 6) return drop(out, Counter::kDropIpVersion);
  if (room < kIpv6HeaderBytes) return drop(out, Counter::kDropIpHeader);
  const size_t total_bytes = kIpv6HeaderBytes + load_be16(ip + 4);
  if (total_bytes > std::min<size_t>(room, UINT16_MAX)) return drop(out, Counter::kDropIpTruncated);
  out.key.peer = load_address(ip + 8);
  out.key.local = load_address(ip + 24);
  const Ipv6Payload payload = walk_extensions(ip, total_bytes);
  const bool fragment = payload.dropped && payload.reason == Counter::kDropIpFragment;
  if (payload.dropped && !fragment) return drop(out, payload.reason);
  const IpAddress& source = out.key.peer;
  const bool anonymous = source.is_unspecified() && payload.protocol != kProtocolIcmpV6;
  if (source.is_multicast() || source.is_loopback() || source.is_v4() || anonymous) {
    return drop(out, Counter::kDropIpSourceInvalid);
  }
  if (out.key.local.is_v4() || out.key.local.is_unspecified()) {
    return drop(out, Counter::kDropIpNotForUs);
  }
  if (source == out.key.local) return drop(out, Counter::kDropLand);

  out.protocol = payload.protocol;
  out.ip_bytes = static_cast<uint16_t>(total_bytes);
  out.ip_header_bytes = payload.header_bytes;
  if (fragment) return out.kind = FrameKind::kFragment;
  if (payload.protocol == kProtocolTcp) {
    const size_t l4_bytes = total_bytes - payload.header_bytes;
    const auto pseudo = [&] {
      return sum_pseudo_header_v6(ip + 8, kProtocolTcp, static_cast<uint16_t>(l4_bytes));
    };
    const auto ecn = static_cast<uint8_t>((load8(ip + 1) >> 4) & 3);
    return parse_tcp(frame, ip + payload.header_bytes, l4_bytes, ecn, pseudo, out);
  }
  out.key.local_port = 0;
  out.key.peer_port = 0;
  return out.kind = payload.protocol == kProtocolIcmpV6 ? FrameKind::kIcmpV6 : FrameKind::kOtherIp;
}

MacAddress load_mac(const std::byte* from) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), from, mac.bytes.size());
  return mac;
}

}  // namespace

PlainShape plain_shape(const MacAddress& mac) {
  PlainShape shape;
  const auto want = [&](size_t at, uint8_t value, uint8_t mask) {
    shape.bytes[at] = static_cast<std::byte>(value);
    shape.mask[at] = static_cast<std::byte>(mask);
  };
  for (size_t i = 0; i < mac.bytes.size(); ++i) want(i, mac.bytes[i], 0xff);
  want(6, 0, 1);
  want(12, kEthertypeIpv4 >> 8, 0xff);
  want(13, kEthertypeIpv4 & 0xff, 0xff);
  want(14, kVersion4NoOptions, 0xff);
  want(15, kNotEct, 3);
  want(20, 0, 0x3f);
  want(21, 0, 0xff);
  want(23, kProtocolTcp, 0xff);
  return shape;
}

bool plain_checksums_right(const RxFrame& frame) {
  const std::byte* ip = frame.data + kEthernetHeaderBytes;
  const std::byte* tcp = ip + kIpv4HeaderBytes;
  if (checksum_bad(frame.ip_checksum, [&] { return sum_ipv4_header(ip); })) return false;
  const auto l4_bytes = static_cast<uint16_t>(load_be16(ip + 2) - kIpv4HeaderBytes);
  const size_t header_bytes = (load8(tcp + 12) >> 4) * size_t{4};
  return !checksum_bad(frame.l4_checksum, [&] {
    const uint64_t pseudo =
        sum_pseudo_header(load32(ip + 12), load32(ip + 16), kProtocolTcp, l4_bytes);
    const uint64_t sum = sum_tcp_header(tcp, header_bytes, pseudo);
    if (l4_bytes == header_bytes) return sum;
    return sum_bytes({tcp + header_bytes, l4_bytes - header_bytes}, sum);
  });
}

MacAddress ParsedFrame::source_mac() const { return load_mac(l2 + 6); }
MacAddress ParsedFrame::destination_mac() const { return load_mac(l2); }

namespace {

// Moves out.ip behind the tags, and returns the ethertype that lies there; 0 where they are not
// sound.
[[gnu::noinline]] uint16_t pass_tags(const RxFrame& frame, ParsedFrame& out) {
  const Tags tags = read_tags(out.l2, frame.length, out.vlan);
  if (!tags.sound) return 0;
  out.vlan = tags.vlan;
  out.ip += tags.bytes;
  return load16(out.ip - 2);
}

}  // namespace

FrameKind parse_frame(const RxFrame& frame, ParsedFrame& out) {
  const std::byte* l2 = frame.data;
  if (frame.length < kEthernetHeaderBytes) [[unlikely]]
    return drop(out, Counter::kDropRunt);
  // Source MAC in the lower 48 bits, ethertype in the upper 16.
  const uint64_t source_and_type = load64(l2 + 6);
  if ((source_and_type & 1) != 0 || source_and_type << 16 == 0) [[unlikely]] {
    return drop(out, Counter::kDropSourceMacInvalid);
  }
  out.l2 = l2;
  out.ip = l2 + kEthernetHeaderBytes;
  out.l2_group = (load8(l2) & 1) != 0;
  out.vlan = frame.vlan;
  auto ethertype = static_cast<uint16_t>(source_and_type >> 48);
  if (ethertype == kVlanInMemory || ethertype == kServiceVlanInMemory) [[unlikely]] {
    ethertype = pass_tags(frame, out);
    if (ethertype == 0) return drop(out, Counter::kDropVlanMalformed);
  }
  if (ethertype == kIpv4InMemory) [[likely]]
    return parse_ipv4(frame, out);
  if (ethertype == kIpv6InMemory) return parse_ipv6(frame, out);
  if (ethertype != kArpInMemory) return drop(out, Counter::kDropEthertype);
  out.protocol = 0;
  out.ip_bytes = static_cast<uint16_t>(std::min<size_t>(bytes_behind(out.ip, frame), UINT16_MAX));
  out.ip_header_bytes = 0;
  return out.kind = FrameKind::kArp;
}

}  // namespace millrace::wire
