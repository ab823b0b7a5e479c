// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "millrace/shard.h"

namespace millrace::serve {

// After a send() that took nothing: whether it will stay so. on_writable follows an
// acknowledgement, and when nothing is under way, because there was no memory for it, none will
// come. Such a connection can only be aborted.
inline bool starved(const Shard& shard, ConnectionId id) {
  const std::optional<TcpInfo> info = shard.info(id);
  if (!info || (info->state != State::kEstablished && info->state != State::kCloseWait)) {
    return false;
  }
  return info->unsent_bytes == 0 && info->unacked_bytes == 0;
}

}  // namespace millrace::serve
