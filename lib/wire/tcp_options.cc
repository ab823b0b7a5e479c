// SPDX-License-Identifier: BSD-3-Clause
// The walk over option bytes, and the options that are not on every segment. Contracts and rules
// are in the header. RFC 9293 section 3.2, RFC 7323, RFC 2018.
#include "wire/tcp_options.h"

namespace millrace::wire {
namespace {

constexpr uint8_t kEndOfList = 0;
constexpr uint8_t kNop = 1;
constexpr uint8_t kMss = 2;
constexpr uint8_t kWindowScale = 3;
constexpr uint8_t kSackPermitted = 4;
constexpr uint8_t kSack = 5;
constexpr uint8_t kTimestamps = 8;
constexpr uint8_t kUserTimeout = 28;
constexpr uint8_t kFastOpen = 34;

constexpr uint8_t kMssBytes = 4;
constexpr uint8_t kWindowScaleBytes = 3;
constexpr uint8_t kSackPermittedBytes = 2;
constexpr uint8_t kTimestampsOptionBytes = 10;
constexpr uint8_t kSackBlockBytes = 8;
constexpr uint8_t kUserTimeoutBytes = 4;

// RFC 7413 section 4.1.1: an even number of 4 to 16 bytes, or none.
bool is_fast_open_length(uint8_t bytes) {
  return bytes == 2 || (bytes >= 6 && bytes <= kFastOpenMaxBytes && bytes % 2 == 0);
}

// One option whose `bytes` (at least 2) lie within the header.
void take_option(const std::byte* option, uint8_t bytes, Segment& segment) {
  const bool syn = (segment.flags & kSyn) != 0;
  switch (load8(option)) {
    case kMss:
      if (syn && bytes == kMssBytes) segment.mss = load_be16(option + 2);
      break;
    case kWindowScale:
      // 255 is our word for "no option"; RFC 7323 section 2.3 reads it as 14 either way.
      if (syn && bytes == kWindowScaleBytes) {
        segment.window_shift = std::min<uint8_t>(load8(option + 2), kNoWindowShift - 1);
      }
      break;
    case kSackPermitted:
      if (syn && bytes == kSackPermittedBytes) segment.sack_permitted = true;
      break;
    case kSack:
      if (!syn && bytes >= 2 + kSackBlockBytes && (bytes - 2) % kSackBlockBytes == 0) {
        segment.sack_count = static_cast<uint8_t>((bytes - 2) / kSackBlockBytes);
        segment.sack_blocks = option + 2;
      }
      break;
    case kTimestamps:
      if (bytes == kTimestampsOptionBytes) {
        segment.has_timestamps = true;
        segment.ts_value = load_be32(option + 2);
        segment.ts_echo = load_be32(option + 6);
      }
      break;
    case kUserTimeout:
      if (bytes == kUserTimeoutBytes) segment.user_timeout = load_be16(option + 2);
      break;
    case kFastOpen:
      if (syn && is_fast_open_length(bytes)) {
        segment.fast_open_length = bytes;
        segment.sack_blocks = option + 2;
      }
      break;
    default:
      break;  // RFC 9293 MUST-6
  }
}

size_t write_sack(std::byte* to, const SegmentHeader& header) {
  const uint8_t count = sack_blocks_sent(header);
  store8(to, kNop);
  store8(to + 1, kNop);
  store8(to + 2, kSack);
  store8(to + 3, static_cast<uint8_t>(2 + kSackBlockBytes * count));
  size_t at = 4;
  for (uint8_t i = 0; i < count; ++i, at += kSackBlockBytes) {
    store_be32(to + at, header.sack[i].begin.raw());
    store_be32(to + at + 4, header.sack[i].end.raw());
  }
  return at;
}

}  // namespace

bool walk_tcp_options(const std::byte* options, size_t bytes, Segment& segment) {
  size_t at = 0;
  while (at < bytes) {
    const uint8_t kind = load8(options + at);
    if (kind == kEndOfList) return true;
    if (kind == kNop) {
      ++at;
      continue;
    }
    if (at + 1 == bytes) return false;  // no room for a length
    const uint8_t length = load8(options + at + 1);
    if (length < 2 || at + length > bytes) return false;
    take_option(options + at, length, segment);
    at += length;
  }
  return true;
}

size_t write_rare_tcp_options(std::byte* to, const SegmentHeader& header) {
  size_t at = 0;
  const bool syn = (header.flags & kSyn) != 0;
  if (syn && header.mss != 0) {
    store8(to, kMss);
    store8(to + 1, kMssBytes);
    store_be16(to + 2, header.mss);
    at += 4;
  }
  if (header.has_timestamps) {
    write_timestamps(to + at, header.ts_value, header.ts_echo);
    at += kTimestampsBytes;
  }
  if (syn && header.sack_permitted) {
    std::byte* place = to + at;
    if (header.has_timestamps) {
      place -= kTimestampsBytes;  // over the two NOPs
    } else {
      store8(place, kNop);
      store8(place + 1, kNop);
      place += 2;
      at += 4;
    }
    store8(place, kSackPermitted);
    store8(place + 1, kSackPermittedBytes);
  }
  if (syn && header.window_shift != kNoWindowShift) {
    store8(to + at, kNop);
    store8(to + at + 1, kWindowScale);
    store8(to + at + 2, kWindowScaleBytes);
    store8(to + at + 3, header.window_shift);
    at += 4;
  }
  if (syn && header.fast_open_length != 0) {
    for (; (at + header.fast_open_length) % 4 != 0; ++at) store8(to + at, kNop);
    store8(to + at, kFastOpen);
    store8(to + at + 1, header.fast_open_length);
    std::copy_n(header.fast_open_cookie, header.fast_open_length - 2, to + at + 2);
    at += header.fast_open_length;
  }
  if (!syn && header.sack_count != 0) at += write_sack(to + at, header);
  if (header.user_timeout != 0) {
    store8(to + at, kUserTimeout);
    store8(to + at + 1, kUserTimeoutBytes);
    store_be16(to + at + 2, header.user_timeout);
    at += 4;
  }
  return at;
}

SackBlock Segment::sack_block(uint8_t index) const {
  const std::byte* block = sack_blocks + size_t{kSackBlockBytes} * index;
  return {SeqNum(load_be32(block)), SeqNum(load_be32(block + 4))};
}

}  // namespace millrace::wire
