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

}  // namespace millrace::wire
