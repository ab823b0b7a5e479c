// SPDX-License-Identifier: BSD-3-Clause
// Values into frames. TCP segments become a TxFrame: headers written here, payload spans already
// in place. ARP and ICMP are small and written whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "millrace/address.h"
#include "millrace/frame.h"
#include "wire/frame.h"
#include "wire/segment.h"

namespace millrace::wire {

// Destination MAC, source MAC, ethertype, as they lie on the wire; and the tags that come between
// them.
struct EthernetHeader {
  std::array<std::byte, kEthernetHeaderBytes> bytes{};
  Vlan vlan;

  friend bool operator==(const EthernetHeader&, const EthernetHeader&) = default;
};
EthernetHeader make_ethernet(const MacAddress& destination, const MacAddress& source,
                             uint16_t ethertype, Vlan vlan = {});
// Requires: room for 14 bytes at `to`. The tags are the caller's to mind (TxFrame::vlan).
inline void write_ethernet(std::byte* to, const EthernetHeader& header) {
  std::memcpy(to, header.bytes.data(), header.bytes.size());
}
inline constexpr uint16_t kEthertypeIpv4 = 0x0800;
inline constexpr uint16_t kEthertypeArp = 0x0806;
inline constexpr uint16_t kEthertypeIpv6 = 0x86dd;

// What of the IP header does not come from the flow.
struct IpFields {
  uint8_t ttl = 64;  // or hop limit
  uint8_t tos = 0;
  uint16_t id = 0;  // of IPv4: DF is always set, so RFC 6864 lets the id be anything
};

// Bytes of the TCP header with the options that `header` carries: a multiple of 4, at most 60.
size_t tcp_header_bytes(const SegmentHeader& header);

// Writes Ethernet, IP and TCP headers into out.header and sets all other fields of out but the
// payload ones. Requires: out.payload, out.payload_spans and out.payload_bytes are set; both
// addresses of key are of one family. Ensures: the IP checksum is complete; the TCP checksum field
// holds the pseudo-header sum. Options are laid out as Linux does: on SYN MSS, SACK-permitted +
// timestamps (or NOP NOP TS), NOP WS; else NOP NOP TS; SACK blocks behind NOP NOP.
void build_tcp(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip, const FlowKey& key,
               const SegmentHeader& header);

// What of `from` matters where it has no payload.
inline void copy_headers(TxFrame& to, const TxFrame& from) {
  constexpr size_t kMostlyEnough = 96;
  std::memcpy(to.header.data(), from.header.data(), kMostlyEnough);
  if (from.header_bytes > kMostlyEnough) [[unlikely]]
    to.header = from.header;
  constexpr size_t kBehindPayload = offsetof(TxFrame, header_bytes);
  std::memcpy(reinterpret_cast<std::byte*>(&to) + kBehindPayload,
              reinterpret_cast<const std::byte*>(&from) + kBehindPayload,
              sizeof(TxFrame) - kBehindPayload);
}

// Makes a frame that build_tcp() wrote stand for segments of `bytes` of payload each (frame.h).
void set_segment_bytes(TxFrame& out, uint16_t bytes);

// Writes the ARP packet with its Ethernet header into out; returns the bytes written (60: padded
// to the smallest frame). Requires: out.size() >= 60.
size_t build_arp(std::span<std::byte> out, const EthernetHeader& ethernet, const ArpPacket& arp);

// Writes Ethernet, IP and ICMP with `body` behind type, code and checksum; returns the bytes
// written. Requires: out has room for 14 + 20 + 4 + body.size().
size_t build_icmp(std::span<std::byte> out, const EthernetHeader& ethernet, const IpFields& ip,
                  const IpAddress& source, const IpAddress& destination, uint8_t type, uint8_t code,
                  std::span<const std::byte> body);

}  // namespace millrace::wire
