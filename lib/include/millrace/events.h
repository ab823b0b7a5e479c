// SPDX-License-Identifier: BSD-3-Clause
// What happened to a connection before it ended badly. A shard keeps the last events of all its
// connections together in one ring (ShardConfig::events_max): changes of state and what is rare,
// but no segment that goes as it should. When a connection ends otherwise than by FINs of both
// sides, its last events are taken out of it, at most kBadEndsPerSecond times a second.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/address.h"
#include "millrace/app.h"
#include "millrace/tcp_info.h"

namespace millrace {

enum class EventKind : uint8_t {
  kOpened,           // connect()
  kAccepted,         // of a listener
  kMoved,            // it came from another shard, where what happened before is left
  kState,            // the state changed
  kTimeout,          // retransmission timeout (RFC 6298); detail: how many in a row
  kFastRecovery,     // acknowledgements told of a loss
  kUndo,             // which was none
  kLossProbe,        // a tail loss probe was sent (RFC 8985)
  kKeepaliveProbe,   // detail: unanswered, with this one
  kWindowProbe,      // of a closed window; detail: the same
  kChallenge,        // a challenge ACK was sent (RFC 5961)
  kOldTimestamp,     // a segment was refused by PAWS (RFC 7323)
  kOutOfOrderLost,   // a segment ahead of a gap found no room
  kReceiveOverflow,  // bytes in order found no room
};
inline constexpr size_t kEventKindCount = 14;

// "timeout", "fast-recovery", ...
std::string_view to_string(EventKind kind);

struct ConnectionEvent {
  uint32_t age_ms = 0;  // before the end
  EventKind kind = EventKind::kOpened;
  State state = State::kClosed;  // behind it
  uint16_t detail = 0;
};

inline constexpr uint32_t kBadEndsPerSecond = 10;

struct BadEnd {
  static constexpr size_t kEventsMax = 16;

  FlowKey key;
  ConnectionId id;
  CloseReason reason = CloseReason::kNormal;
  State state = State::kClosed;  // that it ended in
  bool cut = false;              // older events are not known any more, or do not fit
  uint8_t event_count = 0;
  std::array<ConnectionEvent, kEventsMax> events;  // the oldest first
  uint32_t untold = 0;                             // bad ends since the one before, beyond the rate
};

// One line: "10.0.0.1:80 to 10.0.0.2:40000 ended in ESTABLISHED, peer-reset: -1.200 s accepted,
// ...".
std::string to_string(const BadEnd& end);

}  // namespace millrace
