// SPDX-License-Identifier: BSD-3-Clause
// Which shard gets a frame of any bytes, against what the core reads in it: whatever the core takes
// for a segment of a tuple, or for an error about one, goes to the owner of that tuple.
#include "flow/steering.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "fuzz/script.h"
#include "wire/frame.h"

namespace {

using namespace millrace;
using fuzz::require;

Sharding sharding() {
  return {.count = 7, .rss_key = flow::random_key(0x4d21), .rss_table = flow::even_table(509, 7)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const flow::Steering steering(sharding());
  // In memory of exactly its size, so that a look beyond it is seen. Sums are a device's to check:
  // hardly any input has right ones.
  const auto bytes = std::make_unique<std::byte[]>(size);
  if (size != 0) std::memcpy(bytes.get(), data, size);
  const RxFrame frame{.data = bytes.get(),
                      .length = static_cast<uint32_t>(size),
                      .ip_checksum = ChecksumVerdict::kGood,
                      .l4_checksum = ChecksumVerdict::kGood};
  const uint16_t recipient = steering.recipient_of(frame);
  require(recipient < steering.shard_count() || recipient == flow::Steering::kAll ||
          recipient == flow::Steering::kAny);

  wire::ParsedFrame parsed;
  switch (wire::parse_frame(frame, parsed)) {
    case wire::FrameKind::kTcp:
      require(recipient == steering.rss().owner_of(parsed.key));
      require(steering.hash_of(frame) == steering.rss().toeplitz().hash(parsed.key));
      break;
    case wire::FrameKind::kArp:
      require(recipient == flow::Steering::kAll);
      break;
    case wire::FrameKind::kIcmp: {
      Counter reason{};
      const std::optional<wire::IcmpMessage> message = wire::parse_icmp(parsed, reason);
      if (message && message->quotes_tcp) {
        require(recipient == steering.rss().owner_of(message->quoted));
      }
      break;
    }
    case wire::FrameKind::kFragment:
      require(recipient == 0);
      break;
    default:
      break;
  }
  return 0;
}
