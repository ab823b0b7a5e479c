// SPDX-License-Identifier: BSD-3-Clause
// A TCP segment as somebody beside the connection sees it. In: the bytes of a packet, sent by
// anybody and perhaps cut short by who captured it. Out: a value that outlives them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "millrace/address.h"

namespace millrace::trace {

// Control bits as they lie in the header (RFC 9293 section 3.1), AE (RFC 9768) above them.
inline constexpr uint16_t kFin = 0x01;
inline constexpr uint16_t kSyn = 0x02;
inline constexpr uint16_t kRst = 0x04;
inline constexpr uint16_t kPsh = 0x08;
inline constexpr uint16_t kAck = 0x10;
inline constexpr uint16_t kUrg = 0x20;
inline constexpr uint16_t kEce = 0x40;
inline constexpr uint16_t kCwr = 0x80;
inline constexpr uint16_t kAe = 0x100;

struct SackRange {
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct SegmentOptions {
  std::optional<uint16_t> mss;
  std::optional<uint8_t> window_scale;
  bool sack_permitted = false;
  bool has_timestamps = false;
  uint32_t ts_value = 0;
  uint32_t ts_echo = 0;
  uint8_t sack_count = 0;
  std::array<SackRange, 4> sack;
  std::optional<uint16_t> user_timeout;    // RFC 5482, as it lies in the option
  std::optional<uint8_t> fast_open_bytes;  // of the cookie (RFC 7413); 0: one is asked for
  uint8_t others = 0;                      // options of other kinds
  bool broken = false;                     // a length makes no sense, or the capture ends within
};

struct Segment {
  Endpoint source;
  Endpoint destination;
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint32_t payload_bytes = 0;  // as the IP header says, captured or not
  uint16_t flags = 0;
  uint16_t window = 0;  // not scaled
  SegmentOptions options;

  [[nodiscard]] bool has(uint16_t bits) const { return (flags & bits) != 0; }
  // RFC 9293's SEG.LEN.
  [[nodiscard]] uint32_t length() const {
    return payload_bytes + (has(kSyn) ? 1 : 0) + (has(kFin) ? 1 : 0);
  }
};

// What a captured packet begins with, by the names of libpcap's link types.
enum class Link : uint16_t {
  kLoopback = 0,  // BSD: a family, in the order of the host that captured
  kEthernet = 1,
  kRaw = 101,  // IPv4 or IPv6
  kLinuxCooked = 113,
  kIpv4 = 228,
  kIpv6 = 229,
  kLinuxCooked2 = 276,
};
// Nothing: it is none of those.
std::optional<Link> link_of(uint32_t link_type);

// Nothing: the packet holds no TCP header, or not all of its fixed part.
std::optional<Segment> read_segment(std::span<const std::byte> packet, Link link);

// "[S.]", the letters in tcpdump's order.
std::string flags_text(uint16_t flags);

}  // namespace millrace::trace
