// SPDX-License-Identifier: BSD-3-Clause
// A bad wire, on purpose: what a process sends is lost, late, out of order or doubled by chance,
// where the system offers nothing that would do that. All of it is a function of the seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/result.h"
#include "millrace/time.h"

namespace millrace {

struct Impairment {
  double loss = 0;       // of the frames, 0 to 1
  double duplicate = 0;  // the second one follows at once
  double reorder = 0;    // frames that leave without `delay`, and so overtake those before them
  Duration delay;        // of every frame
  Duration jitter;       // as much longer at most, any length as likely; frames keep their order
  uint64_t seed = 1;

  // "loss=1%,delay=20ms,jitter=5ms,reorder=2%,duplicate=0.1%,seed=7", in any order. Errors: one
  // sentence, without the text itself.
  static Result<Impairment> parse(std::string_view text);

  [[nodiscard]] bool none() const {
    return loss == 0 && duplicate == 0 && reorder == 0 && delay == Duration{} &&
           jitter == Duration{};
  }
  friend bool operator==(const Impairment&, const Impairment&) = default;
};

}  // namespace millrace
