// SPDX-License-Identifier: BSD-3-Clause
#include "flow/rebalance.h"

#include <algorithm>

namespace millrace::flow {

std::vector<Shift> shifts_to(std::span<const uint16_t> table, uint16_t count) {
  const size_t shards = std::max<size_t>(
      count, table.empty() ? 0 : size_t{*std::max_element(table.begin(), table.end())} + 1);
  std::vector<size_t> has(shards);
  for (const uint16_t owner : table) ++has[owner];
  // The larger shares are for those who have most by now.
  std::vector<uint16_t> order(count);
  for (uint16_t i = 0; i < count; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](uint16_t a, uint16_t b) { return has[a] > has[b]; });
  std::vector<size_t> due(shards);
  for (size_t i = 0; i < count; ++i) {
    due[order[i]] = table.size() / count + (i < table.size() % count ? 1 : 0);
  }
  std::vector<Shift> shifts;
  for (uint16_t from = 0; from < shards; ++from) {
    size_t entry = 0;
    for (uint16_t to = 0; to < count && has[from] > due[from]; ++to) {
      if (has[to] >= due[to]) continue;
      Shift shift{from, to, {}};
      for (; has[from] > due[from] && has[to] < due[to]; ++entry) {
        if (table[entry] != from) continue;
        shift.entries.set(entry);
        --has[from];
        ++has[to];
      }
      shifts.push_back(shift);
    }
  }
  return shifts;
}

}  // namespace millrace::flow
