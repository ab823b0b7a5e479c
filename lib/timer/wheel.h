// SPDX-License-Identifier: BSD-3-Clause
// One shard's timers: a hierarchical wheel over 32-bit ticks that wrap. In: nodes with a deadline,
// and the tick that it now is. Out: each node once, at the first advance() that reaches its
// deadline, never before. One tick is one millisecond to all who use it; the wheel does not care.
//
// Four levels of 256 slots, one for each byte of a tick. A node lies at the highest byte in which
// its deadline differs from the wheel's position, in the slot of that byte's value:
//
//   position 0x 00 00 12 34     deadline 0x 00 00 12 99 -> level 0, slot 99   (one deadline)
//                               deadline 0x 00 00 50 07 -> level 1, slot 50   (256 of them)
//                               deadline 0x 00 03 00 00 -> level 2, slot 03   (65536)
//                               deadline 0x 80 00 12 33 -> level 3, slot 80   (2^24)
//
// So whatever is at a lower level is due before whatever is at a higher one, and within a level
// the slots are in order, ahead of the position. The top level goes round, which is how ticks wrap.
// When the position enters a slot of a higher level, its nodes move down; each moves three times at
// most. Occupied slots are found through bitmaps, so a silent hour costs a few words.
//
// Two more lists hold what is due: `ready`, nodes taken from slots the position has passed, fired
// in that order; and `late`, nodes armed with a deadline that was already over, which become ready
// at the next advance(). Nothing that a fired node arms can therefore fire in the same advance().
//
// Must hold: nodes stay where they are while armed. Every armed deadline is less than 2^31 ticks
// from the last advance(), and advance() is called at least once in 2^30 ticks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/check.h"

namespace millrace::timer {

// Sits in the object it times. Only the wheel writes it.
struct Node {
  static constexpr uint32_t kUnlinked = 0xffff'ffffu;

  uint32_t next = kUnlinked;  // a node's index, or the list itself with its top bit set
  uint32_t prev = kUnlinked;
  uint32_t deadline = 0;

  [[nodiscard]] bool linked() const { return next != kUnlinked; }
};
static_assert(sizeof(Node) == 12);

class Wheel {
 public:
  // The node of index i is at first_node + i * stride. `now` is the tick to begin at.
  // Requires: that memory outlives the wheel; indices are below 2^31.
  Wheel(std::byte* first_node, size_t stride, uint32_t now = 0);

  // Lists in nodes name the wheel's lists by number, so a wheel may move.
  Wheel(Wheel&&) = default;
  Wheel& operator=(Wheel&&) = default;
  Wheel(const Wheel&) = delete;
  Wheel& operator=(const Wheel&) = delete;

  // Requires: the node is initialised and not armed; the deadline is less than 2^31 ticks away.
  // Ensures: fires at the first advance() to or past the deadline; when that is over, at the next.
  void arm(uint32_t index, uint32_t deadline);

  // Requires: armed(index). Ensures: it does not fire.
  void disarm(uint32_t index);

  // Sees to it that a node, armed or not, fires no later than at the deadline: leaves it where it
  // is when that is soon enough. So it may fire early; whoever rearms looks at its own deadline
  // then. Requires: as arm().
  void rearm(uint32_t index, uint32_t deadline) {
    const Node& rearmed = node(index);
    if (rearmed.linked() && static_cast<int32_t>(deadline - rearmed.deadline) >= 0) [[likely]]
      return;
    move(index, deadline);
  }

  // Whether the node waits for its deadline, or for its turn after it.
  [[nodiscard]] bool armed(uint32_t index) const { return node(index).linked(); }

  // Moves on to `now` and calls fire(index) for nodes whose deadline is reached, `budget` at most;
  // those left over fire at the next advance, before others. A node is unlinked when fire sees it;
  // fire may arm any unlinked node and disarm any armed one, but not call advance().
  // A `now` before the last one counts as the last one.
  // Nodes moved between levels are bounded too, at kMovesPerFire for each unit of the budget: after
  // a crowded slot begins, fewer than `budget` may fire while some are due. Returns how many fired.
  template <class Fire>
  uint32_t advance(uint32_t now, uint32_t budget, Fire&& fire) {
    collect(now, uint64_t{budget} * kMovesPerFire);
    uint32_t fired = 0;
    while (fired < budget) {
      const uint32_t index = lists_[kReady].next;
      if ((index & kListBit) != 0) break;
      Node& due_node = node(index);
      // The next one is most likely cold, and so is the object around it.
      if ((due_node.next & kListBit) == 0) __builtin_prefetch(&node(due_node.next), 1);
      unlink(due_node);
      --armed_count_;
      ++fired;
      fire(index);
    }
    return fired;
  }

