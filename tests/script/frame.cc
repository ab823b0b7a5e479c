// SPDX-License-Identifier: BSD-3-Clause
// RFC 826, RFC 791, RFC 792, RFC 9293 section 3.1, RFC 1071.
#include "frame.h"

#include <algorithm>

namespace script {
namespace {

using millrace::MacAddress;

constexpr size_t kEthernetBytes = 14;
constexpr size_t kIpBytes = 20;
constexpr size_t kTcpBytes = 20;
constexpr uint16_t kTypeIp = 0x0800;
constexpr uint16_t kTypeArp = 0x0806;
constexpr uint8_t kProtocolIcmp = 1;
constexpr uint8_t kProtocolTcp = 6;
constexpr size_t kQuotedBytes = kIpBytes + 8;

class Writer {
 public:
  void u8(uint32_t value) { bytes_.push_back(static_cast<std::byte>(value & 0xff)); }
  void u16(uint32_t value) { u8(value >> 8), u8(value); }
  void u32(uint32_t value) { u16(value >> 16), u16(value); }
  void mac(const MacAddress& mac) {
    for (uint8_t byte : mac.bytes) u8(byte);
  }
  void put(size_t at, uint32_t value) {
    bytes_[at] = static_cast<std::byte>((value >> 8) & 0xff);
    bytes_[at + 1] = static_cast<std::byte>(value & 0xff);
  }
  Bytes& bytes() { return bytes_; }

