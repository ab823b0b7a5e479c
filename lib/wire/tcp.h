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

// Where the TCP header of a frame begins.
template <bool kV4>
inline constexpr size_t kTcpAt = kEthernetHeaderBytes + (kV4 ? kIpv4HeaderBytes : kIpv6HeaderBytes);

// What of a TCP header is not options.
struct TcpFields {
  SeqNum seq;
  SeqNum ack;
  Flags flags;
  uint16_t window;  // scaled already
};

// `tcp_bytes` counts the options. Sets all fields of `out` but the payload ones. Requires: as
// build_tcp(); the key is of that family.
template <bool kV4>
inline void write_tcp_headers(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip,
                              const FlowKey& key, const TcpFields& h, uint32_t tcp_bytes) {
  std::byte* l2 = out.header.data();
  std::byte* l3 = l2 + kEthernetHeaderBytes;
  std::byte* tcp = l2 + kTcpAt<kV4>;
  const auto l4_bytes = static_cast<uint16_t>(tcp_bytes + out.payload_bytes);
  write_ethernet(l2, ethernet);
  uint64_t pseudo;
  if constexpr (kV4) {
    const uint32_t source = memory_order(key.local);
    const uint32_t destination = memory_order(key.peer);
    write_ipv4_header(l3, ip, source, destination, kProtocolTcp,
                      static_cast<uint16_t>(kIpv4HeaderBytes + l4_bytes));
    pseudo = sum_pseudo_header(source, destination, kProtocolTcp, l4_bytes);
  } else {
    write_ipv6_header(l3, ip, key.local, key.peer, kProtocolTcp, l4_bytes, flow_label(key));
    pseudo = sum_pseudo_header_v6(l3 + 8, kProtocolTcp, l4_bytes);
  }
  store_be32(tcp, uint32_t{key.local_port} << 16 | key.peer_port);
  store_be32(tcp + 4, h.seq.raw());
  store_be32(tcp + 8, h.ack.raw());
  store_be32(tcp + 12, tcp_bytes << 26 | uint32_t{h.flags} << 16 | h.window);
  // Not complemented: the device's sum starts from it. The urgent pointer behind it is 0; we do not
  // send urgent data (RFC 6093).
  store32(tcp + 16, fold(pseudo));

  out.header_bytes = static_cast<uint16_t>(kTcpAt<kV4> + tcp_bytes);
  out.l2_bytes = kEthernetHeaderBytes;
  out.l3_bytes = kTcpAt<kV4> - kEthernetHeaderBytes;
  out.is_ipv6 = !kV4;
  out.l4_bytes = static_cast<uint8_t>(tcp_bytes);
  out.l4_checksum_needed = true;
  out.segment_bytes = 0;
  out.vlan = ethernet.vlan;
}

}  // namespace millrace::wire
