// SPDX-License-Identifier: BSD-3-Clause
#include "trace/capture_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <utility>

namespace millrace::trace {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint32_t kMagicMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr size_t kInterfacesMax = 65536;

uint32_t swap32(uint32_t v) { return __builtin_bswap32(v); }

constexpr size_t padded(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

Instant instant_of(uint64_t ticks, int64_t per_second, int64_t offset_seconds) {
  auto rate = static_cast<uint64_t>(per_second);
  const uint64_t seconds = ticks / rate + static_cast<uint64_t>(offset_seconds);
  uint64_t rest = ticks % rate;
  for (; rate >> 33 != 0; rate /= 2) rest /= 2;  // so that the product below has room
  return {static_cast<int64_t>(seconds * 1'000'000'000 + rest * 1'000'000'000 / rate)};
}

// if_tsresol: a power of ten, or of two where the top bit is set. 0: none that we can count in.
int64_t ticks_per_second(uint8_t resolution) {
  const int exponent = resolution & 0x7f;
  if ((resolution & 0x80) != 0) return exponent <= 40 ? int64_t{1} << exponent : 0;
  if (exponent > 12) return 0;
  int64_t ticks = 1;
  for (int i = 0; i < exponent; ++i) ticks *= 10;
  return ticks;
}

}  // namespace

Result<CaptureFile> CaptureFile::open(const std::string& name) {
  if (name == "-") return read(std::make_unique<std::istream>(std::cin.rdbuf()), "stdin");
  auto stream = std::make_unique<std::ifstream>(name, std::ios::binary);
  if (!*stream) return Error{fmt::format("{}: {}", name, std::strerror(errno))};
  return read(std::move(stream), name);
}

Result<CaptureFile> CaptureFile::read(std::unique_ptr<std::istream> stream,
                                      const std::string& name) {
  CaptureFile file(std::move(stream), name);
  if (Result<void> begun = file.begin(); !begun) return begun.error();
  return file;
}

Error CaptureFile::wrong(const std::string& what) const {
  return {fmt::format("{}: at byte {}: {}", name_, at_, what)};
}

// The next bytes into buffer_.
CaptureFile::Got CaptureFile::get(size_t bytes) {
  at_ += buffer_.size();
  buffer_.resize(bytes);
  stream_->read(reinterpret_cast<char*>(buffer_.data()), static_cast<std::streamsize>(bytes));
  const auto got = static_cast<size_t>(stream_->gcount());
  if (got == bytes) return Got::kAll;
  buffer_.resize(got);
  return got == 0 ? Got::kNothing : Got::kPart;
}

uint32_t CaptureFile::get32(Bytes from, size_t at) const {
  uint32_t value;
  std::memcpy(&value, from.data() + at, sizeof(value));
  return swapped_ ? swap32(value) : value;
}

uint16_t CaptureFile::get16(Bytes from, size_t at) const {
  uint16_t value;
  std::memcpy(&value, from.data() + at, sizeof(value));
  return swapped_ ? static_cast<uint16_t>(value << 8 | value >> 8) : value;
}

Result<void> CaptureFile::begin() {
  if (get(4) != Got::kAll) return wrong("too short for a capture");
  const uint32_t magic = get32(buffer_, 0);
  if (magic == kSectionHeader) {
    next_generation_ = true;
    return begin_section();
  }
  for (const bool swapped : {false, true}) {
    const uint32_t seen = swapped ? swap32(magic) : magic;
    if (seen != kMagicMicroseconds && seen != kMagicNanoseconds) continue;
    swapped_ = swapped;
    if (get(20) != Got::kAll) return wrong("the file ends within its header");
    Interface interface;
    interface.link_type = get32(buffer_, 16) & 0xffff;  // above: the length of a check sequence
    interface.ticks_per_second = seen == kMagicNanoseconds ? 1'000'000'000 : 1'000'000;
    interfaces_.push_back(interface);
    return {};
  }
  return wrong("this is neither pcap nor pcapng");
}

// Behind the type of a section header block.
Result<void> CaptureFile::begin_section() {
  if (get(8) != Got::kAll) return wrong("the file ends within a section header");
  swapped_ = false;
  if (get32(buffer_, 4) != kByteOrderMagic) swapped_ = true;
  if (get32(buffer_, 4) != kByteOrderMagic) return wrong("a section of no known byte order");
  const uint32_t length = get32(buffer_, 0);
  if (length < 28 || length % 4 != 0 || length > kBytesMax) {
    return wrong(fmt::format("a section header of {} bytes", length));
  }
  if (get(length - 12) != Got::kAll) return wrong("the file ends within a section header");
  if (get16(buffer_, 0) != 1) {
    return wrong(fmt::format("pcapng of version {}, which is not known", get16(buffer_, 0)));
  }
  if (get32(buffer_, buffer_.size() - 4) != length) return wrong("a block with two lengths");
  interfaces_.clear();
  return {};
}

Result<bool> CaptureFile::next(CapturedPacket& packet) {
  return next_generation_ ? next_block(packet) : next_record(packet);
}

bool CaptureFile::note_link(uint32_t link_type, CapturedPacket& packet) {
  const std::optional<Link> link = link_of(link_type);
  if (!link) {
    ++unknown_links_;
    return false;
  }
  packet.link = *link;
  return true;
}

// --- pcap ---------------------------------------------------------------------------------------

Result<bool> CaptureFile::next_record(CapturedPacket& packet) {
  for (;;) {
    const Got header = get(16);
    if (header == Got::kNothing) return false;
    if (header == Got::kPart) return wrong("the file ends within the header of a packet");
    const Interface& interface = interfaces_.front();
    const uint32_t seconds = get32(buffer_, 0), fraction = get32(buffer_, 4);
    const uint32_t captured = get32(buffer_, 8);
    if (captured > kBytesMax) return wrong(fmt::format("a packet of {} bytes", captured));
    const auto rate = static_cast<uint64_t>(interface.ticks_per_second);
    packet.time = instant_of(seconds * rate + fraction, interface.ticks_per_second, 0);
    if (get(captured) != Got::kAll && captured != 0) return wrong("the file ends within a packet");
    packet.bytes = buffer_;
    if (note_link(interface.link_type, packet)) return true;
  }
}

// --- pcapng -------------------------------------------------------------------------------------

Result<bool> CaptureFile::next_block(CapturedPacket& packet) {
  constexpr uint32_t kInterface = 1, kSimple = 3, kEnhanced = 6;
  for (;;) {
    const Got type_got = get(4);
    if (type_got == Got::kNothing) return false;
    if (type_got == Got::kPart) return wrong("the file ends within a block");
    const uint32_t type = get32(buffer_, 0);
    if (type == kSectionHeader) {  // the same in both orders
      if (Result<void> begun = begin_section(); !begun) return begun.error();
      continue;
    }
    if (get(4) != Got::kAll) return wrong("the file ends within a block");
    const uint32_t length = get32(buffer_, 0);
    if (length < 12 || length % 4 != 0 || length > kBytesMax) {
      return wrong(fmt::format("a block of {} bytes", length));
    }
    if (get(length - 8) != Got::kAll) return wrong("the file ends within a block");
    if (get32(buffer_, buffer_.size() - 4) != length) return wrong("a block with two lengths");
    const Bytes body = Bytes(buffer_).first(buffer_.size() - 4);
    if (type == kInterface) {
      if (Result<void> read = read_interface(body); !read) return read.error();
    } else if (type == kEnhanced || type == kSimple) {
      const Result<bool> known =
          type == kEnhanced ? read_enhanced(body, packet) : read_simple(body, packet);
      if (!known || *known) return known;
    }
  }
}

Result<void> CaptureFile::read_interface(Bytes body) {
  constexpr uint16_t kEnd = 0, kResolution = 9, kOffset = 14;
  if (body.size() < 8) return wrong("an interface description that is too short");
  if (interfaces_.size() == kInterfacesMax) return wrong("more interfaces than a file may have");
  Interface interface;
  interface.link_type = get16(body, 0);
  interface.snap_bytes = get32(body, 4);
  for (body = body.subspan(8); body.size() >= 4;) {
    const uint16_t code = get16(body, 0);
    const size_t length = get16(body, 2);
    if (code == kEnd) break;
    if (padded(length) > body.size() - 4) return wrong("an option that is longer than its block");
    const Bytes value = body.subspan(4, length);
    if (code == kResolution && length == 1) {
      interface.ticks_per_second = ticks_per_second(std::to_integer<uint8_t>(value[0]));
      if (interface.ticks_per_second == 0) return wrong("times finer than we can count in");
    } else if (code == kOffset && length == 8) {
      interface.offset_seconds = static_cast<int64_t>(
          uint64_t{get32(value, swapped_ ? 0 : 4)} << 32 | get32(value, swapped_ ? 4 : 0));
    }
    body = body.subspan(4 + padded(length));
  }
  interfaces_.push_back(interface);
  return {};
}

Result<bool> CaptureFile::read_enhanced(Bytes body, CapturedPacket& packet) {
  constexpr uint16_t kEnd = 0, kComment = 1;
  if (body.size() < 20) return wrong("a packet block that is too short");
  const uint32_t number = get32(body, 0);
  if (number >= interfaces_.size()) {
    return wrong(fmt::format("a packet of interface {}, which is not described", number));
  }
  const Interface& interface = interfaces_[number];
  const uint64_t ticks = uint64_t{get32(body, 4)} << 32 | get32(body, 8);
  const uint32_t captured = get32(body, 12);
  if (captured > body.size() - 20) return wrong("a packet that is longer than its block");
  packet.time = instant_of(ticks, interface.ticks_per_second, interface.offset_seconds);
  packet.bytes = body.subspan(20, captured);
  packet.comment.clear();
  Bytes options = body.subspan(std::min(body.size(), 20 + padded(captured)));
  while (options.size() >= 4 && get16(options, 0) != kEnd) {
    const size_t length = get16(options, 2);
    if (padded(length) > options.size() - 4) {
      return wrong("an option that is longer than its block");
    }
    if (get16(options, 0) == kComment) {
      packet.comment.assign(reinterpret_cast<const char*>(options.data()) + 4, length);
    }
    options = options.subspan(4 + padded(length));
  }
  return note_link(interface.link_type, packet);
}

Result<bool> CaptureFile::read_simple(Bytes body, CapturedPacket& packet) {
  if (interfaces_.empty()) return wrong("a packet of an interface that is not described");
  if (body.size() < 4) return wrong("a packet block that is too short");
  const Interface& interface = interfaces_.front();
  uint32_t captured = get32(body, 0);
  if (interface.snap_bytes != 0) captured = std::min(captured, interface.snap_bytes);
  if (captured > body.size() - 4) return wrong("a packet that is longer than its block");
  packet.bytes = body.subspan(4, captured);  // such a packet has no time: that of the one before
  packet.comment.clear();
  return note_link(interface.link_type, packet);
}

}  // namespace millrace::trace
