// SPDX-License-Identifier: BSD-3-Clause
#include "capture/pcapng.h"

#include <fmt/format.h>

#include <utility>

namespace millrace::capture {
namespace {

constexpr uint32_t kSection = 0x0a0d0d0a, kByteOrder = 0x1a2b3c4d;
constexpr uint32_t kInterface = 1, kStatistics = 5, kPacket = 6;
constexpr uint16_t kEnd = 0, kComment = 1;  // options of every block
constexpr uint16_t kApplication = 4;        // of a section
constexpr uint16_t kName = 2, kResolution = 9;
constexpr uint16_t kFlags = 2;    // of a packet
constexpr uint16_t kDropped = 7;  // of statistics: by the operating system, in pcapng's words
constexpr uint16_t kEthernet = 1;

class Block {
 public:
  explicit Block(uint32_t type) { put(type).put(uint32_t{0}); }

  template <typename T>
  Block& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  Block& text(std::string_view text) {
    bytes_ += text;
    bytes_.resize((bytes_.size() + 3) & ~size_t{3});
    return *this;
  }
  Block& option(uint16_t code, std::string_view value) {
    return put(code).put(static_cast<uint16_t>(value.size())).text(value);
  }
  template <typename T>
  Block& number(uint16_t code, T value) {
    return option(code, {reinterpret_cast<const char*>(&value), sizeof(value)});
  }
  Block& time(int64_t ns) {
    const auto ticks = static_cast<uint64_t>(ns);
    return put(static_cast<uint32_t>(ticks >> 32)).put(static_cast<uint32_t>(ticks));
  }
  std::string finish() {
    put(kEnd).put(uint16_t{0});
    const auto length = static_cast<uint32_t>(bytes_.size() + 4);
    bytes_.replace(4, 4, reinterpret_cast<const char*>(&length), 4);
    put(length);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

}  // namespace

std::string section_block(size_t shards, uint32_t snap_bytes) {
  std::string out = Block(kSection)
                        .put(kByteOrder)
                        .put(uint16_t{1})
                        .put(uint16_t{0})
                        .put(int64_t{-1})
                        .option(kApplication, "millrace " MILLRACE_VERSION)
                        .finish();
  for (size_t i = 0; i < shards; ++i) {
    out += Block(kInterface)
               .put(kEthernet)
               .put(uint16_t{0})
               .put(snap_bytes)
               .option(kName, fmt::format("millrace-{}", i))
               .number(kResolution, uint8_t{9})
               .finish();
  }
  return out;
}

std::string packet_block(const PacketHead& head, std::span<const std::byte> bytes,
                         std::string_view comment) {
  constexpr uint32_t kInbound = 1, kOutbound = 2;
  Block block(kPacket);
  block.put(head.shard).time(head.ns).put(static_cast<uint32_t>(bytes.size())).put(head.length);
  block.text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  block.number(kFlags, head.sent ? kOutbound : kInbound);
  if (!comment.empty()) block.option(kComment, comment);
  return block.finish();
}

std::string loss_block(uint32_t shard, int64_t ns, uint64_t lost) {
  return Block(kStatistics).put(shard).time(ns).number(kDropped, lost).finish();
}

}  // namespace millrace::capture
