// SPDX-License-Identifier: BSD-3-Clause
// Frames and captures as bytes, for tests of who reads them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "millrace/raw.h"

namespace millrace::trace {

inline std::vector<std::byte> frame_of(const RawSegment& segment) {
  RawPath path;
  path.ethernet[0] = std::byte{2};
  path.ethernet[12] = std::byte{segment.key.local.is_v4() ? uint8_t{0x08} : uint8_t{0x86}};
  path.ethernet[13] = std::byte{segment.key.local.is_v4() ? uint8_t{0x00} : uint8_t{0xdd}};
  TxFrame described;
  build_raw(described, path, segment);
  std::vector<std::byte> out(described.total_bytes());
  write_frame(described, out);
  return out;
}

// Writes numbers in one byte order.
class Ink {
 public:
  explicit Ink(bool big_endian) : big_endian_(big_endian) {}

  Ink& u16(uint16_t v) { return number(v, 2); }
  Ink& u32(uint32_t v) { return number(v, 4); }
  Ink& bytes(const std::vector<std::byte>& v) {
    text_.append(reinterpret_cast<const char*>(v.data()), v.size());
    return *this;
  }
  Ink& text(const std::string& v) {
    text_ += v;
    return *this;
  }
  Ink& pad() {
    text_.resize((text_.size() + 3) & ~size_t{3});
    return *this;
  }
  [[nodiscard]] const std::string& str() const { return text_; }

 private:
  Ink& number(uint32_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      text_ += static_cast<char>(v >> 8 * (big_endian_ ? bytes - 1 - i : i));
    }
    return *this;
  }

  bool big_endian_;
  std::string text_;
};

inline std::string pcap_of(const std::vector<std::vector<std::byte>>& frames,
                           bool big_endian = false, bool nanoseconds = false) {
  Ink ink(big_endian);
  ink.u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4).u16(2).u16(4).u32(0).u32(0).u32(65535).u32(1);
  for (const auto& frame : frames) {
    const auto length = static_cast<uint32_t>(frame.size());
    ink.u32(7).u32(nanoseconds ? 5000 : 5).u32(length).u32(length).bytes(frame);
  }
  return ink.str();
}

inline std::string block(bool big_endian, uint32_t type, const Ink& body) {
  const std::string padded = Ink(body).pad().str();
  const auto length = static_cast<uint32_t>(padded.size() + 12);
  return Ink(big_endian).u32(type).u32(length).text(padded).u32(length).str();
}

inline std::string pcapng_of(const std::vector<std::vector<std::byte>>& frames,
                             bool big_endian = false) {
  std::string out = block(big_endian, 0x0a0d0d0a,
                          Ink(big_endian).u32(0x1a2b3c4d).u16(1).u16(0).u32(~0u).u32(~0u));
  Ink nanoseconds(big_endian);
  nanoseconds.u16(1).u16(0).u32(0).u16(9).u16(1).text("\x09").pad().u16(0).u16(0);
  out += block(big_endian, 1, nanoseconds);
  for (const auto& frame : frames) {
    const auto length = static_cast<uint32_t>(frame.size());
    Ink packet(big_endian);
    packet.u32(0).u32(1).u32(2705037704).u32(length).u32(length).bytes(frame).pad();  // 7.000005 s
    packet.u16(1).u16(5).text("hello").pad().u16(0).u16(0);
    out += block(big_endian, 6, packet);
  }
  return out;
}

}  // namespace millrace::trace
