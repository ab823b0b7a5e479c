// SPDX-License-Identifier: BSD-3-Clause
#include "stack/survivors.h"

#include <cstring>

#include "tcp/connection.h"

namespace millrace::stack {
namespace {

static_assert(kSurvivorBytes == sizeof(tcp::Connection));

bool has_peer(const tcp::Connection& c) {
  const bool open =
      c.state == State::kSynSent || c.state == State::kSynReceived || tcp::is_open(c.state);
  return open && c.key.local_port != 0 && c.key.peer_port != 0 && !c.key.peer.is_unspecified() &&
         c.key.local.is_v4() == c.key.peer.is_v4();
}

}  // namespace

void add_survivors(std::span<const std::byte> memory, std::vector<Survivor>& survivors) {
  tcp::Connection c;
  for (; memory.size() >= sizeof c; memory = memory.subspan(sizeof c)) {
    std::memcpy(&c, memory.data(), sizeof c);
    if (has_peer(c)) survivors.push_back({c.key, c.state, c.snd_nxt.raw()});
  }
}

}  // namespace millrace::stack
