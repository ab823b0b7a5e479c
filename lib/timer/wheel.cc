// SPDX-License-Identifier: BSD-3-Clause
// How nodes find their slots and come down from level to level. The header draws the wheel.
#include "timer/wheel.h"

#include <algorithm>
#include <bit>

namespace millrace::timer {
namespace {

// Whether `tick` is at or before `now`, by signed distance.
constexpr bool reached(uint32_t now, uint32_t tick) {
  return static_cast<int32_t>(now - tick) >= 0;
}

}  // namespace

Wheel::Wheel(std::byte* first_node, size_t stride, uint32_t now)
    : first_node_(first_node), stride_(stride), position_(now), horizon_(now) {
  for (uint32_t list = 0; list < kListCount; ++list) {
    lists_[list] = {list | kListBit, list | kListBit};
  }
}

void Wheel::arm(uint32_t index, uint32_t deadline) {
  MR_DCHECK(index < kListBit);
  Node& armed_node = node(index);
  MR_DCHECK(!armed_node.linked());
  armed_node.deadline = deadline;
  // Compared with the horizon, not the position: while the wheel is behind, what is over is over.
  if (reached(horizon_, deadline)) {
    link_last(kLate, index);
  } else {
    place(index);
  }
  ++armed_count_;
}

void Wheel::disarm(uint32_t index) {
  MR_DCHECK(armed(index));
  unlink(node(index));
  --armed_count_;
}

void Wheel::move(uint32_t index, uint32_t deadline) {
  if (armed(index)) disarm(index);
  arm(index, deadline);
}

bool Wheel::due(uint32_t now) const {
  if (occupied(kReady) || occupied(kLate)) return true;
  if (!behind()) {
    const std::optional<Slot> slot = first_ahead();
    if (!slot || !reached(now, slot->start)) return false;
  }
  const std::optional<uint32_t> earliest = next_expiry();
  return earliest && reached(now, *earliest);
}

// The earliest deadline; of a slot with more than `walk_max` nodes, the tick at which it begins.
std::optional<uint32_t> Wheel::earliest(uint32_t walk_max) const {
  if (armed_count_ == 0) return std::nullopt;
  if (occupied(kReady) || occupied(kLate)) return horizon_;
  uint32_t distance = UINT32_MAX;
  // A slot that is half moved down may hold deadlines before and after those below it.
  for (uint32_t level = 1; level < kLevelCount; ++level) {
    const uint32_t list = current_list(level);
    if (occupied(list)) distance = std::min(distance, earliest_distance(list, position_, walk_max));
  }
  if (const std::optional<Slot> slot = first_ahead()) {
    distance =
        std::min(distance, slot->level == 0 ? slot->start - position_
                                            : earliest_distance(slot->list, slot->start, walk_max));
  }
  return position_ + distance;
}

// Puts the node behind the last of the list.
void Wheel::link_last(uint32_t list, uint32_t index) {
  Ends& ends = lists_[list];
  Node& linked_node = node(index);
  linked_node.next = list | kListBit;
  linked_node.prev = ends.prev;
  next_of(ends.prev) = index;
  ends.prev = index;
  occupied_[list / 64] |= uint64_t{1} << (list % 64);
}

// Moves all nodes of `from` behind the last of `list`, in their order, however many there are.
void Wheel::splice_last(uint32_t list, uint32_t from) {
  if (!occupied(from)) return;
  Ends& source = lists_[from];
  Ends& target = lists_[list];
  node(source.next).prev = target.prev;
  next_of(target.prev) = source.next;
  node(source.prev).next = list | kListBit;
  target.prev = source.prev;
  source = {from | kListBit, from | kListBit};
  occupied_[from / 64] &= ~(uint64_t{1} << (from % 64));
  occupied_[list / 64] |= uint64_t{1} << (list % 64);
}

// Links an unlinked node where its deadline belongs.
// Requires: the deadline is at or after the position.
void Wheel::place(uint32_t index) {
  const uint32_t deadline = node(index).deadline;
  const auto high_bit = 31u - static_cast<uint32_t>(std::countl_zero((deadline ^ position_) | 1u));
  const uint32_t level = high_bit / kLevelBits;
  const uint32_t slot = (deadline >> (level * kLevelBits)) % kSlotCount;
  link_last(level * kSlotCount + slot, index);
}

// Makes everything ready that is due at `now`, or as much as the moves allow.
void Wheel::collect(uint32_t now, uint64_t moves_max) {
  if (reached(now, horizon_)) horizon_ = now;
  splice_last(kReady, kLate);
  for (uint64_t moves_left = moves_max; moves_left != 0;) {
    if (!cascade(moves_left)) return;
    if (occupied(current_list(0))) {
      splice_last(kReady, current_list(0));
      if (moves_left != 0) --moves_left;
    }
    if (position_ == horizon_) return;
    step();
  }
}

// Moves the nodes of the slots that the position is in down to where they belong now.
// Ensures: false when moves ran out before the end; the rest is found again next time.
bool Wheel::cascade(uint64_t& moves_left) {
  for (uint32_t level = kLevelCount - 1; level != 0; --level) {
    const uint32_t list = current_list(level);
    while (occupied(list)) {
      if (moves_left == 0) return false;
      --moves_left;
      const uint32_t index = lists_[list].next;
      unlink(node(index));
      place(index);
    }
  }
  return true;
}

// Moves the position to the next slot that holds anything, or to the horizon if that is nearer.
// Requires: the slots that the position is in are empty.
void Wheel::step() {
  const std::optional<Slot> slot = first_ahead();
  const bool within = slot && slot->start - position_ <= horizon_ - position_;
  position_ = within ? slot->start : horizon_;
}

// Whether moves ran out while a slot was being moved down.
bool Wheel::behind() const {
  return occupied(current_list(1)) || occupied(current_list(2)) || occupied(current_list(3));
}

// The slot of a level that the position is in.
uint32_t Wheel::current_list(uint32_t level) const {
  return level * kSlotCount + (position_ >> (level * kLevelBits)) % kSlotCount;
}

// The first occupied slot of a level from `slot` on, kSlotCount when there is none.
uint32_t Wheel::first_occupied(uint32_t level, uint32_t slot) const {
  const uint64_t* words = occupied_ + level * (kSlotCount / 64);
  uint64_t mask = ~uint64_t{0} << (slot % 64);
  for (uint32_t word = slot / 64; word < kSlotCount / 64; ++word) {
    const uint64_t bits = words[word] & mask;
    if (bits != 0) return word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
    mask = ~uint64_t{0};
  }
  return kSlotCount;
}

// The earliest slot that holds anything, those of a higher level that the position is in left out.
std::optional<Wheel::Slot> Wheel::first_ahead() const {
  for (uint32_t level = 0; level < kLevelCount; ++level) {
    const uint32_t shift = level * kLevelBits;
    const uint32_t here = (position_ >> shift) % kSlotCount;
    uint32_t slot = first_occupied(level, level == 0 ? here : here + 1);
    if (slot == kSlotCount && level == kLevelCount - 1) {
      slot = first_occupied(level, 0);
      if (slot >= here) slot = kSlotCount;
    }
    if (slot == kSlotCount) continue;
    const auto above = static_cast<uint32_t>(~uint64_t{0} << (shift + kLevelBits));
    return Slot{level, level * kSlotCount + slot, (position_ & above) | (slot << shift)};
  }
  return std::nullopt;
}

// From the position to the earliest deadline of a list that is not empty, or to `start` where the
// list is too long to walk.
uint32_t Wheel::earliest_distance(uint32_t list, uint32_t start, uint32_t walk_max) const {
  uint32_t distance = UINT32_MAX;
  for (uint32_t index = lists_[list].next; (index & kListBit) == 0; index = node(index).next) {
    if (walk_max-- == 0) return start - position_;
    distance = std::min(distance, node(index).deadline - position_);
  }
  return distance;
}

}  // namespace millrace::timer
