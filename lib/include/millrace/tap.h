// SPDX-License-Identifier: BSD-3-Clause
// What the shards of an engine receive and send, copied for somebody who records it. A worker
// copies into memory that was reserved at the start, and where nobody has fetched what it holds, it
// counts what is lost and goes on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "millrace/address.h"
#include "millrace/tcp_info.h"
#include "millrace/time.h"

namespace millrace {

struct TapConfig {
  static constexpr uint16_t kSnapMax = 2048;

  // Only TCP of these, at either end; where none is set all frames, ARP and ICMP too.
  std::optional<IpAddress> address;
  uint16_t port = 0;           // 0: all
  uint32_t sample = 1;         // one connection of so many, and each of those whole
  uint16_t snap_bytes = 256;   // of each frame at most
  uint32_t frames_max = 8192;  // that wait to be fetched, of each worker; at most 2^20
};

struct TappedFrame {
  Instant time;  // of the engine's clock, at the beginning of the turn
  uint32_t length = 0;
  uint16_t captured = 0;
  bool sent = false;
  // Of TCP: what the connection was when the frame had been received, or was being sent.
  std::optional<State> state;
  std::array<std::byte, TapConfig::kSnapMax> bytes;

  [[nodiscard]] std::span<const std::byte> data() const { return {bytes.data(), captured}; }
};

}  // namespace millrace
