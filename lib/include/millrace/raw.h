// SPDX-License-Identifier: BSD-3-Clause
// Segments beside the connections of a shard: for a program that says or hears TCP without being an
// endpoint of it, such as a SYN flood. The shard still answers ARP and finds the next hop.
//
//     auto path = shard.raw_path(target);       // a value once ARP has answered
//     ...  in RawHandler::transmit():  build_raw(frames[i], **path, {.key = ..., .flags =
//     kRawSyn});
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/address.h"
#include "millrace/frame.h"

namespace millrace {

class Shard;

// Control bits as they lie in the header (RFC 9293 section 3.1).
inline constexpr uint8_t kRawFin = 0x01;
inline constexpr uint8_t kRawSyn = 0x02;
inline constexpr uint8_t kRawRst = 0x04;
inline constexpr uint8_t kRawPsh = 0x08;
inline constexpr uint8_t kRawAck = 0x10;

struct RawSegment {
  static constexpr uint8_t kNoWindowShift = 0xff;

  FlowKey key;  // seen from here: `local` is ours, also of a segment that arrived
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint16_t window = 65535;  // unscaled
  uint8_t flags = 0;
  // Options; all but timestamps on SYN only.
  uint8_t window_shift = kNoWindowShift;
  uint16_t mss = 0;  // 0: none
  bool sack_permitted = false;
  bool has_timestamps = false;
  uint32_t ts_value = 0;
  uint32_t ts_echo = 0;
};

// How frames reach a peer. Good for the turn it was asked in: a neighbour's address may change.
struct RawPath {
  std::array<std::byte, 14> ethernet{};
  uint8_t ttl = 64;
  Vlan vlan;
};

// A frame with that segment, and no payload. Requires: both addresses of one family.
void build_raw(TxFrame& frame, const RawPath& path, const RawSegment& segment);

// Calls are made on the shard's own thread, during its turn.
class RawHandler {
 public:
  virtual ~RawHandler() = default;
  // A sound segment to one of our addresses, of no connection, that no listener takes. False: the
  // shard answers by RST where RFC 9293 section 3.10.7.1 says so. `segment` without payload.
  virtual bool on_segment(Shard& shard, const RawSegment& segment) = 0;
  // Fills frames, at most out.size(); returns how many. Asked when the shard has said what it had
  // to say in this turn, until that is less than all.
  virtual size_t transmit(Shard& shard, std::span<TxFrame> out) = 0;
  // Whether transmit() would fill any.
  [[nodiscard]] virtual bool has_output() const = 0;
};

}  // namespace millrace
