// SPDX-License-Identifier: BSD-3-Clause
// Reads captures packet by packet: pcap in both byte orders, in microseconds or nanoseconds, and
// pcapng. A file is input that anybody may have made: whatever is wrong with it is one sentence
// that says where, and nothing in it makes us ask for more memory than a packet may take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/result.h"
#include "millrace/time.h"
#include "trace/segment.h"

namespace millrace::trace {

struct CapturedPacket {
  Instant time;  // since 1970
  Link link = Link::kEthernet;
  std::span<const std::byte> bytes;  // valid until the next one is read
  std::string comment;               // pcapng only
};

class CaptureFile {
 public:
  // A packet, or a block of pcapng, of more bytes is no packet.
  static constexpr uint32_t kBytesMax = 1u << 24;

  // `name` is what messages call it. Errors: it cannot be opened, or is no capture. "-": stdin.
  static Result<CaptureFile> open(const std::string& name);
  static Result<CaptureFile> read(std::unique_ptr<std::istream> stream, const std::string& name);

  // False at the end. Errors: what follows makes no sense; packets before it were good. Packets of
  // link types that we do not know are passed over.
  Result<bool> next(CapturedPacket& packet);
  [[nodiscard]] uint64_t unknown_links() const { return unknown_links_; }

 private:
  // What one interface of a pcapng says of its packets, or a pcap file of all.
  struct Interface {
    uint32_t link_type = 0;
    uint32_t snap_bytes = 0;
    int64_t ticks_per_second = 1'000'000;
    int64_t offset_seconds = 0;
  };
  enum class Got : uint8_t { kAll, kNothing, kPart };

  CaptureFile(std::unique_ptr<std::istream> stream, std::string name)
      : stream_(std::move(stream)), name_(std::move(name)) {}
  [[nodiscard]] Error wrong(const std::string& what) const;
  Got get(size_t bytes);
  [[nodiscard]] uint16_t get16(std::span<const std::byte> from, size_t at) const;
  [[nodiscard]] uint32_t get32(std::span<const std::byte> from, size_t at) const;
  Result<void> begin();
  Result<void> begin_section();
  Result<bool> next_record(CapturedPacket& packet);
  Result<bool> next_block(CapturedPacket& packet);
  Result<void> read_interface(std::span<const std::byte> body);
  Result<bool> read_enhanced(std::span<const std::byte> body, CapturedPacket& packet);
  Result<bool> read_simple(std::span<const std::byte> body, CapturedPacket& packet);
  bool note_link(uint32_t link_type, CapturedPacket& packet);

  std::unique_ptr<std::istream> stream_;
  std::string name_;
  uint64_t at_ = 0;  // bytes read before buffer_
  std::vector<std::byte> buffer_;
  bool swapped_ = false;
  bool next_generation_ = false;  // pcapng
  std::vector<Interface> interfaces_;
  uint64_t unknown_links_ = 0;
};

}  // namespace millrace::trace
