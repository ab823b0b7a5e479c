// SPDX-License-Identifier: BSD-3-Clause
// What the services count. One writer, the worker; the main thread reads meanwhile, each figure
// untorn and all of them from slightly different times.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "millrace/app.h"

namespace millrace::serve {

class Count {
 public:
  void add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct ServiceCounts {
  Count accepted;                              // connections
  Count open;                                  // of them, now
  std::array<Count, kCloseReasonCount> ended;  // of them, by CloseReason
  Count requests;                              // HTTP: answered with 200
  Count refused;                               // HTTP: answered with 4xx or 5xx
  Count bytes_in;                              // of application data
  Count bytes_out;                             // handed to the stack

  void on_established() {
    accepted.add();
    open.add();
  }
  void on_closed(CloseReason reason) {
    open.subtract();
    ended[static_cast<size_t>(reason)].add();
  }
};

}  // namespace millrace::serve
