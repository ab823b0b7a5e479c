// SPDX-License-Identifier: BSD-3-Clause
// Entries of the redirection table change hands while all workers run. In: from the engine's
// thread, one plan at a time: a table, and which entries go from whom to whom. Out: each worker
// says when it is through with the plan. Each has its own part in it (mover.h):
//
//     who has a queue   steers by the new table from its next turn on, and puts a mark behind the
//                       last frame that it steered by the old one, into the lane to each other
//     all               have seen every mark: no frame on its way was steered by the old table
//     the giving one    then packs what belongs to the entries, some of it in each turn
//     the taking one    keeps frames of these entries back as long as it does not know their flow,
//                       takes the parcels out, and then these frames, in the order in which they
//                       came
//
// So nobody waits for anybody, and for each tuple there is one worker at any time that may know it.
//
// Must hold: a plan is published when all who run are through with the last one.
//
// Orderings: publishing releases the plan, epoch() acquires it. A worker that is through releases
// what it did, through_with() acquires that: so the engine may change the plan, and the parcels'
// next giver and taker find them as the last ones left them. The rings of parcels have their own.
#pragma once

#include <array>
#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/parcel.h"
#include "millrace/shard.h"

namespace millrace::runtime {

struct MovePlan {
  std::vector<uint16_t> table;
  Shard::Entries entries;  // none: nothing moves, but `active` may be another
  uint16_t from = 0;
  uint16_t to = 0;
  uint16_t active = 1;   // workers 0..active - 1 have entries afterwards, and hear what is for all
  uint16_t members = 1;  // workers 0..members - 1 run, and so do those with a queue
};

// A parcel on its way.
struct Shipment {
  Parcel parcel;
  bool last = false;
};

class Moving {
 public:
  static constexpr size_t kShipments = 4;

  Moving(size_t workers, MovePlan first) : plan_(std::move(first)), through_(workers) {
    for (Shipment& shipment : shipments_) empty_.push(&shipment);
  }

  // --- The engine's thread ----------------------------------------------------------------------
  void publish(MovePlan plan) {
    plan_ = std::move(plan);
    epoch_.store(epoch_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  [[nodiscard]] bool through(size_t worker) const {
    return through_[worker].epoch.load(std::memory_order_acquire) ==
           epoch_.load(std::memory_order_relaxed);
  }

  // --- Each worker's thread ---------------------------------------------------------------------
  // 0: none was published yet, and the first one is in force.
  [[nodiscard]] uint32_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  // Requires: this epoch was seen, by the caller or by whoever handed it something since.
  [[nodiscard]] const MovePlan& plan() const { return plan_; }
  void through_with(size_t worker, uint32_t epoch) {
    through_[worker].epoch.store(epoch, std::memory_order_release);
  }

  // --- The giving worker: an empty one, null when all are under way; and a full one.
  Shipment* take_empty() { return pop(empty_); }
  void send(Shipment* shipment) { full_.push(shipment); }
  // --- The taking worker: the other way round.
  Shipment* take_full() { return pop(full_); }
  void give_back(Shipment* shipment) { empty_.push(shipment); }

 private:
  using Ring = boost::lockfree::spsc_queue<Shipment*, boost::lockfree::capacity<kShipments>>;
  struct alignas(64) Through {
    std::atomic<uint32_t> epoch{0};
  };
  static Shipment* pop(Ring& ring) {
    Shipment* shipment = nullptr;
    ring.pop(shipment);
    return shipment;
  }

  MovePlan plan_;
  std::atomic<uint32_t> epoch_{0};
  std::vector<Through> through_;
  std::array<Shipment, kShipments> shipments_;
  Ring empty_;
  Ring full_;
};

}  // namespace millrace::runtime
