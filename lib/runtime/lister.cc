// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/lister.h"

#include <array>

namespace millrace::runtime {

void Walk::prepare(const ListRequest& request) {
  request_ = request;
  cursor_ = {};
  next_ = nullptr;
  Listed left;
  while (ring_.pop(left)) {
  }
  given_up_.store(false, std::memory_order_relaxed);
  over_.store(false, std::memory_order_relaxed);
}

bool Lister::post(Walk& walk) {
  Walk* last = posted_.load(std::memory_order_relaxed);
  do {
    if (last == closed()) return false;
    walk.next_ = last;
  } while (!posted_.compare_exchange_weak(last, &walk, std::memory_order_release,
                                          std::memory_order_relaxed));
  return true;
}

// What was posted goes to the end of the line.
void Lister::adopt(Walk* instead) {
  Walk* walk = posted_.exchange(instead, std::memory_order_acquire);
  if (walk == closed()) return;
  Walk** last = &first_;
  while (*last != nullptr) last = &(*last)->next_;
  while (walk != nullptr) {
    Walk* const before = walk->next_;
    walk->next_ = *last;
    *last = walk;
    walk = before;
  }
}

bool Lister::turn(const Shard& shard, const Clock& clock, bool busy) {
  if (posted_.load(std::memory_order_relaxed) != nullptr) adopt(nullptr);
  if (first_ == nullptr) return false;
  const Instant began = clock.now();
  if (busy && began < next_slice_) return false;
  Walk& walk = *first_;
  first_ = walk.next_;
  const bool moved = slice(shard, walk);
  if (walk.cursor_.done() || walk.given_up_.load(std::memory_order_relaxed)) {
    end(walk);
  } else {
    Walk** last = &first_;
    while (*last != nullptr) last = &(*last)->next_;
    *last = &walk;
    walk.next_ = nullptr;
  }
  const Duration took = clock.now() - began;
  if (moved) next_slice_ = began + took * kPauses;
  if (took.ns > longest_ns_.load(std::memory_order_relaxed)) {
    longest_ns_.store(took.ns, std::memory_order_relaxed);
  }
  return moved;
}

// False: it waits for its reader.
bool Lister::slice(const Shard& shard, Walk& walk) {
  if (walk.given_up_.load(std::memory_order_relaxed)) return false;
  if (!walk.request_.counts_only && walk.ring_.write_available() < ListCursor::kSlice) return false;
  std::array<Listed, ListCursor::kSlice> some;
  const size_t count = shard.list(walk.request_, walk.cursor_, some);
  walk.ring_.push(some.data(), count);
  return true;
}

void Lister::close() {
  adopt(closed());
  while (first_ != nullptr) {
    Walk& walk = *first_;
    first_ = walk.next_;
    end(walk);
  }
}

}  // namespace millrace::runtime
