// SPDX-License-Identifier: BSD-3-Clause
// What a name in a report means, in a line, and what is likely to be behind it.
#pragma once

#include <span>
#include <string_view>

namespace millrace::inspect {

struct Explained {
  std::string_view name;
  std::string_view meaning;
  std::string_view cause;  // what to look at first when it is high; empty: nothing is wrong
};

// Every counter of a shard (millrace/counters.h), and what is the load generator's own.
[[nodiscard]] std::span<const Explained> explained();
// Whatever the case of its letters; nullptr: there is none.
[[nodiscard]] const Explained* find_explained(std::string_view name);

}  // namespace millrace::inspect
