// SPDX-License-Identifier: BSD-3-Clause
// Ethernet, IP and the fixed part of TCP in front of options that are in place already, for either
// family.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/address.h"
#include "millrace/frame.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp_options.h"

namespace millrace::wire {

static_assert(kEthernetHeaderBytes + kIpv6HeaderBytes + kTcpHeaderBytes + kTcpOptionsMaxBytes <=
              TxFrame::kMaxHeaderBytes);

// Where the TCP header of a frame of this flow begins, and, behind its 20 bytes, its options.
inline size_t tcp_at(const FlowKey& key) {
  return kEthernetHeaderBytes + (key.peer.is_v4() ? kIpv4HeaderBytes : kIpv6HeaderBytes);
}

// What of a TCP header is not options.
struct TcpFields {
  SeqNum seq;
  SeqNum ack;
  Flags flags;
  uint16_t window;  // scaled already
};

// `tcp_bytes` counts the options. Sets all fields of `out` but the payload ones. Requires: as
// build_tcp().
inline void write_tcp_headers(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip,
                              const FlowKey& key, const TcpFields& h, uint32_t tcp_bytes) {
  std::byte* l2 = out.header.data();
  std::byte* l3 = l2 + kEthernetHeaderBytes;
  const auto l4_bytes = static_cast<uint16_t>(tcp_bytes + out.payload_bytes);
  std::memcpy(l2, ethernet.data(), ethernet.size());
  std::byte* tcp;
  uint64_t pseudo;
  if (key.peer.is_v4()) [[likely]] {
    const uint32_t source = memory_order(key.local);
    const uint32_t destination = memory_order(key.peer);
    write_ipv4_header(l3, ip, source, destination, kProtocolTcp,
                      static_cast<uint16_t>(kIpv4HeaderBytes + l4_bytes));
    pseudo = sum_pseudo_header(source, destination, kProtocolTcp, l4_bytes);
    tcp = l3 + kIpv4HeaderBytes;
    out.l3_bytes = kIpv4HeaderBytes;
    out.is_ipv6 = false;
  } else {
    write_ipv6_header(l3, ip, key.local, key.peer, kProtocolTcp, l4_bytes, flow_label(key));
    pseudo = sum_pseudo_header_v6(l3 + 8, kProtocolTcp, l4_bytes);
    tcp = l3 + kIpv6HeaderBytes;
    out.l3_bytes = kIpv6HeaderBytes;
    out.is_ipv6 = true;
  }
  store_be32(tcp, uint32_t{key.local_port} << 16 | key.peer_port);
  store_be32(tcp + 4, h.seq.raw());
  store_be32(tcp + 8, h.ack.raw());
  store_be32(tcp + 12, tcp_bytes << 26 | uint32_t{h.flags} << 16 | h.window);
  // Not complemented: the device's sum starts from it. The urgent pointer behind it is 0; we do not
  // send urgent data (RFC 6093).
  store32(tcp + 16, fold(pseudo));

  out.header_bytes = static_cast<uint16_t>(tcp - l2 + tcp_bytes);
  out.l2_bytes = kEthernetHeaderBytes;
  out.l4_bytes = static_cast<uint8_t>(tcp_bytes);
  out.l4_checksum_needed = true;
  out.segment_bytes = 0;
}

}  // namespace millrace::wire
