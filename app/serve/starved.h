// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "millrace/shard.h"

namespace millrace::serve {

// After a send() that took nothing: whether that was for want of memory, not of room in the send
// buffer. on_writable would follow when others have given theirs back, whenever that is; a server
// that is short of memory ends such a connection instead, and tells the client at once.
inline bool starved(const Shard& shard, ConnectionId id) {
  const std::optional<TcpInfo> info = shard.info(id);
  if (!info || (info->state != State::kEstablished && info->state != State::kCloseWait)) {
    return false;
  }
  return info->unsent_bytes == 0 && info->unacked_bytes == 0;
}

}  // namespace millrace::serve
