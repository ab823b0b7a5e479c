// SPDX-License-Identifier: BSD-3-Clause
// RFC 791, RFC 792, RFC 4443, RFC 8200, IEEE 802.1Q.
#include "flow/steering.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/frame.h"
#include "wire/ipv6.h"
#include "wire/mld.h"
#include "wire/nd.h"
#include "wire/vlan.h"

namespace millrace::flow {
namespace {

using wire::load8;
using wire::load_be16;
using Bytes = std::span<const std::byte>;

// Where in a frame the tuple lies, or why there is none.
struct Found {
  enum class Kind : uint8_t { kNothing, kTcp, kQuote, kForAll, kFragment };
  Kind kind = Kind::kNothing;
  bool is_v4 = true;
  const std::byte* addresses = nullptr;  // the sender's first
  const std::byte* ports = nullptr;      // the same
};
using Kind = Found::Kind;

constexpr bool is_icmp_error(uint8_t type) {
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}
constexpr bool is_icmp6_error(uint8_t type) { return type >= 1 && type <= 4; }

Found find_v4(Bytes ip, bool quoted);
Found find_v6(Bytes ip, bool quoted);

// What an error quotes begins with an IP header; of its ports the first 8 bytes of TCP tell.
Found find_quoted(Bytes icmp, bool is_v4) {
  constexpr size_t kIcmpHeaderBytes = 8;
  if (icmp.size() < kIcmpHeaderBytes) return {};
  Found found = is_v4 ? find_v4(icmp.subspan(kIcmpHeaderBytes), true)
                      : find_v6(icmp.subspan(kIcmpHeaderBytes), true);
  if (found.kind == Kind::kTcp) found.kind = Kind::kQuote;
  return found;
}

Found find_v4(Bytes ip, bool quoted) {
  if (ip.size() < wire::kIpv4HeaderBytes || load8(ip.data()) >> 4 != 4) return {};
  const size_t header_bytes = (load8(ip.data()) & 0x0f) * size_t{4};
  if (header_bytes < wire::kIpv4HeaderBytes || header_bytes > ip.size()) return {};
  constexpr uint16_t kMoreOrOffset = 0x3fff;
  if ((load_be16(ip.data() + 6) & kMoreOrOffset) != 0) return {.kind = Kind::kFragment};
  const Bytes rest = ip.subspan(header_bytes);
  const uint8_t protocol = load8(ip.data() + 9);
  if (protocol == wire::kProtocolTcp && rest.size() >= 4)
    return {Kind::kTcp, true, ip.data() + 12, rest.data()};
  if (protocol == wire::kProtocolIcmp && !quoted && !rest.empty() &&
      is_icmp_error(load8(rest.data()))) {
    return find_quoted(rest, true);
  }
  return {};
}

Found find_v6(Bytes ip, bool quoted) {
  if (ip.size() < wire::kIpv6HeaderBytes || load8(ip.data()) >> 4 != 6) return {};
  const wire::Ipv6Payload payload = wire::walk_extensions(ip.data(), ip.size());
  if (payload.dropped) {
    return {payload.reason == Counter::kDropIpFragment ? Kind::kFragment : Kind::kNothing};
  }
  const Bytes rest = ip.subspan(payload.header_bytes);
  if (payload.protocol == wire::kProtocolTcp && rest.size() >= 4)
    return {Kind::kTcp, false, ip.data() + 8, rest.data()};
  if (payload.protocol != wire::kProtocolIcmpV6 || quoted || rest.empty()) return {};
  const uint8_t type = load8(rest.data());
  if (wire::is_neighbor_discovery(type) || type == wire::kIcmpV6GroupQuery) {
    return {.kind = Kind::kForAll};
  }
  return is_icmp6_error(type) ? find_quoted(rest, false) : Found{};
}

Found find(const RxFrame& frame) {
  if (frame.length < wire::kEthernetHeaderBytes) return {};
  const wire::Tags tags = wire::read_tags(frame.data, frame.length, frame.vlan);
  if (!tags.sound) return {};
  const Bytes rest =
      Bytes(frame.data, frame.length).subspan(wire::kEthernetHeaderBytes + tags.bytes);
  switch (load_be16(rest.data() - 2)) {
    case wire::kEthertypeIpv4:
      return find_v4(rest, false);
    case wire::kEthertypeIpv6:
      return find_v6(rest, false);
    case wire::kEthertypeArp:
      return {.kind = Kind::kForAll};
    default:
      return {};
  }
}

uint32_t hash_as_sent(const Toeplitz& toeplitz, const Found& found) {
  return found.is_v4 ? toeplitz.hash_v4(found.addresses, found.ports)
                     : toeplitz.hash_v6(found.addresses, found.ports);
}

// A quoted segment was ours: what answers it has both ends the other way round.
uint32_t hash_turned(const Toeplitz& toeplitz, const Found& found) {
  std::array<std::byte, 32> addresses;
  std::array<std::byte, 4> ports;
  const size_t bytes = found.is_v4 ? 4 : 16;
  std::memcpy(addresses.data(), found.addresses + bytes, bytes);
  std::memcpy(addresses.data() + bytes, found.addresses, bytes);
  std::memcpy(ports.data(), found.ports + 2, 2);
  std::memcpy(ports.data() + 2, found.ports, 2);
  return found.is_v4 ? toeplitz.hash_v4(addresses.data(), ports.data())
                     : toeplitz.hash_v6(addresses.data(), ports.data());
}

}  // namespace

uint16_t Steering::recipient_of(const RxFrame& frame) const {
  const Found found = find(frame);
  switch (found.kind) {
    case Kind::kTcp:
      return rss_.owner_of_hash(hash_as_sent(rss_.toeplitz(), found));
    case Kind::kQuote:
      return rss_.owner_of_hash(hash_turned(rss_.toeplitz(), found));
    case Kind::kForAll:
      return kAll;
    case Kind::kFragment:
      return 0;
    case Kind::kNothing:
      return kAny;
  }
  return kAny;
}

std::optional<FlowKey> Steering::key_of(const RxFrame& frame) {
  const Found found = find(frame);
  if (found.kind != Kind::kTcp && found.kind != Kind::kQuote) return std::nullopt;
  const auto address = [&](size_t place) {
    if (found.is_v4) return IpAddress::v4(wire::load_be32(found.addresses + 4 * place));
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), found.addresses + 16 * place, bytes.size());
    return IpAddress::v6(bytes);
  };
  // What is quoted was ours.
  const size_t ours = found.kind == Kind::kQuote ? 0 : 1;
  return FlowKey{address(ours), address(1 - ours), load_be16(found.ports + 2 * ours),
                 load_be16(found.ports + 2 * (1 - ours))};
}

std::optional<uint32_t> Steering::hash_of(const RxFrame& frame) const {
  const Found found = find(frame);
  if (found.kind != Kind::kTcp) return std::nullopt;
  return hash_as_sent(rss_.toeplitz(), found);
}

}  // namespace millrace::flow
