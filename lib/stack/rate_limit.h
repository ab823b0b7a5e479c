// SPDX-License-Identifier: BSD-3-Clause
// So many per second, no more: a budget that is filled up once a second.
#pragma once

#include <cstdint>

namespace millrace::stack {

class RateLimit {
 public:
  explicit RateLimit(uint32_t per_second) : per_second_(per_second), left_(per_second) {}

  void refill() { left_ = per_second_; }
  bool take() {
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  uint32_t per_second_;
  uint32_t left_;
};

}  // namespace millrace::stack
