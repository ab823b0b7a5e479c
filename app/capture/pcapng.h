// SPDX-License-Identifier: BSD-3-Clause
// Writes pcapng (draft-ietf-opsawg-pcapng), in this machine's byte order: a section, an interface
// for each shard, packets with a comment and a direction, and what was lost at the end. Blocks as
// bytes; where they go is for others to say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::capture {

// With the interfaces: shard 0, 1, ... , as "millrace-0", ...
[[nodiscard]] std::string section_block(size_t shards, uint32_t snap_bytes);

struct PacketHead {
  uint32_t shard = 0;
  int64_t ns = 0;       // since 1970
  uint32_t length = 0;  // on the wire
  bool sent = false;
};
[[nodiscard]] std::string packet_block(const PacketHead& head, std::span<const std::byte> bytes,
                                       std::string_view comment);

// How many packets of a shard the file should have, and has not.
[[nodiscard]] std::string loss_block(uint32_t shard, int64_t ns, uint64_t lost);

}  // namespace millrace::capture
