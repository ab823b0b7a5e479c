// SPDX-License-Identifier: BSD-3-Clause
#include "trace/segment.h"

#include <algorithm>

namespace millrace::trace {
namespace {

using Bytes = std::span<const std::byte>;

uint8_t get8(Bytes bytes, size_t at) { return std::to_integer<uint8_t>(bytes[at]); }
uint16_t get16(Bytes bytes, size_t at) {
  return static_cast<uint16_t>(get8(bytes, at) << 8 | get8(bytes, at + 1));
}
uint32_t get32(Bytes bytes, size_t at) {
  return uint32_t{get16(bytes, at)} << 16 | get16(bytes, at + 2);
}
Bytes behind(Bytes bytes, size_t n) { return bytes.subspan(std::min(n, bytes.size())); }

// Where the TCP header begins, and what the IP header says of it.
struct TcpPart {
  Bytes bytes;
  IpAddress source;
  IpAddress destination;
  uint32_t length = 0;  // header and payload
};

constexpr uint8_t kProtocolTcp = 6;

std::optional<TcpPart> read_ipv4(Bytes packet) {
  if (packet.size() < 20) return std::nullopt;
  const size_t header = size_t{4} * (get8(packet, 0) & 0xf);
  const uint16_t total = get16(packet, 2);
  const bool first = (get16(packet, 6) & 0x1fff) == 0;  // of fragments
  if (header < 20 || total < header || !first || get8(packet, 9) != kProtocolTcp) {
    return std::nullopt;
  }
  return TcpPart{behind(packet, header), IpAddress::v4(get32(packet, 12)),
                 IpAddress::v4(get32(packet, 16)), static_cast<uint32_t>(total - header)};
}

IpAddress address_v6(Bytes packet, size_t at) {
  std::array<uint8_t, 16> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = get8(packet, at + i);
  return IpAddress::v6(bytes);
}

std::optional<TcpPart> read_ipv6(Bytes packet) {
  constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kDestination = 60;
  constexpr int kExtensionsMax = 8;
  if (packet.size() < 40) return std::nullopt;
  TcpPart part{behind(packet, 40), address_v6(packet, 8), address_v6(packet, 24), get16(packet, 4)};
  uint8_t next = get8(packet, 6);
  for (int i = 0; i < kExtensionsMax && next != kProtocolTcp; ++i) {
    if (part.bytes.size() < 8) return std::nullopt;
    size_t bytes = 8;
    if (next == kFragment) {
      if (get16(part.bytes, 2) >> 3 != 0) return std::nullopt;  // not the first
    } else if (next == kHopByHop || next == kRouting || next == kDestination) {
      bytes += size_t{8} * get8(part.bytes, 1);
    } else {
      return std::nullopt;
    }
    if (bytes > part.length) return std::nullopt;
    next = get8(part.bytes, 0);
    part.bytes = behind(part.bytes, bytes);
    part.length -= static_cast<uint32_t>(bytes);
  }
  if (next != kProtocolTcp) return std::nullopt;
  return part;
}

std::optional<TcpPart> read_ip(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  switch (get8(packet, 0) >> 4) {
    case 4:
      return read_ipv4(packet);
    case 6:
      return read_ipv6(packet);
    default:
      return std::nullopt;
  }
}

std::optional<TcpPart> read_ethertype(Bytes packet, size_t at) {
  constexpr uint16_t kVlan = 0x8100, kServiceVlan = 0x88a8, kIpv4 = 0x0800, kIpv6 = 0x86dd;
  for (int tags = 0; tags < 3; ++tags) {
    if (packet.size() < at + 2) return std::nullopt;
    const uint16_t type = get16(packet, at);
    if (type == kIpv4 || type == kIpv6) return read_ip(behind(packet, at + 2));
    if (type != kVlan && type != kServiceVlan) return std::nullopt;
    at += 4;
  }
  return std::nullopt;
}

std::optional<TcpPart> read_link(Bytes packet, Link link) {
  switch (link) {
    case Link::kEthernet:
      return read_ethertype(packet, 12);
    case Link::kLinuxCooked:
      return read_ethertype(packet, 14);
    case Link::kLinuxCooked2:
      return packet.size() < 20 ? std::nullopt
                                : read_ip(get16(packet, 0) == 0x0800 || get16(packet, 0) == 0x86dd
                                              ? behind(packet, 20)
                                              : Bytes());
    case Link::kLoopback:
      return read_ip(behind(packet, 4));
    case Link::kRaw:
    case Link::kIpv4:
    case Link::kIpv6:
      return read_ip(packet);
  }
  return std::nullopt;
}

// RFC 9293 section 3.2. `value` is what follows kind and length.
void read_option(uint8_t kind, Bytes value, SegmentOptions& out) {
  if (kind == 2 && value.size() == 2) {
    out.mss = get16(value, 0);
  } else if (kind == 3 && value.size() == 1) {
    out.window_scale = get8(value, 0);
  } else if (kind == 4 && value.empty()) {
    out.sack_permitted = true;
  } else if (kind == 5 && value.size() % 8 == 0 && value.size() <= 32) {
    out.sack_count = static_cast<uint8_t>(value.size() / 8);
    for (size_t i = 0; i < out.sack_count; ++i) {
      out.sack[i] = {get32(value, i * 8), get32(value, i * 8 + 4)};
    }
  } else if (kind == 8 && value.size() == 8) {
    out.has_timestamps = true;
    out.ts_value = get32(value, 0);
    out.ts_echo = get32(value, 4);
  } else if (kind == 28 && value.size() == 2) {
    out.user_timeout = get16(value, 0);
  } else if (kind == 34) {
    out.fast_open_bytes = static_cast<uint8_t>(value.size());
  } else {
    ++out.others;
  }
}

SegmentOptions read_options(Bytes bytes) {
  constexpr uint8_t kEnd = 0, kNoOperation = 1;
  SegmentOptions out;
  while (!bytes.empty() && get8(bytes, 0) != kEnd) {
    if (get8(bytes, 0) == kNoOperation) {
      bytes = behind(bytes, 1);
      continue;
    }
    const size_t length = bytes.size() < 2 ? 0 : get8(bytes, 1);
    if (length < 2 || length > bytes.size()) {
      out.broken = true;
      break;
    }
    read_option(get8(bytes, 0), bytes.subspan(2, length - 2), out);
    bytes = behind(bytes, length);
  }
  return out;
}

}  // namespace

std::optional<Link> link_of(uint32_t link_type) {
  constexpr uint32_t kRawOfOpenBsd = 14, kRawOfBsd = 12;
  if (link_type == kRawOfBsd || link_type == kRawOfOpenBsd) return Link::kRaw;
  for (const Link link : {Link::kLoopback, Link::kEthernet, Link::kRaw, Link::kLinuxCooked,
                          Link::kIpv4, Link::kIpv6, Link::kLinuxCooked2}) {
    if (link_type == static_cast<uint32_t>(link)) return link;
  }
  return std::nullopt;
}

std::optional<Segment> read_segment(Bytes packet, Link link) {
  const std::optional<TcpPart> tcp = read_link(packet, link);
  if (!tcp || tcp->bytes.size() < 20) return std::nullopt;
  const Bytes bytes = tcp->bytes;
  const uint32_t header = uint32_t{4} * (get8(bytes, 12) >> 4);
  if (header < 20 || header > tcp->length) return std::nullopt;
  Segment segment;
  segment.source = {tcp->source, get16(bytes, 0)};
  segment.destination = {tcp->destination, get16(bytes, 2)};
  segment.seq = get32(bytes, 4);
  segment.ack = get32(bytes, 8);
  segment.flags = get16(bytes, 12) & 0x1ff;
  segment.window = get16(bytes, 14);
  segment.payload_bytes = tcp->length - header;
  segment.options = read_options(bytes.subspan(20, std::min<size_t>(header, bytes.size()) - 20));
  if (bytes.size() < header) segment.options.broken = true;
  return segment;
}

std::string flags_text(uint16_t flags) {
  struct Letter {
    uint16_t bit;
    char letter;
  };
  constexpr Letter kLetters[] = {{kFin, 'F'}, {kSyn, 'S'}, {kRst, 'R'}, {kPsh, 'P'}, {kAck, '.'},
                                 {kUrg, 'U'}, {kEce, 'E'}, {kCwr, 'W'}, {kAe, 'e'}};
  std::string text = "[";
  for (const Letter& l : kLetters) {
    if ((flags & l.bit) != 0) text += l.letter;
  }
  return text + (text.size() == 1 ? "none]" : "]");
}

}  // namespace millrace::trace
