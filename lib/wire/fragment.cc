// SPDX-License-Identifier: BSD-3-Clause
#include "wire/fragment.h"

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/nd.h"

namespace millrace::wire {
namespace {

constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint8_t kFragmentHeader = 44;

}  // namespace

Fragment read_fragment(const ParsedFrame& parsed) {
  const std::byte* ip = parsed.ip;
  Fragment f{.source = parsed.key.peer, .destination = parsed.key.local};
  f.protocol = parsed.protocol;
  f.payload = {ip + parsed.ip_header_bytes,
               static_cast<size_t>(parsed.ip_bytes - parsed.ip_header_bytes)};
  if (parsed.key.peer.is_v4()) {
    constexpr uint16_t kOffset = 0x1fff;
    const uint16_t bits = load_be16(ip + 6);
    f.headers = {ip, parsed.ip_header_bytes};
    f.id = load_be16(ip + 4);
    f.ecn = load8(ip + 1) & 3;
    f.more = (bits & kMoreFragments) != 0;
    f.offset = (bits & kOffset) * uint32_t{kFragmentUnit};
    return f;
  }
  const std::byte* header = f.payload.data() - kFragmentHeaderBytes;
  const uint16_t bits = load_be16(header + 2);  // the offset is the upper 13 bits, in units of 8
  f.headers = {ip, parsed.ip_header_bytes - kFragmentHeaderBytes};
  f.named_at = static_cast<uint16_t>(next_header_at(ip, f.headers.size()));
  f.id = load_be32(header + 4);
  f.ecn = (load8(ip + 1) >> 4) & 3;
  f.more = (bits & 1) != 0;
  f.offset = bits & 0xfff8;
  return f;
}

size_t build_fragment_headers(std::span<std::byte> out, const IpFields& ip, const IpAddress& source,
                              const IpAddress& destination, const FragmentFields& fields,
                              size_t payload_bytes) {
  const bool v4 = destination.is_v4();
  const size_t headers_bytes = kEthernetHeaderBytes + fragment_headers_bytes(v4);
  std::byte* const to = out.data() + kEthernetHeaderBytes;
  write_ethernet(out.data(), make_ethernet({}, {}, v4 ? kEthertypeIpv4 : kEthertypeIpv6));
  if (v4) {
    const auto units = static_cast<uint16_t>(fields.offset / kFragmentUnit);
    write_ipv4_header(to, ip, memory_order(source), memory_order(destination), fields.protocol,
                      static_cast<uint16_t>(kIpv4HeaderBytes + payload_bytes));
    store_be16(to + 4, static_cast<uint16_t>(fields.id));
    store_be16(to + 6, static_cast<uint16_t>(units | (fields.more ? kMoreFragments : 0)));
    store16(to + 10, 0);
    store16(to + 10, static_cast<uint16_t>(~fold(sum_ipv4_header(to))));
    return headers_bytes;
  }
  write_ipv6_header(to, ip, source, destination, kFragmentHeader,
                    static_cast<uint16_t>(kFragmentHeaderBytes + payload_bytes));
  std::byte* const header = to + kIpv6HeaderBytes;
  store_be16(header, static_cast<uint16_t>(fields.protocol << 8));
  store_be16(header + 2, static_cast<uint16_t>(fields.offset | (fields.more ? 1 : 0)));
  store_be32(header + 4, fields.id);
  return headers_bytes;
}

namespace {

uint16_t type_and_code(uint8_t type, uint8_t code) {  // as they lie
  return static_cast<uint16_t>(type | code << 8);
}

}  // namespace

uint16_t icmp_checksum(const IpAddress& source, const IpAddress& destination, uint8_t type,
                       uint8_t code, std::span<const std::byte> body) {
  uint64_t sum = type_and_code(type, code);
  if (!destination.is_v4()) {
    std::array<std::byte, 32> addresses;
    store_address(addresses.data(), source);
    store_address(addresses.data() + 16, destination);
    const auto bytes = static_cast<uint16_t>(kIcmpHeadBytes + body.size());
    sum = add_with_carry(sum, sum_pseudo_header_v6(addresses.data(), kProtocolIcmpV6, bytes));
  }
  return static_cast<uint16_t>(~fold(sum_bytes(body, sum)));
}

void write_icmp_head(std::byte* to, uint8_t type, uint8_t code, uint16_t checksum) {
  store16(to, type_and_code(type, code));
  store16(to + 2, checksum);
}

}  // namespace millrace::wire
