// SPDX-License-Identifier: BSD-3-Clause
// A SegmentHeader into Ethernet, IP and TCP headers. In: values that the stack decided on. Out:
// a TxFrame whose TCP checksum the device or write_frame() completes. RFC 791, RFC 8200, RFC
// 9293 section 3.1.
#include "wire/build.h"

#include "wire/bytes.h"
#include "wire/plain.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

namespace millrace::wire {

EthernetHeader make_ethernet(const MacAddress& destination, const MacAddress& source,
                             uint16_t ethertype, Vlan vlan) {
  EthernetHeader header{.vlan = vlan};
  std::memcpy(header.bytes.data(), destination.bytes.data(), destination.bytes.size());
  std::memcpy(header.bytes.data() + 6, source.bytes.data(), source.bytes.size());
  store_be16(header.bytes.data() + 12, ethertype);
  return header;
}

size_t tcp_header_bytes(const SegmentHeader& header) {
  return kTcpHeaderBytes + tcp_options_bytes(header);
}

namespace {

template <bool kV4>
void build(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip, const FlowKey& key,
           const SegmentHeader& header) {
  std::byte* const to = out.header.data() + kTcpAt<kV4> + kTcpHeaderBytes;
  const size_t options = write_tcp_options(to, header);
  write_tcp_headers<kV4>(out, ethernet, ip, key,
                         {header.seq, header.ack, header.flags, header.window},
                         static_cast<uint32_t>(kTcpHeaderBytes + options));
}

}  // namespace

void build_tcp(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip, const FlowKey& key,
               const SegmentHeader& header) {
  if (key.peer.is_v4()) [[likely]] {
    build<true>(out, ethernet, ip, key, header);
  } else {
    build<false>(out, ethernet, ip, key, header);
  }
}

void build_plain_v6(TxFrame& out, const EthernetHeader& ethernet, IpFields ip, const FlowKey& key,
                    PlainHeader h) {
  build_plain_of<false>(out, ethernet, ip, key, h);
}

void set_segment_bytes(TxFrame& out, uint16_t bytes) {
  std::byte* sum = out.header.data() + out.l2_bytes + out.l3_bytes + kTcpChecksumAt;
  const auto l4_bytes = static_cast<uint16_t>(out.l4_bytes + out.payload_bytes);
  // Adding the complement takes the length out of the one's complement sum (RFC 1071).
  store16(sum, fold(uint64_t{load16(sum)} + static_cast<uint16_t>(~swap_bytes(l4_bytes))));
  out.segment_bytes = bytes;
}

}  // namespace millrace::wire
