// SPDX-License-Identifier: BSD-3-Clause
// A SegmentHeader into Ethernet, IPv4 and TCP headers. In: values that the stack decided on. Out:
// a TxFrame whose TCP checksum the device or write_frame() completes. RFC 791, RFC 9293 section
// 3.1.
#include "wire/build.h"

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/tcp_options.h"

namespace millrace::wire {

static_assert(kEthernetHeaderBytes + kIpv4HeaderBytes + kTcpHeaderBytes + kTcpOptionsMaxBytes <=
              TxFrame::kMaxHeaderBytes);

EthernetHeader make_ethernet(const MacAddress& destination, const MacAddress& source,
                             uint16_t ethertype) {
  EthernetHeader header;
  std::memcpy(header.data(), destination.bytes.data(), destination.bytes.size());
  std::memcpy(header.data() + 6, source.bytes.data(), source.bytes.size());
  store_be16(header.data() + 12, ethertype);
  return header;
}

size_t tcp_header_bytes(const SegmentHeader& header) {
  return kTcpHeaderBytes + tcp_options_bytes(header);
}

void build_tcp(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip, const FlowKey& key,
               const SegmentHeader& header) {
  std::byte* l2 = out.header.data();
  std::byte* l3 = l2 + kEthernetHeaderBytes;
  std::byte* tcp = l3 + kIpv4HeaderBytes;
  const size_t tcp_bytes = kTcpHeaderBytes + write_tcp_options(tcp + kTcpHeaderBytes, header);
  const size_t l4_bytes = tcp_bytes + out.payload_bytes;
  const uint32_t source = memory_order(key.local);
  const uint32_t destination = memory_order(key.peer);

  std::memcpy(l2, ethernet.data(), ethernet.size());
  write_ipv4_header(l3, ip, source, destination, kProtocolTcp,
                    static_cast<uint16_t>(kIpv4HeaderBytes + l4_bytes));
  store_be16(tcp, key.local_port);
  store_be16(tcp + 2, key.peer_port);
  store_be32(tcp + 4, header.seq.raw());
  store_be32(tcp + 8, header.ack.raw());
  store16(tcp + 12, static_cast<uint16_t>(tcp_bytes << 2 | swap_bytes(header.flags)));
  store16(tcp + 14, swap_bytes(header.window));
  // Not complemented: the device's sum starts from it. The urgent pointer behind it is 0; we do not
  // send urgent data (RFC 6093).
  store32(tcp + 16, fold(sum_pseudo_header(source, destination, kProtocolTcp,
                                           static_cast<uint16_t>(l4_bytes))));

  out.header_bytes = static_cast<uint16_t>(kEthernetHeaderBytes + kIpv4HeaderBytes + tcp_bytes);
  out.l2_bytes = kEthernetHeaderBytes;
  out.l3_bytes = kIpv4HeaderBytes;
  out.l4_bytes = static_cast<uint8_t>(tcp_bytes);
  out.l4_checksum_needed = true;
  out.is_ipv6 = false;
}

}  // namespace millrace::wire
