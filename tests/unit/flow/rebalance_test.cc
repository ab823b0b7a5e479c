// SPDX-License-Identifier: BSD-3-Clause
#include "flow/rebalance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "flow/rss.h"

namespace millrace::flow {
namespace {

TEST(Rebalance, SharesDifferByOneAtMostAndNoMoreMovesThanMust) {
  base::Random random(1);
  for (int run = 0; run < 500; ++run) {
    const auto before = static_cast<uint16_t>(1 + random.below(9));
    const auto after = static_cast<uint16_t>(1 + random.below(9));
    std::vector<uint16_t> table = even_table(16 + random.below(497), before);
    size_t moved = 0;
    for (const Shift& shift : shifts_to(table, after)) {
      EXPECT_NE(shift.from, shift.to);
      EXPECT_TRUE(shift.entries.any());
      for (size_t i = 0; i < table.size(); ++i) {
        if (!shift.entries[i]) continue;
        EXPECT_EQ(table[i], shift.from);
        table[i] = shift.to;
        ++moved;
      }
    }
    std::vector<size_t> has(16);
    for (const uint16_t owner : table) ++has[owner];
    const auto [least, most] = std::minmax_element(has.begin(), has.begin() + after);
    EXPECT_LE(*most - *least, 1u);
    EXPECT_TRUE(std::all_of(has.begin() + after, has.end(), [](size_t n) { return n == 0; }));
    // From n to m shards, what the fewer do not share.
    const size_t fewer = std::min(before, after);
    const size_t larger = std::max(before, after);
    const size_t must = table.size() - table.size() / larger * fewer;
    EXPECT_LE(moved, must + larger);
  }
}

TEST(Rebalance, NothingMovesWhereAllIsAsItShouldBe) {
  EXPECT_TRUE(shifts_to(even_table(128, 3), 3).empty());
}

}  // namespace
}  // namespace millrace::flow
