// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery (RFC 4861), in and out; and any ICMPv6 message (RFC 4443), out. In: a message
// that anybody on the link, or beyond it, may have sent. Out: values that have passed every check
// which needs no memory of what was said before; whether a target is ours, and who may be believed,
// is the stack's question. Nothing here walks further than the message's own length.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "millrace/address.h"
#include "millrace/counters.h"
#include "wire/build.h"
#include "wire/frame.h"

namespace millrace::wire {

inline constexpr uint8_t kNdHopLimit = 255;  // no router can have forwarded it

inline constexpr uint8_t kIcmpV6RouterSolicitation = 133;
inline constexpr uint8_t kIcmpV6RouterAdvertisement = 134;
inline constexpr uint8_t kIcmpV6NeighborSolicitation = 135;
inline constexpr uint8_t kIcmpV6NeighborAdvertisement = 136;
inline constexpr uint8_t kIcmpV6Redirect = 137;
constexpr bool is_neighbor_discovery(uint8_t type) {
  return type >= kIcmpV6RouterSolicitation && type <= kIcmpV6Redirect;
}

inline constexpr size_t kIcmpV6ErrorHeaderBytes = 8;

// --- Addresses ----------------------------------------------------------------------------------

// ff02::1, ff02::2.
IpAddress all_nodes();
IpAddress all_routers();
// ff02::1:ffXX:XXXX, the group that everybody with that end of an address joins (RFC 4291 section
// 2.7.1). Requires: address is IPv6.
IpAddress solicited_node(const IpAddress& address);
// Where Ethernet carries a multicast packet (RFC 2464 section 7). Requires: group is IPv6.
MacAddress multicast_mac(const IpAddress& group);
// The first 64 bits of `prefix` with the interface identifier that the MAC gives (RFC 4291 appendix
// A, modified EUI-64), on each VLAN another one (RFC 7136: its bits mean nothing to others).
// Requires: prefix is IPv6.
IpAddress with_interface_id(const IpAddress& prefix, const MacAddress& mac, Vlan vlan = {});
// fe80::/64 with it.
IpAddress link_local_address(const MacAddress& mac, Vlan vlan = {});

// --- Messages -----------------------------------------------------------------------------------

// RFC 4861 section 4.6.2.
struct PrefixInformation {
  Prefix prefix;
  bool on_link = false;
  bool autonomous = false;  // hosts may form addresses of it (RFC 4862)
  uint32_t valid_seconds = 0;
  uint32_t preferred_seconds = 0;
};
inline constexpr uint32_t kForever = UINT32_MAX;

struct NdMessage {
  // Of one message; what comes behind is not read, nor what is IPv4-mapped.
  static constexpr size_t kPrefixesMax = 8;

  uint8_t type = 0;
  // Solicitation and advertisement of a neighbour; of a redirect the better next hop.
  IpAddress target;
  IpAddress destination;  // of a redirect: for packets to it
  bool router = false;
  bool solicited = false;
  bool overrides = false;
  // The source link-layer address; of a neighbour advertisement and a redirect the target's.
  std::optional<MacAddress> mac;
  // Of a redirect: the packet that caused it, as much of it as there is.
  std::span<const std::byte> redirected;
  // Router advertisement; 0: not said.
  uint8_t hop_limit = 0;
  uint16_t router_lifetime_seconds = 0;  // 0: no default router, or none any more
  uint32_t reachable_ms = 0;
  uint32_t retransmit_ms = 0;
  uint32_t mtu = 0;
  uint8_t prefix_count = 0;
  std::array<PrefixInformation, kPrefixesMax> prefixes;
};

// Checks, in this order: hop limit 255 (kDropNdHopLimit); code 0, the type's least length, every
// option's length (not 0, within the message, at most 64 options), link-layer addresses of 6 bytes
// that are one device's, and what RFC 4861 sections 6.1.1, 6.1.2, 7.1.1 and 7.1.2 ask of source,
// destination, target and flags, of a redirect section 8.1 (kDropNdMalformed); that its source is
// the next hop in use is not known here. Options that are not listed there are skipped.
// Requires: parse_icmp_v6() gave `icmp` for `parsed`, and its type is_neighbor_discovery().
std::optional<NdMessage> parse_nd(const ParsedFrame& parsed, const IcmpMessage& icmp,
                                  Counter& drop);

// Where in a packet the Next Header field stands that names what follows all `header_bytes` of IP
// headers: what a parameter problem points to (RFC 4443 section 3.4). Requires: walk_extensions()
// found that many.
uint32_t next_header_at(const std::byte* ip, size_t header_bytes);

// --- Building -----------------------------------------------------------------------------------

// Writes Ethernet, IPv6 and ICMPv6 with `body` behind type, code and checksum; returns the bytes
// written. Requires: out has room for 14 + 40 + 4 + body.size(); addresses are IPv6.
size_t build_icmp_v6(std::span<std::byte> out, const EthernetHeader& ethernet, const IpFields& ip,
                     const IpAddress& source, const IpAddress& destination, uint8_t type,
                     uint8_t code, std::span<const std::byte> body);

// Writes a solicitation, or a neighbour's advertisement; returns the bytes written, at most
// kNdFrameMaxBytes. What a host never sends, a router advertisement, is not built. Requires: out
// has that much room.
inline constexpr size_t kNdFrameMaxBytes = 14 + 40 + 24 + 8;
size_t build_nd(std::span<std::byte> out, const EthernetHeader& ethernet, const IpAddress& source,
                const IpAddress& destination, const NdMessage& message);

}  // namespace millrace::wire
