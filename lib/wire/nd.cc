// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery as it lies on the wire.
//
//   all      type | code | checksum
//   NS, NA   flags (NA: R S O, 29 zero bits) | target, 16 bytes | options
//   RS       4 zero bytes | options
//   redirect 4 zero bytes | target, 16 bytes | destination, 16 bytes | options
//   RA       hop limit | flags | lifetime, s | reachable time, ms | retransmission, ms | options
//   option   kind | length in units of 8 bytes | ...
//
// RFC 4443 section 2, RFC 4861 sections 4 and 7, RFC 8200 section 8.1.
#include "wire/nd.h"

#include <algorithm>
#include <cstring>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ipv6.h"

namespace millrace::wire {
namespace {

constexpr size_t kIcmpHeaderBytes = 4;  // type, code, checksum
constexpr size_t kOptionUnitBytes = 8;
constexpr size_t kOptionsMax = 64;
constexpr uint8_t kSourceLinkAddress = 1;
constexpr uint8_t kTargetLinkAddress = 2;
constexpr uint8_t kPrefixInformation = 3;
constexpr uint8_t kRedirectedHeader = 4;
constexpr uint8_t kMtu = 5;

constexpr uint8_t kRouterFlag = 0x80;
constexpr uint8_t kSolicitedFlag = 0x40;
constexpr uint8_t kOverrideFlag = 0x20;
constexpr uint8_t kOnLinkFlag = 0x80;
constexpr uint8_t kAutonomousFlag = 0x40;

// Behind type, code and checksum, before the options.
constexpr size_t kNeighborBytes = 20;
constexpr size_t kRouterSolicitationBytes = 4;
constexpr size_t kRouterAdvertisementBytes = 12;
constexpr size_t kRedirectBytes = 36;

size_t least_bytes(uint8_t type) {
  switch (type) {
    case kIcmpV6RouterSolicitation:
      return kRouterSolicitationBytes;
    case kIcmpV6RouterAdvertisement:
      return kRouterAdvertisementBytes;
    case kIcmpV6Redirect:
      return kRedirectBytes;
    default:
      return kNeighborBytes;
  }
}

uint8_t link_address_option(uint8_t type) {
  const bool of_target = type == kIcmpV6NeighborAdvertisement || type == kIcmpV6Redirect;
  return of_target ? kTargetLinkAddress : kSourceLinkAddress;
}

bool read_link_address(const std::byte* option, size_t bytes, NdMessage& message) {
  if (bytes != kOptionUnitBytes) return false;
  MacAddress mac;
  std::memcpy(mac.bytes.data(), option + 2, mac.bytes.size());
  if (mac.is_zero() || mac.is_multicast()) return false;
  message.mac = mac;
  return true;
}

bool read_prefix(const std::byte* option, size_t bytes, NdMessage& message) {
  constexpr size_t kPrefixBytes = 32;
  const uint8_t length = load8(option + 2);
  if (bytes != kPrefixBytes || length > 128) return false;
  const IpAddress address = load_address(option + 16);
  if (address.is_v4() || message.prefix_count == NdMessage::kPrefixesMax) return true;
  const uint8_t flags = load8(option + 3);
  message.prefixes[message.prefix_count++] = {
      .prefix = Prefix{Prefix{address, length}.network(), length},
      .on_link = (flags & kOnLinkFlag) != 0,
      .autonomous = (flags & kAutonomousFlag) != 0,
      .valid_seconds = load_be32(option + 4),
      .preferred_seconds = load_be32(option + 8)};
  return true;
}

bool read_options(std::span<const std::byte> options, NdMessage& message) {
  for (size_t count = 0; !options.empty(); ++count) {
    if (options.size() < kOptionUnitBytes || count == kOptionsMax) return false;
    const std::byte* option = options.data();
    const size_t bytes = load8(option + 1) * kOptionUnitBytes;
    if (bytes == 0 || bytes > options.size()) return false;
    const uint8_t kind = load8(option);
    if (kind == link_address_option(message.type)) {
      if (!read_link_address(option, bytes, message)) return false;
    } else if (message.type == kIcmpV6RouterAdvertisement && kind == kPrefixInformation) {
      if (!read_prefix(option, bytes, message)) return false;
    } else if (message.type == kIcmpV6RouterAdvertisement && kind == kMtu) {
      if (bytes != kOptionUnitBytes) return false;
      message.mtu = load_be32(option + 4);
    } else if (message.type == kIcmpV6Redirect && kind == kRedirectedHeader) {
      message.redirected = {option + kOptionUnitBytes, bytes - kOptionUnitBytes};
    }
    options = options.subspan(bytes);
  }
  return true;
}

// An IPv4-mapped target would name a neighbour of IPv4.
bool is_target(const IpAddress& address) {
  return !address.is_multicast() && !address.is_unspecified() && !address.is_v4();
}

// What RFC 4861 sections 6.1 and 7.1 ask beyond lengths.
bool is_consistent(const IpAddress& source, const IpAddress& destination,
                   const NdMessage& message) {
  const bool nobody = source.is_unspecified();
  switch (message.type) {
    case kIcmpV6RouterSolicitation:
      return !nobody || !message.mac;
    case kIcmpV6RouterAdvertisement:
      return source.is_link_local();
    case kIcmpV6NeighborSolicitation:
      if (!is_target(message.target)) return false;
      return !nobody || (!message.mac && destination == solicited_node(message.target));
    case kIcmpV6Redirect:
      if (!is_target(message.target) || !is_target(message.destination)) return false;
      return source.is_link_local() &&
             (message.target.is_link_local() || message.target == message.destination);
    default:
      if (!is_target(message.target) || nobody) return false;
      return !(message.solicited && destination.is_multicast());
  }
}

}  // namespace

IpAddress all_nodes() { return IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}); }
IpAddress all_routers() {
  return IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
}

