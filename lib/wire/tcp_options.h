// SPDX-License-Identifier: BSD-3-Clause
// TCP options: the only code that walks option bytes. In: the bytes between the fixed header and
// the payload, sent by anybody. Out: fields of a Segment; and back again from a SegmentHeader.
//
// An unknown kind is skipped by its length, and so is a known kind of the wrong length (RFC 9293
// MUST-6). A length below 2 or past the header's end says that the header is not what its sender
// meant: the segment is refused (MUST-7). An option that comes twice: the last one counts,
// as with Linux and the BSDs. MSS, window scale, SACK-permitted and Fast Open are looked for on SYN
// only, SACK on all others.
// RFC 9293 section 3.2, RFC 7323 sections 2.2 and 3.2, RFC 2018 sections 2 and 3, RFC 5482
// section 3.1, RFC 7413 section 2.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "wire/bytes.h"
#include "wire/segment.h"

namespace millrace::wire {

inline constexpr size_t kTcpOptionsMaxBytes = 40;
inline constexpr size_t kTimestampsBytes = 12;  // with the two NOPs in front
inline constexpr uint8_t kSackBlocksMax = 4;    // 3 beside timestamps
inline constexpr uint8_t kFastOpenMaxBytes = 18;

// NOP, NOP, kind 8, length 10, as load32() sees them: what nearly every segment of a connection
// with timestamps starts its options with (RFC 7323 appendix A).
inline constexpr uint32_t kTimestampsPrefix = 0x0a080101;

// The options of a SYN as Linux lays them out, and we: MSS, SACK-permitted, timestamps, NOP, window
// scale. As load64() sees the first 8 bytes but for the MSS, and load32() the last 4 but for the
// shift.
inline constexpr size_t kSynBytes = 20;
inline constexpr uint64_t kSynFront = 0x0a08'0204'0000'0402;
inline constexpr uint64_t kSynFrontMask = 0xffff'ffff'0000'ffff;
inline constexpr uint32_t kSynBack = 0x03'0301;

// The walk itself; use parse_tcp_options().
[[nodiscard]] bool walk_tcp_options(const std::byte* options, size_t bytes, Segment& segment);

// Requires: segment.flags is set, its option fields have their defaults; `bytes` is readable.
// False when a length makes no sense.
[[nodiscard]] inline bool parse_tcp_options(const std::byte* options, size_t bytes,
                                            Segment& segment) {
  if (bytes == 0) return true;
  if (bytes == kTimestampsBytes && load32(options) == kTimestampsPrefix) [[likely]] {
    segment.has_timestamps = true;
    segment.ts_value = load_be32(options + 4);
    segment.ts_echo = load_be32(options + 8);
    return true;
  }
  if (bytes == kSynBytes && (segment.flags & kSyn) != 0 &&
      (load64(options) & kSynFrontMask) == kSynFront &&
      (load32(options + 16) & 0xff'ffff) == kSynBack) [[likely]] {
    segment.mss = load_be16(options + 2);
    segment.sack_permitted = true;
    segment.has_timestamps = true;
    segment.ts_value = load_be32(options + 8);
    segment.ts_echo = load_be32(options + 12);
    segment.window_shift = std::min<uint8_t>(load8(options + 19), kNoWindowShift - 1);
    return true;
  }
  return walk_tcp_options(options, bytes, segment);
}

// How many SACK blocks fit, of those that the header names.
inline uint8_t sack_blocks_sent(const SegmentHeader& header) {
  const auto room =
      static_cast<uint8_t>(header.has_timestamps ? kSackBlocksMax - 1 : kSackBlocksMax);
  return std::min(header.sack_count, room);
}

// Bytes that write_tcp_options() writes: a multiple of 4, at most 40.
inline size_t tcp_options_bytes(const SegmentHeader& header) {
  size_t bytes = header.has_timestamps ? kTimestampsBytes : 0;
  if ((header.flags & kSyn) != 0) {
    // SACK-permitted takes the place of the two NOPs before timestamps.
    bytes += header.mss != 0 ? 4 : 0;
    bytes += header.sack_permitted && !header.has_timestamps ? 4 : 0;
    bytes += header.window_shift != kNoWindowShift ? 4 : 0;
    bytes += (header.fast_open_length + size_t{3}) & ~size_t{3};
  } else if (header.sack_count != 0) {
    bytes += 4 + size_t{8} * sack_blocks_sent(header);
  }
  return bytes + (header.user_timeout != 0 ? 4 : 0);
}

// All but timestamps alone; use write_tcp_options().
size_t write_rare_tcp_options(std::byte* to, const SegmentHeader& header);

// Writes timestamps with the two NOPs in front.
inline void write_timestamps(std::byte* to, uint32_t value, uint32_t echo) {
  store32(to, kTimestampsPrefix);
  store_be32(to + 4, value);
  store_be32(to + 8, echo);
}

// Requires: room for tcp_options_bytes(header) at `to`. Returns that number.
// Linux's layout: on SYN MSS, SACK-permitted + timestamps (or NOP NOP in its place), NOP window
// scale, NOPs and Fast Open; else NOP NOP timestamps, NOP NOP SACK.
inline size_t write_tcp_options(std::byte* to, const SegmentHeader& header) {
  if ((header.flags & kSyn) != 0 || header.sack_count != 0 || header.user_timeout != 0)
      [[unlikely]] {
    return write_rare_tcp_options(to, header);
  }
  if (!header.has_timestamps) return 0;
  write_timestamps(to, header.ts_value, header.ts_echo);
  return kTimestampsBytes;
}

}  // namespace millrace::wire
