// SPDX-License-Identifier: BSD-3-Clause
// Connections that end by our RST once the peer has acknowledged what was sent on them: an abort at
// once would take the answer with it.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "millrace/shard.h"

namespace millrace::serve {

class ResetList {
 public:
  // One more is reset at once, answered or not.
  static constexpr size_t kWaitingMax = 65'536;

  void add(Shard& shard, ConnectionId id) {
    if (waiting_.capacity() == 0) waiting_.reserve(kWaitingMax);
    if (waiting_.size() == kWaitingMax) {
      shard.abort(id);
    } else {
      waiting_.push_back(id);
    }
  }
  // Once a turn.
  void turn(Shard& shard) {
    for (size_t i = 0; i < waiting_.size();) {
      const std::optional<TcpInfo> info = shard.info(waiting_[i]);
      if (info && (info->unacked_bytes != 0 || info->unsent_bytes != 0)) {
        ++i;
        continue;
      }
      shard.abort(waiting_[i]);  // a stale id does nothing
      waiting_[i] = waiting_.back();
      waiting_.pop_back();
    }
  }
  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  std::vector<ConnectionId> waiting_;
};

}  // namespace millrace::serve
