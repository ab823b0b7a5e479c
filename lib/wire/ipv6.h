// SPDX-License-Identifier: BSD-3-Clause
// The IPv6 header as we send it, and the extension headers of what we receive. RFC 8200; RFC 6437
// on the flow label.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/hash.h"
#include "millrace/address.h"
#include "millrace/counters.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/frame.h"

namespace millrace::wire {

// An IPv6 address as it lies.
inline IpAddress load_address(const std::byte* from) {
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), from, bytes.size());
  return IpAddress::v6(bytes);
}

inline void store_address(std::byte* to, const IpAddress& address) {
  const IpAddress::Words words = address.words();
  store64(to, words[0]);
  store64(to + 8, words[1]);
}

// The same for every packet of a flow, and hardly ever for two flows.
inline uint32_t flow_label(const FlowKey& key) {
  constexpr uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  const uint64_t ports = key.local_port | uint32_t{key.peer_port} << 16;
  return base::fold_multiply(key.local.words()[1] ^ key.peer.words()[1], ports ^ kOdd) & 0xfffff;
}

// Requires: room for 40 bytes at `to`; `payload_bytes` does not count the header. `label` has 20
// bits.
inline void write_ipv6_header(std::byte* to, const IpFields& ip, const IpAddress& source,
                              const IpAddress& destination, uint8_t next_header,
                              uint16_t payload_bytes, uint32_t label = 0) {
  constexpr uint32_t kVersion = 6u << 28;
  store_be32(to, kVersion | uint32_t{ip.tos} << 20 | label);
  store_be32(to + 4, uint32_t{payload_bytes} << 16 | uint32_t{next_header} << 8 | ip.ttl);
  store_address(to + 8, source);
  store_address(to + 24, destination);
}

// The 32 bytes of both addresses as they lie at `addresses`, the length of what follows all IP
// headers, and its protocol (RFC 8200 section 8.1).
inline uint64_t sum_pseudo_header_v6(const std::byte* addresses, uint8_t protocol,
                                     uint16_t l4_bytes) {
  uint64_t sum = (uint64_t{protocol} << 8) + swap_bytes(l4_bytes);
  for (size_t at = 0; at < 32; at += 8) sum = add_with_carry(sum, load64(addresses + at));
  return sum;
}

// What lies behind the extension headers of a packet.
struct Ipv6Payload {
  uint8_t protocol = 0;
  uint16_t header_bytes = 0;  // before it, the 40 of the IPv6 header included
  bool dropped = false;
  Counter reason{};  // when dropped
};

// Walks hop-by-hop options (first only), destination options, a routing header that has nothing
// left to visit, and a fragment header that is all there is of its packet (RFC 6946). At most
// kExtensionsMax of them; what a header or option that we do not know wants dropped is dropped
// (kDropIpExtension). At a fragment header of a packet with a part only it stops as well
// (kDropIpFragment), and `protocol` is what that header names, `header_bytes` counts it. Stops at
// any other protocol. Requires: `ip_bytes` bytes at `ip`, of which 40 are a sound IPv6 header.
inline constexpr int kExtensionsMax = 8;
Ipv6Payload walk_extensions(const std::byte* ip, size_t ip_bytes);

}  // namespace millrace::wire
