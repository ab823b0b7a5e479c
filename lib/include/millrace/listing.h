// SPDX-License-Identifier: BSD-3-Clause
// Everything that a shard knows of, listed while it works: listeners, half-open entries,
// connections, TIME-WAIT records. In: a filter, and a cursor that begins where it was left. Out:
// entries, each as it is at the moment when the walk comes by. A slice of the walk looks at a
// bounded number of entries, so that a turn in which it runs is hardly longer than others.
//
//     ListCursor cursor;
//     std::array<Listed, ListCursor::kSlice> some;
//     while (!cursor.done()) {
//       const size_t n = shard.list(request, cursor, some);   // a slice: once a turn, say
//       ...
//     }
//
// What lives all through the walk is listed. What moves on meanwhile, from half-open to connection
// to TIME-WAIT, may be listed in both states, but is not missed; what begins or ends meanwhile may
// be listed or not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "millrace/address.h"
#include "millrace/tcp_info.h"
#include "millrace/time.h"

namespace millrace {

struct PortRange {
  uint16_t first = 0;
  uint16_t last = UINT16_MAX;  // included

  [[nodiscard]] bool contains(uint16_t port) const { return first <= port && port <= last; }
};

// What is wanted; all of it unless said otherwise.
struct ListFilter {
  static constexpr uint32_t bit(State state) { return 1u << static_cast<uint32_t>(state); }
  static constexpr uint32_t kAllStates = (1u << kStateCount) - 1;

  uint32_t states = kAllStates;  // bits
  std::optional<Prefix> local;   // of a listener on all addresses: none but 0.0.0.0/0 and ::/0
  std::optional<Prefix> peer;
  PortRange local_ports;
  PortRange peer_ports;  // a listener's is 0

  [[nodiscard]] bool matches(State state, const FlowKey& key) const {
    return (states & bit(state)) != 0 && local_ports.contains(key.local_port) &&
           peer_ports.contains(key.peer_port) && (!local || local->contains(key.local)) &&
           (!peer || peer->contains(key.peer));
  }
};

struct ListRequest {
  ListFilter filter;
  bool counts_only = false;  // ListCursor::counts are wanted, and no entries
};

// What an entry waits for.
enum class TimerKind : uint8_t {
  kNone,
  kRetransmit,  // also of a SYN or SYN-ACK, a loss probe, or RACK's for reordering
  kPersist,     // the next probe of a closed window
  kKeepalive,
  kTimeWait,  // the end of TIME-WAIT, or of FIN-WAIT-2
};

// An entry. Of a listener `info` has state and local end only; of a half-open entry and of a
// TIME-WAIT record also what such a record remembers.
struct Listed {
  TcpInfo info;
  // As in netstat: bytes that the application has not taken; bytes that the peer has not
  // acknowledged. Of a listener: its half-open entries; how many it may have, 0: no bound of its
  // own.
  uint32_t receive_queue = 0;
  uint32_t send_queue = 0;
  TimerKind timer = TimerKind::kNone;
  uint8_t timer_retries = 0;
  Duration timer_left;
  // Buffers, as far as they may grow, and memory that only some connections need.
  uint64_t receive_buffer_bytes = 0;
  uint64_t send_buffer_bytes = 0;
  uint32_t side_bytes = 0;
};

// How far a walk has come; a new one is at the beginning. Only Shard::list() changes it.
class ListCursor {
 public:
  // Entries that a slice looks at, at most.
  static constexpr size_t kSlice = 32;

  [[nodiscard]] bool done() const { return stage_ == Stage::kDone; }
  // Entries that matched so far, by State.
  [[nodiscard]] const std::array<uint64_t, kStateCount>& counts() const { return counts_; }

 private:
  friend class Shard;
  enum class Stage : uint8_t {
    kListeners,
    kHalfOpen,
    kConnections,
    kTimeWaitV4,
    kTimeWaitV6,
    kDone,
  };

  Stage stage_ = Stage::kListeners;
  // Of a slab, indices; of TIME-WAIT, records since the shard began, and deadlines likewise.
  uint64_t next_ = 0;
  uint64_t end_ = 0;
  uint64_t deadline_ = 0;
  uint64_t deadline_begin_ = 0;
  std::array<uint64_t, kStateCount> counts_{};
};

}  // namespace millrace
