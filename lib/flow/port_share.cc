// SPDX-License-Identifier: BSD-3-Clause
#include "flow/port_share.h"

#include <algorithm>
#include <bit>

namespace millrace::flow {

PortShare::PortShare(const Rss& rss, uint16_t shard, uint16_t first, uint16_t last)
    : rss_(rss), shard_(shard), first_(first), last_(last) {
  const size_t size = rss.table().size();
  linear_ = std::has_single_bit(size);
  mask_ = static_cast<uint32_t>(size - 1);
  families_[0].is_v4 = true;
  families_[1].is_v4 = false;
  if (!linear_) return;
  for (Family& family : families_) {
    eliminate(family);
    sort_entries(family, shard);
  }
}

void PortShare::eliminate(Family& family) const {
  // Sums of port bits, each by the highest bit of what it adds.
  std::array<Bits, 16> basis{};
  uint16_t all_pivots = 0;
  for (unsigned bit = 0; bit < 16; ++bit) {
    Bits sum = bits_of(family, static_cast<uint16_t>(1u << bit));
    while (sum.index != 0) {
      Bits& known = basis[static_cast<unsigned>(std::bit_width(sum.index)) - 1];
      if (known.index == 0) {
        known = sum;
        all_pivots |= static_cast<uint16_t>(1u << bit);
        break;
      }
      sum = sum ^ known;
    }
  }
  for (uint32_t wanted = 0; wanted <= mask_; ++wanted) {
    Bits rest{0, static_cast<uint16_t>(wanted)};
    for (unsigned bit = 16; bit-- > 0;) {
      if ((rest.index >> bit & 1) != 0 && basis[bit].index != 0) rest = rest ^ basis[bit];
    }
    family.pivots[wanted] = rest.port;
    family.beyond[wanted] = rest.index;
  }

  unsigned free_count = 0;
  for (unsigned bit = 0; bit < 16; ++bit) {
    if ((all_pivots >> bit & 1) != 0) continue;
    auto& half = family.free[free_count / 8];
    const uint32_t step = 1u << (free_count % 8);
    const Bits added = bits_of(family, static_cast<uint16_t>(1u << bit));
    for (uint32_t i = step; i < 256; ++i) {
      if ((i & step) != 0) half[i] = half[i] ^ added;
    }
    ++free_count;
  }
  limit_blocks(family, 1u << free_count, all_pivots);
}

// Blocks are in the order of their ports.
void PortShare::limit_blocks(Family& family, uint32_t blocks, uint16_t all_pivots) const {
  const auto lowest = [&](uint32_t block) { return block_of(family, block).port; };
  uint32_t begin = 0;
  while (begin < blocks && (lowest(begin) | all_pivots) < first_) ++begin;
  uint32_t end = blocks;
  while (end > begin && lowest(end - 1) > last_) --end;
  family.block_first = begin;
  family.block_count = end - begin;
}

void PortShare::sort_entries(Family& family, uint16_t shard) const {
  const auto table = rss_.table();
  for (uint32_t kind = 0; kind <= mask_; ++kind) {
    family.entries_begin[kind] = static_cast<uint16_t>(family.entries.size());
    for (uint32_t entry = 0; entry <= mask_; ++entry) {
      if (table[entry] != shard || family.beyond[entry] != kind) continue;
      family.entries.push_back(static_cast<uint16_t>(entry));
    }
  }
  family.entries_begin[mask_ + 1] = static_cast<uint16_t>(family.entries.size());
}

PortShare::Walk PortShare::walk(FlowKey key) const {
  key.local_port = 0;
  Walk walk;
  walk.family_ = &families_[key.peer.is_v4() ? 0 : 1];
  walk.hash_ = rss_.toeplitz().hash(key);
  if (!linear_) {
    walk.length_ = uint32_t{last_} - first_ + 1;
    return walk;
  }
  const Family& family = *walk.family_;
  const uint16_t kind = family.beyond[walk.hash_ & mask_];
  const uint16_t begin = family.entries_begin[kind];
  walk.entries_ =
      std::span(family.entries).subspan(begin, family.entries_begin[kind + 1u] - size_t{begin});
  walk.length_ = static_cast<uint32_t>(walk.entries_.size()) * family.block_count;
  return walk;
}

uint16_t PortShare::port(const Walk& walk, uint32_t index) const {
  const Family& family = *walk.family_;
  if (!linear_) {
    const auto port = static_cast<uint16_t>(first_ + index);
    const uint32_t hash = walk.hash_ ^ rss_.toeplitz().of_local_port(family.is_v4, port);
    return rss_.owner_of_hash(hash) == shard_ ? port : 0;
  }
  const auto count = static_cast<uint32_t>(walk.entries_.size());
  const Bits free = block_of(family, family.block_first + index / count);
  const uint32_t lacking = (walk.entries_[index % count] ^ walk.hash_ ^ free.index) & mask_;
  const auto port = static_cast<uint16_t>(free.port | family.pivots[lacking]);
  return port >= first_ && port <= last_ ? port : 0;
}

}  // namespace millrace::flow
