// SPDX-License-Identifier: BSD-3-Clause
// Walks over a worker's shard, for readers on other threads. In: walks that readers post. Out:
// entries, through a ring of each walk; a slice of 32 in a turn at most, and while the worker is
// busy so seldom that slices take one part in a hundred of its time. A reader that is slow makes
// its walk wait, and nothing else.
//
//     reader    post() ----------------> adopt(), slice, slice, ...    worker
//               take() <--- ring ------- one after the other
//               over() <---------------- done, or given_up() was seen
//
// Must hold: from post() until over() a walk stays where it is; a worker that ends makes all of
// them over, and takes no further one until it begins again.
//
// Orderings: post() releases the request to the worker, which acquires it; the worker releases its
// last touch of a walk, counts included, to over(). The ring's own release and acquire entries.
#pragma once

#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/listing.h"
#include "millrace/shard.h"
#include "millrace/time.h"
#include "runtime/clock.h"

namespace millrace::runtime {

class Walk {
 public:
  static constexpr size_t kRing = 256;  // entries that wait for the reader

  // --- The reader's thread
  // ------------------------------------------------------------------------ Requires: over(), or
  // never posted.
  void prepare(const ListRequest& request);
  // Entries, 0: none now. Behind over() there is nothing more once this has returned 0.
  size_t take(std::span<Listed> out) { return ring_.pop(out.data(), out.size()); }
  void give_up() { given_up_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool over() const { return over_.load(std::memory_order_acquire); }
  // Requires: over().
  [[nodiscard]] const ListCursor& cursor() const { return cursor_; }

 private:
  friend class Lister;

  ListRequest request_;
  ListCursor cursor_;
  Walk* next_ = nullptr;  // in whichever list of a Lister's
  std::atomic<bool> over_{true};
  std::atomic<bool> given_up_{false};
  boost::lockfree::spsc_queue<Listed, boost::lockfree::capacity<kRing>> ring_;
};

class Lister {
 public:
  // While the worker is busy, it waits so many times as long as a slice took.
  static constexpr int64_t kPauses = 99;

  // --- Any thread -------------------------------------------------------------------------------
  // False: the worker does not run, and the walk was not taken.
  [[nodiscard]] bool post(Walk& walk);
  // The longest that a slice took.
  [[nodiscard]] Duration longest_slice() const {
    return {longest_ns_.load(std::memory_order_relaxed)};
  }

  // --- The worker's thread ----------------------------------------------------------------------
  // Whether turn() has something to do. Once in each turn, so it costs a branch.
  [[nodiscard]] bool wanted() const {
    return posted_.load(std::memory_order_relaxed) != nullptr || first_ != nullptr;
  }
  // Requires: wanted(). Returns whether a walk came further.
  bool turn(const Shard& shard, const Clock& clock, bool busy);
  // Begins to take walks; ends those that are under way, and takes no more.
  void open() { posted_.store(nullptr, std::memory_order_relaxed); }
  void close();

 private:
  // In the place of a walk: nobody adopts any.
  [[nodiscard]] Walk* closed() { return reinterpret_cast<Walk*>(this); }
  void adopt(Walk* instead);
  bool slice(const Shard& shard, Walk& walk);
  static void end(Walk& walk) { walk.over_.store(true, std::memory_order_release); }

  std::atomic<Walk*> posted_{closed()};  // the last, that names the one before it
  std::atomic<int64_t> longest_ns_{0};
  // The thread's own: walks under way, in the order of their turns.
  Walk* first_ = nullptr;
  Instant next_slice_{};
};

}  // namespace millrace::runtime
