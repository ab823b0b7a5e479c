// SPDX-License-Identifier: BSD-3-Clause
// How many challenge acknowledgements a shard sends (RFC 5961 section 7), without telling a
// stranger anything. A plain count per second is a side channel: who spoofs segments at one
// connection and watches the count run out on his own learns whether they hit. So:
//
//   - each flow draws on one of many small budgets, chosen by a keyed hash of the flow;
//   - how large the shard's own budget is in a second is a secret of that second.
#pragma once

#include <array>
#include <cstdint>

#include "base/random.h"

namespace millrace::tcp {

class ChallengeBudget {
 public:
  static constexpr uint8_t kPerFlow = 10;  // and second

  ChallengeBudget() : ChallengeBudget(UINT32_MAX, 0) {}
  // `per_second` on the average; `seed` is secret.
  ChallengeBudget(uint32_t per_second, uint64_t seed) : per_second_(per_second), random_(seed) {
    refill();
  }

  // Once a second.
  void refill() {
    used_.fill(0);
    left_ = per_second_ < 2 || per_second_ == UINT32_MAX
                ? per_second_
                : per_second_ / 2 + random_.below(per_second_);
  }
  // `flow` is a keyed hash.
  bool take(uint32_t flow) {
    uint8_t& used = used_[flow % used_.size()];
    if (left_ == 0 || used == kPerFlow) return false;
    --left_;
    ++used;
    return true;
  }

 private:
  uint32_t per_second_;
  uint32_t left_ = 0;
  base::Random random_;
  std::array<uint8_t, 1024> used_{};
};

}  // namespace millrace::tcp
