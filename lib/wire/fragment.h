// SPDX-License-Identifier: BSD-3-Clause
// One fragment of a datagram, as values. RFC 791 section 3.2, RFC 8200 section 4.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/build.h"
#include "wire/frame.h"

namespace millrace::wire {

inline constexpr size_t kFragmentHeaderBytes = 8;  // of IPv6
inline constexpr size_t kFragmentUnit = 8;         // what offsets count, and all but the last hold

struct Fragment {
  IpAddress source;
  IpAddress destination;
  uint32_t id = 0;
  uint8_t protocol = 0;  // what the datagram holds; of IPv6, the first fragment's word counts
  uint8_t ecn = 0;       // of the IP header
  bool more = false;     // it is not the last
  uint32_t offset = 0;   // bytes
  std::span<const std::byte> headers;  // before it, without IPv6's fragment header
  uint16_t named_at = 0;               // IPv6: where in them the kind of the header behind them is
  std::span<const std::byte> payload;
};

// Requires: parsed.kind is kFragment. The spans lie in the frame.
Fragment read_fragment(const ParsedFrame& parsed);

// --- Sent ---------------------------------------------------------------------------------------

struct FragmentFields {
  uint32_t id = 0;  // 16 bits of IPv4
  uint8_t protocol = 0;
  uint16_t offset = 0;  // bytes, a multiple of 8
  bool more = false;
};
// IP header, and IPv6's fragment header.
constexpr size_t fragment_headers_bytes(bool is_v4) {
  return is_v4 ? kIpv4HeaderBytes : kIpv6HeaderBytes + kFragmentHeaderBytes;
}
// Writes them behind 14 bytes for Ethernet, whose ethertype alone is set; returns the bytes with
// those. Requires: room for them in `out`; addresses of one family.
size_t build_fragment_headers(std::span<std::byte> out, const IpFields& ip, const IpAddress& source,
                              const IpAddress& destination, const FragmentFields& fields,
                              size_t payload_bytes);

// Type, code and checksum of an ICMP or ICMPv6 message whose body comes in pieces.
inline constexpr size_t kIcmpHeadBytes = 4;
uint16_t icmp_checksum(const IpAddress& source, const IpAddress& destination, uint8_t type,
                       uint8_t code, std::span<const std::byte> body);
void write_icmp_head(std::byte* to, uint8_t type, uint8_t code, uint16_t checksum);

}  // namespace millrace::wire
