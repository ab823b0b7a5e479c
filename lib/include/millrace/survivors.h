// SPDX-License-Identifier: BSD-3-Clause
// Connections that have survived their process. In: the file that ShardConfig::connections_file
// named, when nobody writes there any more. Out: what is needed to tell their peers.
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/address.h"
#include "millrace/result.h"
#include "millrace/tcp_info.h"

namespace millrace {

struct Survivor {
  FlowKey key;
  State state = State::kClosed;
  // Behind the last byte that was sent: a RST with this number ends a peer that has got them all,
  // and has any other say which one it expects (RFC 5961 section 3.2).
  uint32_t snd_nxt = 0;
};

// Those whose peers believe in a connection. A process may have ended in the middle of a step:
// whatever cannot be a connection is left out. Requires: the file was written by this build.
// Errors: the system's, reading the file. Memory: 48 bytes for each.
Result<std::vector<Survivor>> read_survivors(int file);

}  // namespace millrace
