// SPDX-License-Identifier: BSD-3-Clause
#include "mover.h"

#include <algorithm>
#include <utility>

namespace millrace::sim {

std::vector<Mover::Kept> Mover::turn(Instant now, bool may_begin) {
  if (!under_way_) {
    if (may_begin && random_.chance(chance_)) begin();
    if (!under_way_) return {};
  }
  if (!packed_) {
    Parcel parcel;
    const auto budget = static_cast<uint32_t>(random_.between(1, 40));
    packed_ = !shards_[from_]->pack(now, parcel, budget);
    if (!parcel.empty()) parcels_.push_back(std::move(parcel));
  }
  stuck_ = false;
  while (!stuck_ && !parcels_.empty() && random_.chance(0.7)) {
    stuck_ = !shards_[to_]->unpack(now, parcels_.front());
    if (!stuck_) parcels_.pop_front();
  }
  if (packed_ && parcels_.empty()) {
    under_way_ = false;
    shards_[to_]->set_table(steering_.rss().table());
    return std::exchange(kept_, {});
  }
  std::vector<Kept> known;
  std::vector<Kept> others;
  for (Kept& kept : kept_) {
    RxFrame frame = kept.frame;
    frame.data = kept.bytes.data();
    (is_to_be_kept(frame) ? others : known).push_back(std::move(kept));
  }
  kept_ = std::move(others);
  return known;
}

// One entry, some or all that a shard has go to another.
void Mover::begin() {
  std::vector<uint16_t> table(steering_.rss().table().begin(), steering_.rss().table().end());
  from_ = random_.below(shards_.size());
  to_ = random_.below(shards_.size());
  if (from_ == to_ || !has_entries(from_)) return;
  const double share = random_.pick({0.1, 0.5, 1.0});
  entries_.reset();
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i] != from_ || !random_.chance(share)) continue;
    entries_.set(i);
    table[i] = static_cast<uint16_t>(to_);
  }
  if (entries_.none()) return;
  under_way_ = true;
  packed_ = false;
  ++moves_;
  steering_.set_table(table);
  for (size_t n = 0; n < shards_.size(); ++n) {
    if (n != to_) shards_[n]->set_table(table);
  }
  shards_[from_]->begin_leaving(entries_);
}

bool Mover::keep(size_t shard, const RxFrame& frame) {
  if (!under_way_ || shard != to_ || !is_to_be_kept(frame)) return false;
  Kept kept{{frame.data, frame.data + frame.length}, frame};
  kept.frame.data = nullptr;
  kept_.push_back(std::move(kept));
  return true;
}

bool Mover::is_to_be_kept(const RxFrame& frame) const {
  const auto key = flow::Steering::key_of(frame);
  return key && entries_[steering_.rss().entry_of(*key)] && !shards_[to_]->knows(*key);
}

bool Mover::has_entries(size_t shard) const {
  const auto& table = shards_[shard]->config().sharding.rss_table;
  return std::find(table.begin(), table.end(), shard) != table.end();
}

}  // namespace millrace::sim
