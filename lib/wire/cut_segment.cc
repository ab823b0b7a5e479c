// SPDX-License-Identifier: BSD-3-Clause
// What a device makes of a frame that stands for several segments, for wires without such a device.
// RFC 9293 section 3.1, RFC 791, RFC 8200 section 3.
#include <algorithm>

#include "millrace/frame.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/checksum.h"

namespace millrace {
namespace {

// Points `segment` at its part of what `frame` points at.
void cut_payload(const TxFrame& frame, size_t skip, size_t bytes, TxFrame& segment) {
  segment.payload_spans = 0;
  segment.payload_bytes = static_cast<uint16_t>(bytes);
  for (size_t i = 0; i < frame.payload_spans && bytes != 0; ++i) {
    const std::span<const std::byte> piece = frame.payload[i];
    const size_t skipped = std::min(skip, piece.size());
    const size_t taken = std::min(piece.size() - skipped, bytes);
    if (taken != 0) segment.payload[segment.payload_spans++] = piece.subspan(skipped, taken);
    skip -= skipped;
    bytes -= taken;
  }
}

void set_ip_length(std::byte* ip, uint16_t l3_bytes, uint16_t l4_bytes, bool is_ipv6) {
  if (is_ipv6) {
    wire::store_be16(ip + 4, static_cast<uint16_t>(l3_bytes - wire::kIpv6HeaderBytes + l4_bytes));
    return;
  }
  const uint16_t before = wire::load16(ip + 2);
  wire::store_be16(ip + 2, static_cast<uint16_t>(l3_bytes + l4_bytes));
  const uint16_t sum = wire::update_checksum(wire::load16(ip + 10), before, wire::load16(ip + 2));
  wire::store16(ip + 10, sum);
}

}  // namespace

TxFrame cut_segment(const TxFrame& frame, size_t index) {
  TxFrame segment = frame;
  if (frame.segment_bytes == 0) return segment;
  const size_t at = index * frame.segment_bytes;
  const size_t bytes = std::min<size_t>(frame.segment_bytes, frame.payload_bytes - at);
  cut_payload(frame, at, bytes, segment);
  segment.segment_bytes = 0;

  std::byte* ip = segment.header.data() + frame.l2_bytes;
  std::byte* tcp = ip + frame.l3_bytes;
  const auto l4_bytes = static_cast<uint16_t>(frame.l4_bytes + bytes);
  set_ip_length(ip, frame.l3_bytes, l4_bytes, frame.is_ipv6);
  wire::store_be32(tcp + 4, wire::load_be32(tcp + 4) + static_cast<uint32_t>(at));
  constexpr std::byte kFinAndPsh{0x09};
  if (at + bytes != frame.payload_bytes) tcp[13] &= ~kFinAndPsh;
  std::byte* sum = tcp + wire::kTcpChecksumAt;
  wire::store16(sum, wire::fold(uint64_t{wire::load16(sum)} + wire::swap_bytes(l4_bytes)));
  return segment;
}

}  // namespace millrace
