// SPDX-License-Identifier: BSD-3-Clause
// Exchanges that every textbook draws, played by two shards of the library.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "trace/ladder.h"

namespace millrace::trace {

struct Demo {
  std::string_view name;   // "half-close"
  std::string_view title;  // one line
  Ladder (*play)();
};

// In the order of a lesson.
[[nodiscard]] std::span<const Demo> demos();
// nullptr: there is none of that name.
[[nodiscard]] const Demo* find_demo(std::string_view name);

}  // namespace millrace::trace
