// SPDX-License-Identifier: BSD-3-Clause
// Frames as the simulator sees them from outside: decoded, checked and printed by code that shares
// nothing with lib/wire, so that a mistake there is not repeated here. Copies nothing, since every
// frame of every run passes; frames are built by tests/support/naive_frame.h.
// RFC 791, RFC 826, RFC 9293 section 3.1, RFC 7323 section 2.2 and 3.2, RFC 2018 section 3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/address.h"

namespace millrace::sim {

inline constexpr uint16_t kFin = 0x01;
inline constexpr uint16_t kSyn = 0x02;
inline constexpr uint16_t kRst = 0x04;
inline constexpr uint16_t kPsh = 0x08;
inline constexpr uint16_t kAck = 0x10;
inline constexpr uint16_t kEce = 0x40;
inline constexpr uint16_t kCwr = 0x80;
inline constexpr uint16_t kAe = 0x100;

inline constexpr uint8_t kEct0 = 2;
inline constexpr uint8_t kCe = 3;

enum class PacketKind : uint8_t { kMalformed, kArp, kTcp, kIcmp, kOther };

// One frame, decoded. Spans point into the frame.
struct Packet {
  PacketKind kind = PacketKind::kMalformed;
  const char* problem = nullptr;  // the first thing that is wrong with the frame, if anything
  MacAddress destination_mac;
  MacAddress source_mac;

  // IPv4, host order.
  uint32_t source_ip = 0;
  uint32_t destination_ip = 0;
  uint16_t ip_bytes = 0;
  uint8_t ttl = 0;
  uint8_t ecn = 0;
  uint8_t protocol = 0;
  bool dont_fragment = false;
  bool ip_checksum_good = false;
  bool l4_checksum_good = false;

  // TCP.
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint16_t window = 0;
  uint16_t option_bytes = 0;
  uint16_t flags = 0;
  std::optional<uint16_t> mss;
  std::optional<uint8_t> window_shift;
  bool sack_permitted = false;
  bool fast_open = false;
  bool has_timestamps = false;
  uint32_t ts_value = 0;
  uint32_t ts_echo = 0;
  uint8_t sack_count = 0;
  std::array<std::array<uint32_t, 2>, 4> sack{};
  std::span<const std::byte> payload;

  // ARP and ICMP.
  bool arp_request = false;
  uint32_t arp_sender_ip = 0;
  uint32_t arp_target_ip = 0;
  MacAddress arp_sender_mac;
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;

  [[nodiscard]] bool has(uint16_t bits) const { return (flags & bits) != 0; }
  // AE, CWR and ECE as one number.
  [[nodiscard]] uint8_t ace() const { return (flags >> 6) & 7; }
  // Sequence numbers used: payload, SYN and FIN.
  [[nodiscard]] uint32_t length() const {
    return static_cast<uint32_t>(payload.size()) + (has(kSyn) ? 1 : 0) + (has(kFin) ? 1 : 0);
  }
};

// Ensures: kind is kMalformed, or the headers of that kind are whole; checksums and options may
// still be wrong, `problem` says so.
Packet decode(std::span<const std::byte> frame);

// "10.0.0.1:1024 > 10.0.0.2:80 [S.] seq 0:0 ack 1 win 65535 <mss 1460,ws 3>": one line, as tcpdump
// does. Sequence numbers are printed relative to the bases.
std::string format(const Packet& packet, uint32_t seq_base, uint32_t ack_base);

}  // namespace millrace::sim
