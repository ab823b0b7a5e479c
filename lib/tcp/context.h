// SPDX-License-Identifier: BSD-3-Clause
// What a step of TCP may use: the time, the memory, the counters, and the options in force. One per
// shard; the shard sets the time at the start of each turn.
#pragma once

#include <cstdint>
#include <vector>

#include "base/slab.h"
#include "millrace/config.h"
#include "millrace/counters.h"
#include "tcp/blocks.h"
#include "tcp/challenge.h"
#include "tcp/connection.h"
#include "tcp/event_ring.h"
#include "tcp/fast_open.h"

namespace millrace::tcp {

struct Context {
  uint32_t tick = 0;             // milliseconds
  uint32_t now_us = 0;           // microseconds modulo 2^32
  uint16_t local_mss = 1460;     // MTU without IPv4 and TCP headers
  uint16_t local_mss_v6 = 1440;  // the same of IPv6
  // What one connection may come to hold in either direction: less than its options say when
  // blocks are scarce. Looked at once in a turn.
  uint32_t share_max = UINT32_MAX;
  uint16_t min_pmtu = 552;     // no path is taken to carry less (ShardConfig::min_pmtu)
  uint32_t tso_bytes_max = 0;  // of segments that leave as one description; 0: each by itself
  Counters* counters = nullptr;
  Blocks* blocks = nullptr;
  base::Slab<Inbox>* inboxes = nullptr;
  base::Slab<Sender>* senders = nullptr;
  base::Slab<Run>* runs = nullptr;
  uint32_t flights = 0;  // Senders that have runs
  const std::vector<TcpOptions>* profiles = nullptr;
  ChallengeBudget challenges;
  FastOpen* fast_open = nullptr;
  EventRing* events = nullptr;
  const Connection* connections = nullptr;  // the first of the shard's, and
  Ace* aces = nullptr;                      // as many of these, and of
  Autotune* autotunes = nullptr;            // these

  [[nodiscard]] Ace& ace(const Connection& c) const { return aces[&c - connections]; }
  [[nodiscard]] Autotune& autotune(const Connection& c) const {
    return autotunes[&c - connections];
  }
  [[nodiscard]] const TcpOptions& options(const Connection& c) const {
    return (*profiles)[c.profile];
  }
  [[nodiscard]] uint16_t local_mss_of(const IpAddress& peer) const {
    return peer.is_v4() ? local_mss : local_mss_v6;
  }
  void count(Counter counter, uint64_t n = 1) { counters->add(counter, n); }
  // What is rare or changes the state, for when the connection ends badly.
  void note(const Connection& c, EventKind kind, uint16_t detail = 0) const {
    events->note({tick, static_cast<uint32_t>(&c - connections), detail, kind, c.state});
  }
};

constexpr uint32_t to_ticks(Duration d) { return static_cast<uint32_t>(d.ns / 1'000'000); }

}  // namespace millrace::tcp
