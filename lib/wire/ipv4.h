// SPDX-License-Identifier: BSD-3-Clause
// The IPv4 header as we send it: 20 bytes, never fragmented, checksum complete. RFC 791 section
// 3.1; RFC 6864 section 4.1 on the identification of atomic datagrams.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/address.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

namespace millrace::wire {

// Requires: address.is_v4(). The address as its 4 bytes lie on the wire.
inline uint32_t memory_order(const IpAddress& address) {
  return static_cast<uint32_t>(address.words()[1] >> 32);
}

// Requires: room for 20 bytes at `to`; addresses in memory order; `total_bytes` counts the header.
inline void write_ipv4_header(std::byte* to, const IpFields& ip, uint32_t source,
                              uint32_t destination, uint8_t protocol, uint16_t total_bytes) {
  constexpr uint32_t kVersionAndLength = 0x45;
  constexpr uint32_t kDontFragment = 0x0040;  // as load16() sees it
  const uint32_t first =
      kVersionAndLength | uint32_t{ip.tos} << 8 | uint32_t{swap_bytes(total_bytes)} << 16;
  const uint32_t second = uint32_t{swap_bytes(ip.id)} | kDontFragment << 16;
  const uint32_t third = uint32_t{ip.ttl} | uint32_t{protocol} << 8;
  const uint16_t sum = fold(uint64_t{first} + second + third + source + destination);
  store32(to, first);
  store32(to + 4, second);
  store32(to + 8, third | uint32_t{static_cast<uint16_t>(~sum)} << 16);
  store32(to + 12, source);
  store32(to + 16, destination);
}

// Ethernet, IPv4 and the fixed part of TCP, around options that are in place already: `tcp_bytes`
// counts them. Sets all fields of `out` but the payload ones. Requires: as build_tcp().
inline void write_tcp_headers(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip,
                              const FlowKey& key, SeqNum seq, SeqNum ack, Flags flags,
                              uint16_t window, uint32_t tcp_bytes) {
  std::byte* l2 = out.header.data();
  std::byte* l3 = l2 + kEthernetHeaderBytes;
  std::byte* tcp = l3 + kIpv4HeaderBytes;
  const auto l4_bytes = static_cast<uint16_t>(tcp_bytes + out.payload_bytes);
  const uint32_t source = memory_order(key.local);
  const uint32_t destination = memory_order(key.peer);
  std::memcpy(l2, ethernet.data(), ethernet.size());
  write_ipv4_header(l3, ip, source, destination, kProtocolTcp,
                    static_cast<uint16_t>(kIpv4HeaderBytes + l4_bytes));
  store_be32(tcp, uint32_t{key.local_port} << 16 | key.peer_port);
  store_be32(tcp + 4, seq.raw());
  store_be32(tcp + 8, ack.raw());
  store_be32(tcp + 12, tcp_bytes << 26 | uint32_t{flags} << 16 | window);
  // Not complemented: the device's sum starts from it. The urgent pointer behind it is 0; we do not
  // send urgent data (RFC 6093).
  store32(tcp + 16, fold(sum_pseudo_header(source, destination, kProtocolTcp, l4_bytes)));

  out.header_bytes = static_cast<uint16_t>(kEthernetHeaderBytes + kIpv4HeaderBytes + tcp_bytes);
  out.l2_bytes = kEthernetHeaderBytes;
  out.l3_bytes = kIpv4HeaderBytes;
  out.l4_bytes = static_cast<uint8_t>(tcp_bytes);
  out.l4_checksum_needed = true;
  out.is_ipv6 = false;
}

}  // namespace millrace::wire
