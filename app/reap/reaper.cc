// SPDX-License-Identifier: BSD-3-Clause
#include "reap/reaper.h"

#include <algorithm>
#include <utility>

namespace millrace::reap {

Reaper::Reaper(std::vector<Survivor> survivors) : waiting_(survivors.begin(), survivors.end()) {}

Result<void> Reaper::start(Shard& shard) {
  shard.set_raw_handler(this);
  began_ = last_heard_ = shard.now();
  return {};
}

void Reaper::turn(Shard& shard) {
  const Instant now = shard.now();
  const bool given_up = now - began_ >= kResolving;
  finished_ = (waiting_.empty() || given_up) && now - last_heard_ >= kListening;
}

// The shard answers by RST.
bool Reaper::on_segment(Shard& shard, const RawSegment& /*segment*/) {
  last_heard_ = shard.now();
  return false;
}

size_t Reaper::transmit(Shard& shard, std::span<TxFrame> out) {
  size_t filled = 0;
  // Those whose next hop is being asked for wait behind the others.
  for (size_t looks = std::min(waiting_.size(), out.size()); looks != 0; --looks) {
    const Survivor survivor = waiting_.front();
    waiting_.pop_front();
    const Result<std::optional<RawPath>> path =
        shard.raw_path(survivor.key.peer, survivor.key.local);
    if (!path) {
      ++no_route_;
    } else if (!*path) {
      waiting_.push_back(survivor);
    } else {
      build_raw(out[filled++], **path,
                {.key = survivor.key, .seq = survivor.snd_nxt, .flags = kRawRst});
      last_heard_ = shard.now();
    }
  }
  resets_ += filled;
  return filled;
}

}  // namespace millrace::reap
