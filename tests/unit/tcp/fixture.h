// SPDX-License-Identifier: BSD-3-Clause
// A connection and all that a step of TCP may use, without a shard around it.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "tcp/connection.h"
#include "tcp/context.h"

namespace millrace::tcp {

class TcpFixture : public ::testing::Test {
 protected:
  static constexpr uint32_t kSmallMax = 512;
  static constexpr uint32_t kLargeMax = 64;
  static constexpr uint32_t kExtraRuns = 64;

  TcpFixture()
      : blocks(*Blocks::create(kSmallMax, kLargeMax, false)),
        inboxes(*base::Slab<Inbox>::create(4, false)),
        senders(*base::Slab<Sender>::create(4, false)),
        runs(*base::Slab<tcp::Run>::create(4 + kExtraRuns, false)),
        profiles(1) {
    ctx.counters = &counters;
    ctx.events = &events;
    ctx.blocks = &blocks;
    ctx.inboxes = &inboxes;
    ctx.senders = &senders;
    ctx.runs = &runs;
    ctx.profiles = &profiles;
    ctx.connections = &c;
    ctx.aces = &ace;
    ctx.autotunes = &autotune;
    c.state = State::kEstablished;
    c.snd_mss = 1000;
    c.rcv_mss = 1000;
  }

  [[nodiscard]] bool all_given_back() const {
    return blocks.small_used() == 0 && blocks.large_used() == 0 && inboxes.used() == 0 &&
           senders.used() == 0 && runs.used() == 0;
  }
  TcpOptions& options() { return profiles[0]; }

  Counters counters;
  Blocks blocks;
  base::Slab<Inbox> inboxes;
  base::Slab<Sender> senders;
  base::Slab<tcp::Run> runs;
  std::vector<TcpOptions> profiles;
  Ace ace;
  Autotune autotune;
  EventRing events{0};
  Context ctx;
  Connection c;
};

}  // namespace millrace::tcp
