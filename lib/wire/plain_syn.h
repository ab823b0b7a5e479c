// SPDX-License-Identifier: BSD-3-Clause
// The shapes that nearly every SYN has, told from all other frames in a few compares: a frame as in
// plain.h, but SYN and nothing else, no payload, and as options none, an MSS, or what Linux sends
// (kSynFront in tcp_options.h). What parse_frame() asks beyond this: that the source can send.
#pragma once

#include <cstddef>
#include <cstdint>

#include "wire/plain.h"

namespace millrace::wire {

struct PlainSyn {
  uint64_t addresses;  // as in Plain
  uint32_t ports;
  SeqNum seq;
  uint16_t mss;  // 0: no options at all
  bool linux_options;
  uint8_t window_shift;  // of Linux's options, at most 14, as is the next
  uint32_t ts_value;
};

inline bool is_plain_syn(const RxFrame& frame, const PlainShape& shape) {
  const std::byte* l2 = frame.data;
  if (frame.length < kPlainHeaderBytes || !has_shape(l2, shape)) return false;
  if (load64(l2 + 6) << 16 == 0) return false;  // nobody's MAC address
  const std::byte* ip = l2 + kEthernetHeaderBytes;
  const std::byte* tcp = ip + kIpv4HeaderBytes;
  const uint32_t total = load_be16(ip + 2);
  if (total > frame.length - kEthernetHeaderBytes) return false;
  if (load16(tcp) == 0 || load16(tcp + 2) == 0) return false;
  const std::byte* options = tcp + kTcpHeaderBytes;
  switch (load16(tcp + 12)) {  // data offset, reserved bits, flags
    case 0x02a0:
      if (total != 60 || (load64(options) & kSynFrontMask) != kSynFront ||
          (load32(options + 16) & 0xff'ffff) != kSynBack) {
        return false;
      }
      break;
    case 0x0260:
      if (total != 44 || load16(options) != 0x0402) return false;
      break;
    case 0x0250:
      if (total != 40) return false;
      break;
    default:
      return false;
  }
  if (frame.ip_checksum == ChecksumVerdict::kGood && frame.l4_checksum == ChecksumVerdict::kGood) {
    return true;
  }
  return plain_checksums_right(frame);
}

// Requires: is_plain_syn().
inline PlainSyn read_plain_syn(const RxFrame& frame) {
  const std::byte* tcp = frame.data + kEthernetHeaderBytes + kIpv4HeaderBytes;
  const uint8_t offset = load8(tcp + 12);
  const bool linux_options = offset == 0xa0;
  return {.addresses = plain_addresses(frame),
          .ports = plain_ports(frame),
          .seq = SeqNum(load_be32(tcp + 4)),
          .mss = offset == 0x50 ? uint16_t{0} : load_be16(tcp + 22),
          .linux_options = linux_options,
          .window_shift =
              linux_options ? std::min<uint8_t>(load8(tcp + 39), kWindowShiftMax) : uint8_t{0},
          .ts_value = linux_options ? load_be32(tcp + 28) : 0};
}

}  // namespace millrace::wire
