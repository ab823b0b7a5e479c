// SPDX-License-Identifier: BSD-3-Clause
// Connections told from the memory that they were in (millrace/survivors.h).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "millrace/survivors.h"

namespace millrace::stack {

inline constexpr size_t kSurvivorBytes = 192;  // of memory, for each connection

// Adds those in `memory`, which begins where a connection does. What is left of one at the end is
// not looked at.
void add_survivors(std::span<const std::byte> memory, std::vector<Survivor>& survivors);

}  // namespace millrace::stack
