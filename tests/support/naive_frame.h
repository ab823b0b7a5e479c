// SPDX-License-Identifier: BSD-3-Clause
// Frames built and read the slow and obvious way, sharing nothing with lib/wire: what the code
// under test writes is read here, and the other way round, so that no mistake can cancel itself.
// RFC 791, RFC 792, RFC 826, RFC 9293 section 3.1, RFC 7323 sections 2.2 and 3.2, RFC 2018
// sections 2 and 3, RFC 7413 section 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/address.h"

namespace millrace::test {

using Bytes = std::vector<std::byte>;

inline constexpr uint16_t kFin = 0x01;
inline constexpr uint16_t kSyn = 0x02;
inline constexpr uint16_t kRst = 0x04;
inline constexpr uint16_t kPsh = 0x08;
inline constexpr uint16_t kAck = 0x10;
inline constexpr uint16_t kUrg = 0x20;
inline constexpr uint16_t kEce = 0x40;
inline constexpr uint16_t kCwr = 0x80;
inline constexpr uint16_t kAe = 0x100;

// One segment with all that is below it. The defaults make a sound one.
struct NaiveTcp {
  MacAddress destination_mac, source_mac;
  uint32_t source_ip = 0, destination_ip = 0;  // as numbers
  uint16_t source_port = 0, destination_port = 0;
  uint32_t seq = 0, ack = 0;
  uint16_t flags = 0;
  uint16_t window = 0;
  uint8_t ttl = 64;
  uint8_t dscp = 0;  // the first six bits of the IP header's second byte
  uint8_t ecn = 0;   // the last two
  std::optional<uint16_t> mss;
  std::optional<uint8_t> window_shift;
  bool sack_permitted = false;
  struct Timestamps {
    uint32_t value = 0, echo = 0;
  };
  std::optional<Timestamps> timestamps;
  std::vector<std::pair<uint32_t, uint32_t>> sack;  // left edge, right edge
  std::optional<uint16_t> user_timeout;
  std::optional<Bytes> fast_open;  // the cookie, empty where one is asked for (RFC 7413)
  Bytes option_bytes;              // when building: put behind the others as they are
  Bytes payload;
};

struct NaiveArp {
  MacAddress destination_mac, source_mac;
  uint16_t operation = 1;  // 1 request, 2 reply
  MacAddress sender_mac, target_mac;
  uint32_t sender_ip = 0, target_ip = 0;
};

struct NaiveIcmp {
  MacAddress destination_mac, source_mac;
  uint32_t source_ip = 0, destination_ip = 0;
  uint8_t type = 0, code = 0;
  Bytes body;  // behind type, code and checksum
};

Bytes build(const NaiveTcp& tcp);
Bytes build(const NaiveArp& arp);
Bytes build(const NaiveIcmp& icmp);

// A frame that the host sent. At most one of the three is there; `problem` names the first thing
// that is wrong with it (a checksum, a length, an option), and is empty when all is well.
struct NaiveFrame {
  std::optional<NaiveTcp> tcp;
  std::optional<NaiveArp> arp;
  std::optional<NaiveIcmp> icmp;
  std::string problem;
};
NaiveFrame decode(const Bytes& frame);

// Big-endian access by offset, for tests that damage a frame. Requires: within the frame.
uint16_t get16(const Bytes& bytes, size_t at);
uint32_t get32(const Bytes& bytes, size_t at);
void put8(Bytes& bytes, size_t at, uint8_t value);
void put16(Bytes& bytes, size_t at, uint16_t value);
void put32(Bytes& bytes, size_t at, uint32_t value);

// The Internet checksum over [from, from + size) (RFC 1071).
uint16_t internet_checksum(const Bytes& bytes, size_t from, size_t size, uint32_t initial = 0);
// Makes the IP header's, or the TCP segment's, checksum right again after a test changed it.
void fix_ip_checksum(Bytes& frame);
void fix_tcp_checksum(Bytes& frame);

}  // namespace millrace::test
