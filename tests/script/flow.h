// SPDX-License-Identifier: BSD-3-Clause
// What the tester knows of one pair of ports, and how it writes segments down relative to it: text
// of a script into a Segment, a Segment of the host into text, and the two compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "frame.h"
#include "millrace/app.h"
#include "millrace/time.h"
#include "script.h"

namespace script {

inline constexpr uint32_t kLocalIp = 0x0a000001;  // 10.0.0.1, the host
inline constexpr uint32_t kPeerIp = 0x0a000002;   // 10.0.0.2, the script
inline constexpr millrace::MacAddress kLocalMac{{2, 0, 0, 0, 0, 1}};
inline constexpr millrace::MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};

// The script's first initial sequence number: its second byte has number 0.
inline constexpr uint32_t kPeerIsn = 0xfffffffe;

struct Event {
  millrace::Instant time;
  std::string what;  // as an event line writes it
};

struct Flow {
  uint16_t peer_port = 0, local_port = 0;
  uint32_t peer_isn = kPeerIsn;
  std::optional<uint32_t> local_isn;  // learned from the host's SYN
  std::optional<uint32_t> ts_base;    // the host's timestamp at 0 ms
  uint32_t ts_latest = 0;             // the last that the host sent

  std::optional<millrace::ConnectionId> connection;
  bool waits_for_accept = false;
  bool reading = true;
  uint64_t wanted = 0;  // bytes that a receive line is asking for
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_claimed = 0;  // of those, by receive lines
  std::vector<Event> events;   // not claimed yet
};

// The byte at `offset` of what the script, or the host's application, writes: each place in a
// stream has its own, so a byte out of place is noticed.
std::byte peer_byte(uint64_t offset);
std::byte local_byte(uint64_t offset);

// What a < line puts on the wire.
Segment build(const SegmentLine& line, const Flow& flow);

// What an icmp line says of the host's segment.
IcmpError build(const IcmpLine& line, const Flow& flow);

// How a segment of the host differs from a > line; empty when it does not.
std::string difference(const SegmentLine& line, const Segment& segment, const Flow& flow);

// A segment as a script would write it; `from_host` says whose numbers are whose.
std::string format(const Segment& segment, const Flow& flow, bool from_host);

}  // namespace script
