// SPDX-License-Identifier: BSD-3-Clause
// MLD messages as they lie on the wire, behind an IPv6 header and hop-by-hop options.
//
//   hop-by-hop    next header | 0 | router alert: 5, 2, 0, 0 | padding: 1, 0
//   query         130 | code | checksum | maximum response code, 2 | 0, 2 | group, 16 |
//                 version 2: flags | interval | number of sources, 2 | sources
//   report v2     143 | 0 | checksum | 0, 2 | number of records, 2 | records
//   record        type | 0 | number of sources, 2 | group, 16
//   report v1     131 | 0 | checksum | 0, 2 | 0, 2 | group, 16
//
// RFC 2710 section 3, RFC 2711 section 2, RFC 3810 section 5.
#include "wire/mld.h"

#include <array>
#include <cstring>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ipv6.h"
#include "wire/nd.h"

namespace millrace::wire {
namespace {

constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouterAlert = 5;
constexpr size_t kHopByHopBytes = 8;
constexpr size_t kMessageBytes = 8;  // of a report, before its records
constexpr uint8_t kMldHopLimit = 1;

// A value of 16 bits of which the upper half counts in steps that grow (RFC 3810 section 5.1.3).
uint32_t response_ms(uint16_t code) {
  if (code < 0x8000) return code;
  const uint32_t mantissa = (code & 0x0fff) | 0x1000;
  return mantissa << ((code >> 12 & 7) + 3);
}

// Whether the hop-by-hop options ask routers to look. Requires: walk_extensions() found them sound.
bool alerts_routers(const std::byte* ip) {
  if (load8(ip + 6) != kHopByHop) return false;
  const std::byte* header = ip + kIpv6HeaderBytes;
  const size_t bytes = (load8(header + 1) + size_t{1}) * 8;
  for (size_t at = 2; at < bytes;) {
    const uint8_t type = load8(header + at);
    if (type == kRouterAlert) return true;
    at += type == 0 ? 1 : 2 + size_t{load8(header + at + 1)};
  }
  return false;
}

// Everything but the ICMPv6 message, of `message_bytes` behind the returned address.
std::byte* write_headers(std::span<std::byte> out, const MacAddress& own, const IpAddress& source,
                         const IpAddress& destination, size_t message_bytes) {
  const EthernetHeader ethernet = make_ethernet(multicast_mac(destination), own, kEthertypeIpv6);
  write_ethernet(out.data(), ethernet);
  std::byte* ip = out.data() + kEthernetHeaderBytes;
  write_ipv6_header(ip, {.ttl = kMldHopLimit}, source, destination, kHopByHop,
                    static_cast<uint16_t>(kHopByHopBytes + message_bytes));
  constexpr std::array<uint8_t, kHopByHopBytes> kAlert{
      kProtocolIcmpV6, 0, kRouterAlert, 2, 0, 0, 1, 0};
  std::memcpy(ip + kIpv6HeaderBytes, kAlert.data(), kAlert.size());
  return ip + kIpv6HeaderBytes + kHopByHopBytes;
}

// Requires: the message is complete but for its checksum, which is zero.
size_t finish(std::span<std::byte> out, std::byte* message, size_t message_bytes) {
  const std::byte* addresses = out.data() + kEthernetHeaderBytes + 8;
  const uint64_t pseudo =
      sum_pseudo_header_v6(addresses, kProtocolIcmpV6, static_cast<uint16_t>(message_bytes));
  store16(message + 2, static_cast<uint16_t>(~fold(sum_bytes({message, message_bytes}, pseudo))));
  return static_cast<size_t>(message - out.data()) + message_bytes;
}

}  // namespace

IpAddress solicited_node_group(uint32_t low_bits) {
  return solicited_node(IpAddress::v6({}).plus(low_bits));
}

std::optional<uint32_t> low_bits_of(const IpAddress& group) {
  const uint32_t low = group.last_32_bits() & 0xffffff;
  if (solicited_node_group(low) != group) return std::nullopt;
  return low;
}

std::optional<GroupQuery> parse_group_query(const ParsedFrame& parsed, const IcmpMessage& icmp) {
  constexpr size_t kBytesV1 = 20;  // behind type, code and checksum
  constexpr size_t kBytesV2 = 24;
  constexpr size_t kHopLimitAt = 7;
  if (load8(parsed.ip + kHopLimitAt) != kMldHopLimit || !parsed.key.peer.is_link_local() ||
      !alerts_routers(parsed.ip)) {
    return std::nullopt;
  }
  const bool version_1 = icmp.body.size() == kBytesV1;
  if (!version_1 && icmp.body.size() < kBytesV2) return std::nullopt;
  const uint16_t code = load_be16(icmp.body.data());
  return GroupQuery{.group = load_address(icmp.body.data() + 4),
                    .response_ms_max = version_1 ? code : response_ms(code),
                    .version_1 = version_1};
}

size_t build_group_report(std::span<std::byte> out, const MacAddress& own, const IpAddress& source,
                          GroupRecord record, std::span<const uint32_t> groups) {
  const IpAddress all_v2_routers =
      IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16});
  const size_t bytes = kMessageBytes + groups.size() * kGroupRecordBytes;
  std::byte* message = write_headers(out, own, source, all_v2_routers, bytes);
  store_be32(message, uint32_t{kIcmpV6GroupReportV2} << 24);
  store_be32(message + 4, static_cast<uint32_t>(groups.size()));
  std::byte* at = message + kMessageBytes;
  for (const uint32_t group : groups) {
    store_be32(at, uint32_t{static_cast<uint8_t>(record)} << 24);
    store_address(at + 4, solicited_node_group(group));
    at += kGroupRecordBytes;
  }
  return finish(out, message, bytes);
}

size_t build_group_report_v1(std::span<std::byte> out, const MacAddress& own,
                             const IpAddress& source, uint32_t group) {
  constexpr size_t kBytes = 24;
  const IpAddress destination = solicited_node_group(group);
  std::byte* message = write_headers(out, own, source, destination, kBytes);
  store_be32(message, uint32_t{kIcmpV6GroupReportV1} << 24);
  store_be32(message + 4, 0);
  store_address(message + 8, destination);
  return finish(out, message, kBytes);
}

}  // namespace millrace::wire
