// SPDX-License-Identifier: BSD-3-Clause
// Memory for bytes that outlive a turn: sent and not yet acknowledged, received and not yet taken,
// received out of order. Two sizes of block from two slabs, one kind of handle. A chain of blocks
// covers a range of sequence space; each block knows where it begins.
//
//      head                                    tail
//   +---------+      +--------------+      +---------+
//   | seq 100 | ---> | seq 340      | ---> | seq ... |        seq + bytes == next block's seq
//   | 240 B   |      | external     |      |         |        (out-of-order chains may have gaps)
//   +---------+      +--------------+      +---------+
//
// Must hold: a block is in one chain at a time; whoever takes it off gives it back with release().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "base/slab.h"
#include "wire/seq.h"

namespace millrace::tcp {

using wire::SeqNum;

inline constexpr uint32_t kNil = base::kNil;

inline constexpr uint32_t kExternal = kNil - 1;  // BlockHeader::link of bytes that lie elsewhere

// The front of every block; data or a pointer to outside memory follows.
struct BlockHeader {
  uint32_t next = kNil;
  SeqNum seq;          // sequence number of the first byte
  uint32_t bytes = 0;  // how many there are
  // kExternal, or free for the chain's owner: where bytes have gaps, the last block of the stretch
  // without a gap that begins here.
  uint32_t link = kNil;
};
static_assert(sizeof(BlockHeader) == 16);

struct alignas(64) SmallBlock {
  static constexpr size_t kDataBytes = 256 - sizeof(BlockHeader);
  BlockHeader header;
  std::byte data[kDataBytes];
};
struct alignas(64) LargeBlock {
  static constexpr size_t kDataBytes = 4096 - sizeof(BlockHeader);
  BlockHeader header;
  std::byte data[kDataBytes];
};
static_assert(sizeof(SmallBlock) == 256 && sizeof(LargeBlock) == 4096);

class Blocks {
 public:
  // Nothing when there is no memory.
  static std::optional<Blocks> create(uint32_t small_max, uint32_t large_max, bool hugepages) {
    auto small = base::Slab<SmallBlock>::create(small_max, hugepages);
    auto large = base::Slab<LargeBlock>::create(large_max, hugepages);
    if (!small || !large) return std::nullopt;
    return Blocks(std::move(*small), std::move(*large));
  }

  // An empty block with room for `bytes_wanted` if that fits a small one, else a large one; kNil
  // when both sizes that would serve are used up.
  uint32_t allocate(size_t bytes_wanted, SeqNum seq) {
    uint32_t index = kNil;
    if (bytes_wanted <= SmallBlock::kDataBytes) index = small_.allocate();
    if (index != kNil) {
      small_[index].header = {kNil, seq, 0, kNil};
      return index;
    }
    index = large_.allocate();
    if (index == kNil) return kNil;
    large_[index].header = {kNil, seq, 0, kNil};
    return index | kLargeBit;
  }

  // A small block with these bytes in it; kNil when small ones are used up.
  // Requires: data.size() <= SmallBlock::kDataBytes.
  uint32_t allocate_small(SeqNum seq, std::span<const std::byte> data) {
    const uint32_t index = small_.allocate();
    if (index == kNil) return kNil;
    SmallBlock& block = small_[index];
    block.header = {kNil, seq, static_cast<uint32_t>(data.size()), kNil};
    std::memcpy(block.data, data.data(), data.size());
    return index;
  }

  // A block that points to bytes which outlive the shard. kNil when small blocks are used up.
  uint32_t allocate_external(std::span<const std::byte> bytes, SeqNum seq) {
    const uint32_t index = small_.allocate();
    if (index == kNil) return kNil;
    SmallBlock& block = small_[index];
    block.header = {kNil, seq, static_cast<uint32_t>(bytes.size()), kExternal};
    const std::byte* pointer = bytes.data();
    std::memcpy(block.data, &pointer, sizeof pointer);
    return index;
  }

  void release(uint32_t block) {
    if ((block & kLargeBit) != 0) {
      large_.free(block & ~kLargeBit);
    } else {
      small_.free(block);
    }
  }
  // Gives back every block from `head` on.
  void release_chain(uint32_t head) {
    while (head != kNil) {
      const uint32_t next = (*this)[head].next;
      release(head);
      head = next;
    }
  }

  BlockHeader& operator[](uint32_t block) {
    return (block & kLargeBit) != 0 ? large_[block & ~kLargeBit].header : small_[block].header;
  }
  // Requires: not an external block. Room for capacity() bytes.
  std::byte* storage(uint32_t block) {
    return (block & kLargeBit) != 0 ? large_[block & ~kLargeBit].data : small_[block].data;
  }
  // Requires: not an external block.
  static constexpr size_t capacity(uint32_t block) {
    return (block & kLargeBit) != 0 ? LargeBlock::kDataBytes : SmallBlock::kDataBytes;
  }
  // The bytes of a block, wherever they lie.
  std::span<const std::byte> data(uint32_t block) {
    const BlockHeader& header = (*this)[block];
    if (header.link != kExternal) return {storage(block), header.bytes};
    const std::byte* pointer;
    std::memcpy(&pointer, small_[block].data, sizeof pointer);
    return {pointer, header.bytes};
  }
  // Copies what fits behind the bytes that are there; returns how many that was.
  uint32_t append(uint32_t block, std::span<const std::byte> bytes) {
    BlockHeader& header = (*this)[block];
    if (header.link == kExternal) return 0;
    const size_t room = capacity(block) - header.bytes;
    const size_t n = bytes.size() < room ? bytes.size() : room;
    if (n != 0) std::memcpy(storage(block) + header.bytes, bytes.data(), n);
    header.bytes += static_cast<uint32_t>(n);
    return static_cast<uint32_t>(n);
  }

  // More than three quarters of either size are in use: who holds much is to hold no more.
  [[nodiscard]] bool scarce() const {
    return small_.used() > small_.capacity() - small_.capacity() / 4 ||
           large_.used() > large_.capacity() - large_.capacity() / 4;
  }
  // No more than half of either size is.
  [[nodiscard]] bool plenty() const {
    return small_.used() <= small_.capacity() / 2 && large_.used() <= large_.capacity() / 2;
  }
  // What large blocks have room for.
  [[nodiscard]] uint64_t free_bytes() const {
    return uint64_t{large_.capacity() - large_.used()} * LargeBlock::kDataBytes;
  }

  [[nodiscard]] uint32_t small_used() const { return small_.used(); }
  [[nodiscard]] uint32_t large_used() const { return large_.used(); }

 private:
  static constexpr uint32_t kLargeBit = 0x8000'0000u;

  Blocks(base::Slab<SmallBlock> small, base::Slab<LargeBlock> large)
      : small_(std::move(small)), large_(std::move(large)) {}

  base::Slab<SmallBlock> small_;
  base::Slab<LargeBlock> large_;
};

}  // namespace millrace::tcp
