// SPDX-License-Identifier: BSD-3-Clause
// Keeps workers out of a device while it is stopped and started again. The keeper closes the gate
// and looks, each time it looks at the link, whether all have left; a worker that has not asked
// since may still be inside. Nobody ever waits.
//
//     keeper   close(), all_out()? no ... all_out()? no ... all_out()? yes: stop, start, open()
//     worker   enter(): yes   yes   | no, and has left   no   no   no              | yes
//
// Orderings: going in is a store to `inside` and then a load of `open_`; closing is a store to
// `open_` and then a load of each `inside`. All four are sequentially consistent, so one of the two
// sees the other: the keeper that somebody is inside, or the worker that the gate is closed.
// Leaving releases what the worker did with the device, and all_out() acquires it; open() releases
// what the keeper did, and enter() acquires that.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

namespace millrace::nic {

class Gate {
 public:
  // Closed at first, and nobody inside.
  explicit Gate(size_t workers) : inside_(workers) {}

  // --- The keeper's thread ----------------------------------------------------------------------
  void open() { open_.store(true, std::memory_order_release); }
  void close() { open_.store(false, std::memory_order_seq_cst); }
  [[nodiscard]] bool all_out() const {
    return std::none_of(inside_.begin(), inside_.end(), [](const Inside& inside) {
      return inside.value.load(std::memory_order_seq_cst);
    });
  }

  // --- Each worker's thread ---------------------------------------------------------------------
  // Before each use of the device. False: not now, and whatever was begun before is over.
  bool enter(size_t worker) {
    std::atomic<bool>& inside = inside_[worker].value;
    const bool was_inside = inside.load(std::memory_order_relaxed);
    if (open_.load(std::memory_order_acquire)) [[likely]] {
      if (was_inside) return true;
      inside.store(true, std::memory_order_seq_cst);
      if (open_.load(std::memory_order_seq_cst)) return true;
    } else if (!was_inside) {
      return false;
    }
    inside.store(false, std::memory_order_release);
    return false;
  }

 private:
  struct alignas(64) Inside {
    std::atomic<bool> value{false};
  };

  std::atomic<bool> open_{false};
  std::vector<Inside> inside_;
};

}  // namespace millrace::nic