 private:
  Bytes bytes_;
};

// Requires: whoever reads has checked the length.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  uint8_t u8() { return std::to_integer<uint8_t>(bytes_[at_++]); }
  uint16_t u16() {
    const uint32_t high = u8();
    return static_cast<uint16_t>(high << 8 | u8());
  }
  uint32_t u32() {
    const uint32_t high = u16();
    return high << 16 | u16();
  }
  MacAddress mac() {
    MacAddress mac;
    for (uint8_t& byte : mac.bytes) byte = u8();
    return mac;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

// The one's complement sum, not yet complemented.
uint32_t sum(std::span<const std::byte> bytes, uint32_t start = 0) {
  uint64_t total = start;
  for (size_t i = 0; i < bytes.size(); ++i) {
    total += std::to_integer<uint64_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  }
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return static_cast<uint32_t>(total);
}

uint32_t pseudo_header(uint32_t source, uint32_t destination, size_t tcp_bytes) {
  return (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) +
         kProtocolTcp + static_cast<uint32_t>(tcp_bytes);
}

// Ethernet and IP around `bytes` of a protocol, from and to where the segment goes.
void put_headers(Writer& out, const Segment& s, uint8_t protocol, size_t bytes) {
  out.mac(s.destination_mac);
  out.mac(s.source_mac);
  out.u16(kTypeIp);
  out.u8(0x45);
  out.u8(s.ecn);
  out.u16(static_cast<uint32_t>(kIpBytes + bytes));
  out.u16(0);
  out.u16(0x4000);  // don't fragment
  out.u8(s.ttl);
  out.u8(protocol);
  out.u16(0);
  out.u32(s.source_ip);
  out.u32(s.destination_ip);
  out.put(kEthernetBytes + 10, ~sum(std::span(out.bytes()).subspan(kEthernetBytes, kIpBytes)));
}

Decoded problem(std::string what) { return {{}, {}, std::move(what)}; }

std::string decode_options(std::span<const std::byte> bytes, std::vector<Option>& options) {
  for (size_t at = 0; at < bytes.size();) {
    const uint8_t kind = std::to_integer<uint8_t>(bytes[at]);
    if (kind == 0) return "";
    if (kind == 1) {
      ++at;
      continue;
    }
    const size_t length = at + 1 < bytes.size() ? std::to_integer<size_t>(bytes[at + 1]) : 0;
    if (length < 2 || at + length > bytes.size()) {
      return "TCP option " + std::to_string(kind) + " does not fit into the header";
    }
    Option option{kind, {}};
    for (size_t i = 2; i < length; ++i) {
      option.body.push_back(std::to_integer<uint8_t>(bytes[at + i]));
    }
    options.push_back(std::move(option));
    at += length;
  }
  return "";
}

Decoded decode_tcp(std::span<const std::byte> bytes, Segment segment) {
  if (bytes.size() < kTcpBytes) return problem("the TCP header is cut");
  if (sum(bytes, pseudo_header(segment.source_ip, segment.destination_ip, bytes.size())) !=
      0xffff) {
    return problem("the TCP checksum is wrong");
  }
  Reader in(bytes);
  segment.source_port = in.u16();
  segment.destination_port = in.u16();
  segment.seq = in.u32();
  segment.ack = in.u32();
  const uint16_t offset_and_flags = in.u16();
  const size_t header = size_t{offset_and_flags} >> 12 << 2;
  if (header < kTcpBytes || header > bytes.size()) return problem("the TCP data offset is wrong");
  if ((offset_and_flags & 0x0e00) != 0) return problem("a reserved TCP flag is set");
  segment.flags = offset_and_flags & 0x1ff;
  segment.window = in.u16();
  in.u16();
  segment.urgent = in.u16();
  const std::string wrong =
      decode_options(bytes.subspan(kTcpBytes, header - kTcpBytes), segment.options);
  if (!wrong.empty()) return problem(wrong);
  segment.payload.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
  return {std::move(segment), {}, {}};
}

Decoded decode_ip(std::span<const std::byte> bytes, Segment segment) {
  if (bytes.size() < kIpBytes) return problem("the IP header is cut");
  Reader in(bytes);
  const uint8_t version_and_length = in.u8();
  if (version_and_length != 0x45) return problem("not an IPv4 header of 20 bytes");
  if (sum(bytes.first(kIpBytes)) != 0xffff) return problem("the IP checksum is wrong");
  segment.ecn = in.u8() & 3;
  const size_t total = in.u16();
  if (total < kIpBytes || total > bytes.size()) return problem("the IP length is wrong");
  in.u16();
  if ((in.u16() & 0x3fff) != 0) return problem("a fragment");
  segment.ttl = in.u8();
  const uint8_t protocol = in.u8();
  in.u16();
  segment.source_ip = in.u32();
  segment.destination_ip = in.u32();
  if (protocol != kProtocolTcp) return problem("IP protocol " + std::to_string(protocol));
  return decode_tcp(bytes.subspan(kIpBytes, total - kIpBytes), std::move(segment));
}

Decoded decode_arp(std::span<const std::byte> bytes) {
  if (bytes.size() < 28) return problem("the ARP packet is cut");
  Reader in(bytes);
  const bool ethernet_and_ip = in.u16() == 1 && in.u16() == kTypeIp && in.u8() == 6 && in.u8() == 4;
  if (!ethernet_and_ip) return problem("not ARP for IPv4 on Ethernet");
  Arp arp;
  arp.operation = in.u16();
  arp.sender_mac = in.mac();
  arp.sender_ip = in.u32();
  arp.target_mac = in.mac();
  arp.target_ip = in.u32();
  return {{}, arp, {}};
}

}  // namespace

Bytes encode(const Segment& s) {
  Bytes options;
  for (const Option& option : s.options) {
    options.push_back(static_cast<std::byte>(option.kind));
    options.push_back(static_cast<std::byte>(option.body.size() + 2));
    for (uint8_t byte : option.body) options.push_back(static_cast<std::byte>(byte));
  }
  while (options.size() % 4 != 0) options.push_back(std::byte{1});
  const size_t header_bytes = kTcpBytes + options.size();
  const size_t tcp_bytes = header_bytes + s.payload.size();

  Writer out;
  put_headers(out, s, kProtocolTcp, tcp_bytes);
  out.u16(s.source_port);
  out.u16(s.destination_port);
  out.u32(s.seq);
  out.u32(s.ack);
  out.u16(static_cast<uint32_t>(header_bytes / 4) << 12 | s.flags);
  out.u16(s.window);
  out.u16(0);
  out.u16(s.urgent);
  Bytes& bytes = out.bytes();
  bytes.insert(bytes.end(), options.begin(), options.end());
  bytes.insert(bytes.end(), s.payload.begin(), s.payload.end());
  const size_t tcp_at = kEthernetBytes + kIpBytes;
  const uint32_t total = sum(std::span(bytes).subspan(tcp_at),
                             pseudo_header(s.source_ip, s.destination_ip, tcp_bytes));
  out.put(tcp_at + 16, s.bad_checksum ? ~total ^ 0x5555 : ~total);
  return std::move(bytes);
}

Bytes encode(const IcmpError& error) {
  const Bytes about = encode(error.about);
  Segment back;
  back.source_mac = error.about.destination_mac;
  back.destination_mac = error.about.source_mac;
  back.source_ip = error.about.destination_ip;
  back.destination_ip = error.about.source_ip;

  Writer out;
  put_headers(out, back, kProtocolIcmp, 8 + kQuotedBytes);
  const size_t icmp_at = out.bytes().size();
  out.u8(error.type);
  out.u8(error.code);
  out.u16(0);
  out.u16(0);
  out.u16(error.mtu);
  for (size_t i = 0; i < kQuotedBytes; ++i) {
    out.u8(std::to_integer<uint8_t>(about[kEthernetBytes + i]));
  }
  out.put(icmp_at + 2, ~sum(std::span(out.bytes()).subspan(icmp_at)));
  return std::move(out.bytes());
}

Bytes encode(const Arp& arp, const MacAddress& destination) {
  Writer out;
  out.mac(destination);
  out.mac(arp.sender_mac);
  out.u16(kTypeArp);
  out.u16(1);
  out.u16(kTypeIp);
  out.u8(6);
  out.u8(4);
  out.u16(arp.operation);
  out.mac(arp.sender_mac);
  out.u32(arp.sender_ip);
  out.mac(arp.target_mac);
  out.u32(arp.target_ip);
  return std::move(out.bytes());
}

Decoded decode(std::span<const std::byte> frame) {
  if (frame.size() < kEthernetBytes) return problem("the Ethernet header is cut");
  Reader in(frame);
  Segment segment;
  segment.destination_mac = in.mac();
  segment.source_mac = in.mac();
  const uint16_t type = in.u16();
  const auto rest = frame.subspan(kEthernetBytes);
  if (type == kTypeArp) return decode_arp(rest);
  if (type == kTypeIp) return decode_ip(rest, std::move(segment));
  return problem("EtherType " + std::to_string(type));
}

}  // namespace script
