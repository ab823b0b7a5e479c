// SPDX-License-Identifier: BSD-3-Clause
// A TxFrame into contiguous bytes, for devices that neither gather nor sum: payload is copied and
// summed in the same pass. RFC 1071, RFC 9293 section 3.1.
#include "millrace/frame.h"

#include "base/check.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/vlan.h"

namespace millrace {

size_t write_frame(const TxFrame& frame, std::span<std::byte> out) {
  MR_ASSERT(frame.segment_bytes == 0);
  std::byte* to = out.data();
  // All of it where there is room: a length that is known needs no loop.
  if (frame.vlan.tagged()) [[unlikely]] {
    to += wire::write_tagged_header(to, frame) - frame.header_bytes;
  } else if (out.size() >= TxFrame::kMaxHeaderBytes) [[likely]] {
    std::memcpy(to, frame.header.data(), TxFrame::kMaxHeaderBytes);
  } else {
    std::memcpy(to, frame.header.data(), frame.header_bytes);
  }
  to += frame.header_bytes;
  const std::span payload(frame.payload.data(), frame.payload_spans);
  if (!frame.l4_checksum_needed) {
    for (const std::span<const std::byte> piece : payload) {
      if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
      to += piece.size();
    }
    return frame.total_bytes();
  }
  // The pseudo-header's sum already lies in the checksum field, so it is part of the header's.
  std::byte* const tcp = to - frame.l4_bytes;
  wire::RunningSum sum;
  sum.add_sum(wire::sum_tcp_header(tcp, frame.l4_bytes));
  for (const std::span<const std::byte> piece : payload) to = sum.add_copying(to, piece);
  wire::store16(tcp + wire::kTcpChecksumAt, sum.checksum());
  return frame.total_bytes();
}

}  // namespace millrace
