// SPDX-License-Identifier: BSD-3-Clause
// A redirection table for another number of shards. In: the table as it is, and how many shards are
// to have entries. Out: which entries have to change hands, grouped by giver and taker, so that the
// shards 0..count - 1 have as many as each other, or one more, and nobody else has any. Must hold:
// no entry moves that need not.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/config.h"

namespace millrace::flow {

struct Shift {
  uint16_t from = 0;
  uint16_t to = 0;
  std::bitset<Sharding::kTableMax> entries;
};

// Requires: 1 <= count.
std::vector<Shift> shifts_to(std::span<const uint16_t> table, uint16_t count);

}  // namespace millrace::flow
