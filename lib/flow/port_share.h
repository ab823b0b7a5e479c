// SPDX-License-Identifier: BSD-3-Clause
// The local ports of one shard: those by which what a peer answers reaches this shard again. In: a
// tuple without its local port. Out: the ports of the share, by number, each computed in a few
// loads, none searched for.
//
// Toeplitz's hash is linear, so a port's part in it is a sum of parts of its 16 bits; of that sum
// only the lower bits matter, as many as the table's index has (m, at most 9). Elimination over
// GF(2), from the lowest port bit up, splits the port's bits in two:
//
//     pivot bits  as many as are independent, r <= m: they can bring about any reachable index
//     free bits   the other 16 - r: whatever they are, the pivot bits make up for it
//
//     port = free bits of block b, and the pivot bits that lead from there to a table entry of ours
//
// so each block of ports that have their free bits in common has exactly one port for each entry
// that can be reached, and (block, entry) numbers the share without gaps. The pivots being low,
// blocks are neighbours; only those at the ends of the range can yield a port outside of it. All of
// it is 6 KiB for each family; a list of all ports by what they add would be 128 KiB, and out of
// the caches. A key in which port bits have no part (all zeros) leaves some shards without ports,
// and that is what is said.
//
// The remainder by a table's size that is no power of two is not linear. Such tables are rare; for
// them the ports are numbered in their order, and those of other shards are told by their hash.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "flow/rss.h"
#include "millrace/address.h"

namespace millrace::flow {

class PortShare {
 private:
  struct Family;

 public:
  // The ports first..last, as far as they are `shard`'s. `rss` must outlive this.
  PortShare(const Rss& rss, uint16_t shard, uint16_t first, uint16_t last);

  // The share of one pair of addresses and a peer's port.
  class Walk {
   public:
    // How many places there are to look at; at least as many as ports.
    [[nodiscard]] uint32_t length() const { return length_; }

   private:
    friend class PortShare;
    const Family* family_ = nullptr;
    uint32_t hash_ = 0;  // of the tuple with local port 0
    uint32_t length_ = 0;
    std::span<const uint16_t> entries_;  // of the table: those that are ours and can be reached
  };
  // key.local_port is not looked at.
  [[nodiscard]] Walk walk(FlowKey key) const;
  // The port at that place, or 0. Requires: index < walk.length(). Ensures: no port is at two
  // places, and every port of the share is at one.
  [[nodiscard]] uint16_t port(const Walk& walk, uint32_t index) const;

 private:
  static constexpr uint32_t kEntriesMax = Sharding::kTableMax;

  // Ports and what they add to the table's index.
  struct Bits {
    uint16_t port = 0;
    uint16_t index = 0;
    Bits operator^(const Bits& other) const {
      return {static_cast<uint16_t>(port ^ other.port), static_cast<uint16_t>(index ^ other.index)};
    }
  };
  // IPv4 and IPv6 have the port at different places of the key.
  struct Family {
    bool is_v4 = true;
    uint32_t block_first = 0;
    uint32_t block_count = 0;
    // Of a block's number, by its lower and its upper 8 bits.
    std::array<std::array<Bits, 256>, 2> free{};
    // By the index to add: the pivot bits that do, and what of it they cannot (0: nothing).
    std::array<uint16_t, kEntriesMax> pivots{};
    std::array<uint16_t, kEntriesMax> beyond{};
    // Our entries, by what of them pivot bits cannot bring about; where each kind begins.
    std::vector<uint16_t> entries;
    std::array<uint16_t, kEntriesMax + 1> entries_begin{};
  };
  void eliminate(Family& family) const;
  void sort_entries(Family& family, uint16_t shard) const;
  void limit_blocks(Family& family, uint32_t blocks, uint16_t all_pivots) const;
  [[nodiscard]] Bits bits_of(const Family& family, uint16_t port) const {
    return {port, static_cast<uint16_t>(rss_.toeplitz().of_local_port(family.is_v4, port) & mask_)};
  }
  [[nodiscard]] static Bits block_of(const Family& family, uint32_t block) {
    return family.free[0][block & 0xff] ^ family.free[1][block >> 8];
  }

  const Rss& rss_;
  uint16_t shard_;
  uint16_t first_;
  uint16_t last_;
  bool linear_;  // the table's size is a power of two
  uint32_t mask_;
  std::array<Family, 2> families_;
};

}  // namespace millrace::flow
