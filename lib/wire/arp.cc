// SPDX-License-Identifier: BSD-3-Clause
// ARP packets of Ethernet and IPv4, in and out. Whether an address is ours, and whether the
// sender tells the truth, is the neighbour table's question. RFC 826.
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/frame.h"

namespace millrace::wire {
namespace {

//  0      2       4    5    6          8           14         18          24         28
//  | htype | ptype | hlen plen | operation | sender mac | sender ip | target mac | target ip |
constexpr size_t kArpBytes = 28;
constexpr size_t kSmallestFrameBytes = 60;
constexpr uint64_t kEthernetIpv4 = 0x0406'0008'0100;  // the first 6 bytes as load64() sees them
constexpr uint16_t kRequest = 1;
constexpr uint16_t kReply = 2;

MacAddress load_mac(const std::byte* from) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), from, mac.bytes.size());
  return mac;
}

void store_mac(std::byte* to, const MacAddress& mac) {
  std::memcpy(to, mac.bytes.data(), mac.bytes.size());
}

}  // namespace

std::optional<ArpPacket> parse_arp(std::span<const std::byte> packet) {
  if (packet.size() < kArpBytes) return std::nullopt;
  const std::byte* arp = packet.data();
  if ((load64(arp) & 0xffff'ffff'ffff) != kEthernetIpv4) return std::nullopt;
  const uint16_t operation = load_be16(arp + 6);
  if (operation != kRequest && operation != kReply) return std::nullopt;
  const MacAddress sender_mac = load_mac(arp + 8);
  if (sender_mac.is_zero() || sender_mac.is_multicast()) return std::nullopt;
  return ArpPacket{
      .request = operation == kRequest,
      .sender_mac = sender_mac,
      .sender_ip = IpAddress::v4(load_be32(arp + 14)),
      .target_mac = load_mac(arp + 18),
      .target_ip = IpAddress::v4(load_be32(arp + 24)),
  };
}

size_t build_arp(std::span<std::byte> out, const EthernetHeader& ethernet, const ArpPacket& arp) {
  write_ethernet(out.data(), ethernet);
  std::byte* packet = out.data() + kEthernetHeaderBytes;
  store64(packet, kEthernetIpv4);
  store_be16(packet + 6, arp.request ? kRequest : kReply);
  store_mac(packet + 8, arp.sender_mac);
  store_be32(packet + 14, arp.sender_ip.v4_value());
  store_mac(packet + 18, arp.target_mac);
  store_be32(packet + 24, arp.target_ip.v4_value());
  std::memset(packet + kArpBytes, 0, kSmallestFrameBytes - kEthernetHeaderBytes - kArpBytes);
  return kSmallestFrameBytes;
}

}  // namespace millrace::wire