IpAddress solicited_node(const IpAddress& address) {
  const std::array<uint8_t, 16> a = address.bytes();
  return IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a[13], a[14], a[15]});
}

MacAddress multicast_mac(const IpAddress& group) {
  const std::array<uint8_t, 16> g = group.bytes();
  return {{0x33, 0x33, g[12], g[13], g[14], g[15]}};
}

IpAddress with_interface_id(const IpAddress& prefix, const MacAddress& mac, Vlan vlan) {
  constexpr uint8_t kUniversalBit = 2;  // stands the other way round than in a MAC
  std::array<uint8_t, 16> a = prefix.bytes();
  const std::array<uint8_t, 6>& m = mac.bytes;
  const std::array<uint8_t, 8> id = {
      static_cast<uint8_t>(m[0] ^ kUniversalBit), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  std::copy(id.begin(), id.end(), a.begin() + 8);
  const auto mix = [&](size_t at, uint16_t number) {
    a[at] = static_cast<uint8_t>(a[at] ^ number >> 8);
    a[at + 1] = static_cast<uint8_t>(a[at + 1] ^ number);
  };
  mix(11, vlan.outer());
  mix(14, vlan.inner());
  return IpAddress::v6(a);
}

IpAddress link_local_address(const MacAddress& mac, Vlan vlan) {
  return with_interface_id(IpAddress::v6({0xfe, 0x80}), mac, vlan);
}

std::optional<NdMessage> parse_nd(const ParsedFrame& parsed, const IcmpMessage& icmp,
                                  Counter& drop) {
  constexpr size_t kHopLimitAt = 7;
  if (load8(parsed.ip + kHopLimitAt) != kNdHopLimit) {
    drop = Counter::kDropNdHopLimit;
    return std::nullopt;
  }
  drop = Counter::kDropNdMalformed;
  NdMessage message;
  message.type = icmp.type;
  const size_t fixed = least_bytes(message.type);
  if (icmp.body.size() < fixed || icmp.code != 0) return std::nullopt;
  const std::byte* body = icmp.body.data();
  if (message.type == kIcmpV6RouterAdvertisement) {
    message.hop_limit = load8(body);
    message.router_lifetime_seconds = load_be16(body + 2);
    message.reachable_ms = load_be32(body + 4);
    message.retransmit_ms = load_be32(body + 8);
  } else if (message.type != kIcmpV6RouterSolicitation) {
    message.target = load_address(body + 4);
  }
  if (message.type == kIcmpV6Redirect) message.destination = load_address(body + 20);
  if (message.type == kIcmpV6NeighborAdvertisement) {
    const uint8_t flags = load8(body);
    message.router = (flags & kRouterFlag) != 0;
    message.solicited = (flags & kSolicitedFlag) != 0;
    message.overrides = (flags & kOverrideFlag) != 0;
  }
  if (!read_options(icmp.body.subspan(fixed), message)) return std::nullopt;
  if (!is_consistent(parsed.key.peer, parsed.key.local, message)) return std::nullopt;
  return message;
}

uint32_t next_header_at(const std::byte* ip, size_t header_bytes) {
  constexpr uint8_t kFragment = 44;
  uint32_t at = 6;
  for (size_t next = kIpv6HeaderBytes; next < header_bytes;) {
    const bool fragment = load8(ip + at) == kFragment;  // its second byte is no length
    at = static_cast<uint32_t>(next);
    next += fragment ? 8 : (load8(ip + next + 1) + size_t{1}) * 8;
  }
  return at;
}

size_t build_icmp_v6(std::span<std::byte> out, const EthernetHeader& ethernet, const IpFields& ip,
                     const IpAddress& source, const IpAddress& destination, uint8_t type,
                     uint8_t code, std::span<const std::byte> body) {
  const auto icmp_bytes = static_cast<uint16_t>(kIcmpHeaderBytes + body.size());
  write_ethernet(out.data(), ethernet);
  std::byte* packet = out.data() + kEthernetHeaderBytes;
  write_ipv6_header(packet, ip, source, destination, kProtocolIcmpV6, icmp_bytes);
  std::byte* icmp = packet + kIpv6HeaderBytes;
  const auto type_and_code = static_cast<uint16_t>(type | code << 8);  // as they lie
  store16(icmp, type_and_code);
  const uint64_t sum =
      add_with_carry(sum_pseudo_header_v6(packet + 8, kProtocolIcmpV6, icmp_bytes), type_and_code);
  store16(icmp + 2, static_cast<uint16_t>(~fold(copy_and_sum(icmp + 4, body, sum))));
  return size_t{kEthernetHeaderBytes} + kIpv6HeaderBytes + icmp_bytes;
}

size_t build_nd(std::span<std::byte> out, const EthernetHeader& ethernet, const IpAddress& source,
                const IpAddress& destination, const NdMessage& message) {
  std::array<std::byte, kNeighborBytes + kOptionUnitBytes> body{};
  size_t bytes = least_bytes(message.type);
  if (message.type == kIcmpV6NeighborAdvertisement) {
    store8(body.data(), static_cast<uint8_t>((message.router ? kRouterFlag : 0) |
                                             (message.solicited ? kSolicitedFlag : 0) |
                                             (message.overrides ? kOverrideFlag : 0)));
  }
  if (message.type != kIcmpV6RouterSolicitation) store_address(body.data() + 4, message.target);
  if (message.mac) {
    store8(body.data() + bytes, link_address_option(message.type));
    store8(body.data() + bytes + 1, 1);
    std::memcpy(body.data() + bytes + 2, message.mac->bytes.data(), message.mac->bytes.size());
    bytes += kOptionUnitBytes;
  }
  return build_icmp_v6(out, ethernet, {.ttl = kNdHopLimit}, source, destination, message.type, 0,
                       std::span(body).first(bytes));
}

}  // namespace millrace::wire
