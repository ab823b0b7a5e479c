// SPDX-License-Identifier: BSD-3-Clause
// A host whose shards hand entries of the table to each other (mover.h), and its applications,
// which go along.
#include <algorithm>
#include <memory>
#include <optional>

#include "host.h"
#include "support/alike.h"
#include "world.h"

namespace millrace::sim {

void SimHost::move_entries(Instant now) {
  // Two that open to each other do it at their times.
  const bool may_begin = std::none_of(timers_.begin(), timers_.end(), [&](const Timer& timer) {
    return timer.action == Action::kOpen && world_.connection_of(*timer.end).plan->simultaneous;
  });
  for (const Mover::Kept& kept : mover_->turn(now, may_begin)) {
    const auto memory = std::make_unique<std::byte[]>(kept.bytes.size());
    std::copy(kept.bytes.begin(), kept.bytes.end(), memory.get());
    RxFrame frame = kept.frame;
    frame.data = memory.get();
    ++frames_in_;
    shards_[mover_->receiver()]->receive(now, {&frame, 1});
  }
}

// Nothing while nobody could: what it takes is on its way.
std::optional<uint16_t> SimHost::shard_to_open_at(const ConnectionPlan& plan, const Endpoint& local,
                                                  const Endpoint& peer) {
  if (plan.simultaneous) {
    const FlowKey key{local.address, peer.address, local.port, peer.port};
    if (mover_->is_moving(steering_->rss().entry_of(key))) return std::nullopt;
    return steering_->rss().owner_of(key);
  }
  const auto first = static_cast<uint16_t>(random_.below(shards_.size()));
  for (uint16_t i = 0; i < shards_.size(); ++i) {
    const auto shard = static_cast<uint16_t>((first + i) % shards_.size());
    if (mover_->has_entries(shard)) return shard;
  }
  return std::nullopt;
}

// Whatever is known of a connection is known of it afterwards.
void SimHost::on_leave(Shard& shard, ConnectionRef connection, Parcel& luggage) {
  End* end = end_of(connection, "leaves");
  if (end == nullptr) return;
  end->away = true;
  luggage.put(*shard.info(connection.id));
}

void SimHost::on_arrive(Shard& shard, ConnectionRef connection, Parcel& luggage) {
  End* end = world_.end_by_cookie(connection.cookie);
  if (end == nullptr || !end->alive()) return world_.fail("an arrival that nobody knows");
  if (!end->away) return world_.fail(*end, "arrives, and has not left");
  end->away = false;
  end->id = connection.id;
  end->shard = static_cast<uint16_t>(mover_->receiver());
  if (shards_[end->shard].get() != &shard) return world_.fail(*end, "arrives where it should not");
  ++world_.coverage().moved;
  if (!test::alike(luggage.take<TcpInfo>(), *shard.info(connection.id))) {
    world_.fail(*end, "is another after it has moved");
  }
}

}  // namespace millrace::sim
