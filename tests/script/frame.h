// SPDX-License-Identifier: BSD-3-Clause
// The tester's own Ethernet, ARP, IPv4, ICMP and TCP: values into frames, frames into values. It
// shares no code with the library, so that a mistake there is not made twice. In: a Segment or an
// Arp. Out: bytes with good checksums; the other way, a value or one sentence that says what is
// wrong with the frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/address.h"

namespace script {

using Bytes = std::vector<std::byte>;

enum Flag : uint16_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
  kEce = 0x40,
  kCwr = 0x80,
  kAe = 0x100,
};

// One TCP option as it lies on the wire; `body` is what follows kind and length. NOP and
// end-of-options are padding, and never held.
struct Option {
  uint8_t kind = 0;
  std::vector<uint8_t> body;

  friend bool operator==(const Option&, const Option&) = default;
};

struct Segment {
  millrace::MacAddress source_mac, destination_mac;
  uint32_t source_ip = 0, destination_ip = 0;  // 10.0.0.1 is 0x0a000001
  uint8_t ecn = 0;                             // the two bits of the IP header
  uint8_t ttl = 64;
  uint16_t source_port = 0, destination_port = 0;
  uint32_t seq = 0, ack = 0;
  uint16_t flags = 0;
  uint16_t window = 0;
  uint16_t urgent = 0;
  std::vector<Option> options;
  Bytes payload;
  bool bad_checksum = false;  // encode() spoils the TCP checksum
};

struct Arp {
  uint16_t operation = 0;  // 1 asks, 2 answers
  millrace::MacAddress sender_mac, target_mac;
  uint32_t sender_ip = 0, target_ip = 0;
};

// What a router, or the script's side itself, has to say of a segment of the host (RFC 792).
struct IcmpError {
  uint8_t type = 0, code = 0;
  uint16_t mtu = 0;  // of the next hop (RFC 1191)
  Segment about;
};

// At most one of the values; neither when `problem` says why, or names another protocol.
struct Decoded {
  std::optional<Segment> segment;
  std::optional<Arp> arp;
  std::string problem;
};

Bytes encode(const Segment& segment);
Bytes encode(const IcmpError& error);
Bytes encode(const Arp& arp, const millrace::MacAddress& destination);

// Both checksums, every length field and the layout of the options are verified.
Decoded decode(std::span<const std::byte> frame);

}  // namespace script
