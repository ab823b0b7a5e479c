// SPDX-License-Identifier: BSD-3-Clause
// Frames at the border of the core. Received frames are views of memory that the driver owns;
// sent frames are descriptions that the driver turns into memory of its own. Neither knows DPDK.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/address.h"

namespace millrace {

// What the device says of a received frame's checksum.
enum class ChecksumVerdict : uint8_t {
  kUnknown,  // not looked at: the core computes it
  kGood,
  kBad,
};

// One received Ethernet frame, in one piece, without the frame check sequence. The bytes must
// stay valid and unchanged until Shard::receive() returns. Of VLAN tags, the device or the driver
// may have taken off the first one or both; those are in `vlan` and not in the bytes.
struct RxFrame {
  const std::byte* data = nullptr;
  uint32_t length = 0;
  uint32_t rss_hash = 0;  // as the device computed it; 0 when it did not
  ChecksumVerdict ip_checksum = ChecksumVerdict::kUnknown;
  ChecksumVerdict l4_checksum = ChecksumVerdict::kUnknown;
  Vlan vlan;
};

// One frame to send: headers in full but for VLAN tags, which the driver, or the device, puts
// behind the MAC addresses; payload as up to kMaxPayloadSpans spans. The spans point into the
// shard's memory and are valid until the next call on that shard, so the driver copies them (or
// lets the device fetch them within that time).
struct TxFrame {
  static constexpr size_t kMaxHeaderBytes = 128;
  static constexpr size_t kMaxPayloadSpans = 4;

  std::array<std::byte, kMaxHeaderBytes> header;
  std::array<std::span<const std::byte>, kMaxPayloadSpans> payload;
  uint16_t header_bytes;   // Ethernet + IP + L4 headers, without tags
  uint16_t payload_bytes;  // sum of the spans
  uint8_t payload_spans;
  uint8_t l2_bytes;  // 14
  uint8_t l3_bytes;  // 0: not IP, nothing to compute
  uint8_t l4_bytes;
  // The TCP checksum field holds the folded pseudo-header sum (not complemented), as devices
  // expect it; the device, or write_frame(), completes it over header and payload.
  bool l4_checksum_needed;
  bool is_ipv6;
  // 0: this is one frame. Else it stands for several, which the device makes of it (TSO): so many
  // bytes of payload in each, the last with what is left. Only ShardConfig::tso_bytes_max lets a
  // shard describe such. Sequence number: the first one's; FIN and PSH: the last one's; the
  // checksum field's sum leaves out the length; everything else holds for each.
  uint16_t segment_bytes;
  Vlan vlan;

  // Tags included; without what each further segment of several has in headers.
  [[nodiscard]] size_t total_bytes() const {
    return size_t{header_bytes} + payload_bytes + vlan.tag_bytes();
  }
  // Frames on the wire.
  [[nodiscard]] size_t segments() const {
    return segment_bytes == 0 ? 1 : (size_t{payload_bytes} + segment_bytes - 1) / segment_bytes;
  }
};

// One of the frames that `frame` stands for, as a device would make it; `frame` itself if that is
// one already. Requires: index < frame.segments().
TxFrame cut_segment(const TxFrame& frame, size_t index);

// Writes the whole frame, with its tags, and its TCP checksum completed in software.
// Requires: frame.segment_bytes == 0, out.size() >= frame.total_bytes(). Returns the frame's
// length; what of `out` lies behind it may be overwritten.
size_t write_frame(const TxFrame& frame, std::span<std::byte> out);

}  // namespace millrace
