// SPDX-License-Identifier: BSD-3-Clause
// A figure with one writer, a worker, that the main thread reads meanwhile: untorn, and of a
// slightly different time than its neighbours.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::cli {

class Count {
 public:
  void add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace millrace::cli
