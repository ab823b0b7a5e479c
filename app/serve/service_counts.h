// SPDX-License-Identifier: BSD-3-Clause
// What the services count. One writer, the worker; the main thread reads meanwhile, each figure
// untorn and all of them from slightly different times.
#pragma once

#include <atomic>
#include <cstdint>

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
  Count accepted;   // connections
  Count open;       // of them, now
  Count failed;     // ended otherwise than by both sides' FIN
  Count requests;   // HTTP: answered with 200
  Count refused;    // HTTP: answered with 4xx or 5xx
  Count bytes_in;   // of application data
  Count bytes_out;  // handed to the stack
};

}  // namespace millrace::serve