  // Whether an armed deadline is reached at `now`. Costs a few words of bitmap, unless `now` lies
  // in a slot of a higher level that advance() has not entered yet: then a walk of that slot.
  [[nodiscard]] bool due(uint32_t now) const;

  // The earliest armed deadline, exactly. When nodes are due already it is the tick of the last
  // advance(), whatever their deadlines were. Walks one slot when nothing is due before the
  // position's level 0 ends (256 ticks at most).
  [[nodiscard]] std::optional<uint32_t> next_expiry() const { return earliest(UINT32_MAX); }

  // When advance() has something to do, to fire or to move: never after the earliest deadline, and
  // exactly that where few share its slot. Costs little, however many nodes are armed.
  [[nodiscard]] std::optional<uint32_t> next_work() const { return earliest(kWalkMax); }

  [[nodiscard]] uint32_t armed_count() const { return armed_count_; }

  // Links that advance() may move for each node it may fire.
  static constexpr uint32_t kMovesPerFire = 4;

 private:
  static constexpr uint32_t kWalkMax = 64;
  static constexpr uint32_t kLevelCount = 4;
  static constexpr uint32_t kLevelBits = 8;
  static constexpr uint32_t kSlotCount = 1u << kLevelBits;
  static constexpr uint32_t kLate = kLevelCount * kSlotCount;
  static constexpr uint32_t kReady = kLate + 1;
  static constexpr uint32_t kListCount = kReady + 1;
  static constexpr uint32_t kWordCount = (kListCount + 63) / 64;
  static constexpr uint32_t kListBit = 0x8000'0000u;  // in a link: a list, not a node

  // Both ends of a list, in a node's words: a list is a ring through its own ends, so unlinking
  // needs not know which list it is.
  struct Ends {
    uint32_t next;
    uint32_t prev;
  };
  struct Slot {
    uint32_t level;
    uint32_t list;
    uint32_t start;  // the first tick it covers
  };

  [[nodiscard]] Node& node(uint32_t index) {
    return *reinterpret_cast<Node*>(first_node_ + index * stride_);
  }
  [[nodiscard]] const Node& node(uint32_t index) const {
    return *reinterpret_cast<const Node*>(first_node_ + index * stride_);
  }
  [[nodiscard]] uint32_t& next_of(uint32_t link) {
    return (link & kListBit) != 0 ? lists_[link & ~kListBit].next : node(link).next;
  }
  [[nodiscard]] uint32_t& prev_of(uint32_t link) {
    return (link & kListBit) != 0 ? lists_[link & ~kListBit].prev : node(link).prev;
  }
  [[nodiscard]] bool occupied(uint32_t list) const {
    return ((occupied_[list / 64] >> (list % 64)) & 1) != 0;
  }

  void unlink(Node& unlinked) {
    const uint32_t next = unlinked.next;
    const uint32_t prev = unlinked.prev;
    next_of(prev) = next;
    prev_of(next) = prev;
    if (prev == next) {  // only a list can be on both sides: it is empty now
      const uint32_t list = prev & ~kListBit;
      occupied_[list / 64] &= ~(uint64_t{1} << (list % 64));
    }
    unlinked.next = Node::kUnlinked;
  }

  void move(uint32_t index, uint32_t deadline);
  void link_last(uint32_t list, uint32_t index);
  void splice_last(uint32_t list, uint32_t from);
  void place(uint32_t index);
  void collect(uint32_t now, uint64_t moves_max);
  bool cascade(uint64_t& moves_left);
  void step();
  [[nodiscard]] bool behind() const;
  [[nodiscard]] uint32_t current_list(uint32_t level) const;
  [[nodiscard]] uint32_t first_occupied(uint32_t level, uint32_t slot) const;
  [[nodiscard]] std::optional<Slot> first_ahead() const;
  [[nodiscard]] std::optional<uint32_t> earliest(uint32_t walk_max) const;
  [[nodiscard]] uint32_t earliest_distance(uint32_t list, uint32_t start, uint32_t walk_max) const;

  std::byte* first_node_;
  size_t stride_;
  uint32_t position_;  // every slot before it is empty
  uint32_t horizon_;   // the last `now`; position_ is behind it when moves ran out
  uint32_t armed_count_ = 0;
  uint64_t occupied_[kWordCount] = {};
  Ends lists_[kListCount];
};

}  // namespace millrace::timer
