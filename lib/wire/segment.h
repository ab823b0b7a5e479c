// SPDX-License-Identifier: BSD-3-Clause
// TCP segments as values. What arrives is a Segment: fixed header and options decoded once,
// payload as a view. What leaves is a SegmentHeader; its payload goes straight into the TxFrame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/seq.h"

namespace millrace::wire {

// The control bits of RFC 9293 section 3.1 as they lie in the header, and below the data offset the
// one that RFC 9768 adds.
using Flags = uint16_t;
inline constexpr Flags kFin = 0x01;
inline constexpr Flags kSyn = 0x02;
inline constexpr Flags kRst = 0x04;
inline constexpr Flags kPsh = 0x08;
inline constexpr Flags kAck = 0x10;
inline constexpr Flags kUrg = 0x20;
inline constexpr Flags kEce = 0x40;
inline constexpr Flags kCwr = 0x80;
inline constexpr Flags kAe = 0x100;

// AE, CWR and ECE as the number that RFC 9768 makes of them.
inline constexpr uint8_t ace_of(Flags flags) { return (flags >> 6) & 7; }
inline constexpr Flags ace_flags(uint8_t ace) { return static_cast<Flags>((ace & 7) << 6); }

// The ECN field of the IP header (RFC 3168 section 5).
inline constexpr uint8_t kNotEct = 0;
inline constexpr uint8_t kEct1 = 1;
inline constexpr uint8_t kEct0 = 2;
inline constexpr uint8_t kCe = 3;

inline constexpr uint8_t kNoWindowShift = 0xff;
inline constexpr uint8_t kWindowShiftMax = 14;  // RFC 7323 section 2.3

struct SackBlock {
  SeqNum begin;
  SeqNum end;

  friend constexpr bool operator==(SackBlock, SackBlock) = default;
};

// A received segment that passed parse_frame(): SYN, FIN and RST never come together, option
// lengths are sound. Views point into the frame.
struct Segment {
  SeqNum seq;
  SeqNum ack;
  uint16_t window = 0;  // as sent, unscaled
  uint16_t payload_bytes = 0;
  uint8_t ecn = kNotEct;   // of the IP header
  uint8_t sack_count = 0;  // blocks at `sack_blocks`, each 8 bytes, network order
  const std::byte* payload = nullptr;
  Flags flags = 0;
  bool has_timestamps = false;
  bool sack_permitted = false;
  uint8_t window_shift = kNoWindowShift;  // only looked for on SYN; clamped to 14 by the user
  uint16_t mss = 0;                       // 0: no option; only looked for on SYN
  uint32_t ts_value = 0;
  uint32_t ts_echo = 0;
  const std::byte* sack_blocks = nullptr;  // on SYN the Fast Open cookie
  uint16_t user_timeout = 0;  // RFC 5482: minutes if the top bit is set, else seconds; 0: no option
  // Fast Open (RFC 7413) on SYN: the option's length, 2 where a cookie is asked for; 0: no option.
  uint8_t fast_open_length = 0;

  [[nodiscard]] bool has(Flags bits) const { return (flags & bits) != 0; }
  // RFC 9293's SEG.LEN: payload, plus one each for SYN and FIN.
  [[nodiscard]] uint32_t length() const {
    return uint32_t{payload_bytes} + ((flags & kSyn) != 0 ? 1 : 0) + ((flags & kFin) != 0 ? 1 : 0);
  }
  [[nodiscard]] std::span<const std::byte> data() const { return {payload, payload_bytes}; }
  // Requires: there is the option. Empty where a cookie is asked for.
  [[nodiscard]] std::span<const std::byte> fast_open_cookie() const {
    return {sack_blocks, fast_open_length - size_t{2}};
  }
  // Requires: index < sack_count.
  [[nodiscard]] SackBlock sack_block(uint8_t index) const;
};

// A segment to send, without its payload.
struct SegmentHeader {
  SeqNum seq;
  SeqNum ack;
  uint16_t window = 0;
  Flags flags = 0;
  bool has_timestamps = false;
  bool sack_permitted = false;
  uint8_t window_shift = kNoWindowShift;
  uint16_t mss = 0;
  uint8_t sack_count = 0;        // at most 4, at most 3 beside timestamps
  uint16_t user_timeout = 0;     // as in Segment; not beside SACK blocks
  uint8_t ecn = kNotEct;         // for the IP header
  uint8_t dscp = 0;              // the same; of what no connection sends
  uint8_t fast_open_length = 0;  // of the option on SYN, with kind and length; 0: none
  uint32_t ts_value = 0;
  uint32_t ts_echo = 0;
  SackBlock sack[4];
  const std::byte* fast_open_cookie = nullptr;  // fast_open_length - 2 bytes
};

// A received segment of the shape that nearly all have (plain.h): ACK or PSH and ACK, no options
// but timestamps, no ECN mark.
struct Plain {
  uint64_t addresses;  // the peer's, and the local one in the upper half, as they lie
  uint32_t ports;      // the same way
  SeqNum seq;
  SeqNum ack;
  uint32_t ts_value;  // 0 without timestamps, as is the other
  uint32_t ts_echo;
  uint32_t payload_bytes;
  uint16_t window;  // unscaled
  Flags flags;
  bool has_timestamps;
  const std::byte* payload;

  [[nodiscard]] bool has(Flags bits) const { return (flags & bits) != 0; }
};

inline Segment segment_of(const Plain& plain) {
  return {.seq = plain.seq,
          .ack = plain.ack,
          .window = plain.window,
          .payload_bytes = static_cast<uint16_t>(plain.payload_bytes),
          .payload = plain.payload,
          .flags = plain.flags,
          .has_timestamps = plain.has_timestamps,
          .ts_value = plain.ts_value,
          .ts_echo = plain.ts_echo};
}

// One that leaves in the same shape.
struct PlainHeader {
  SeqNum seq;
  SeqNum ack;
  Flags flags;
  uint16_t window;  // scaled already
  bool has_timestamps;
  uint32_t ts_value;
  uint32_t ts_echo;
};

}  // namespace millrace::wire
