// SPDX-License-Identifier: BSD-3-Clause
// Bytes that arrive in any order, in any overlap, come out once and in order; memory is bounded.
#include "tcp/reassembly.h"

#include <algorithm>
#include <optional>

#include "base/random.h"
#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

// The byte that stands at a sequence number; a second copy with another value shows which was kept.
std::byte at(SeqNum seq, uint8_t copy = 0) {
  return static_cast<std::byte>(seq.raw() * 31 + copy * 128);
}

std::vector<std::byte> text(SeqNum seq, uint32_t bytes, uint8_t copy = 0) {
  std::vector<std::byte> out(bytes);
  for (uint32_t i = 0; i < bytes; ++i) out[i] = at(seq + i, copy);
  return out;
}

class TcpReassembly : public TcpFixture {
 protected:
  TcpReassembly() { c.rcv_nxt = SeqNum(0xffff'ff00); }  // every test wraps

  bool keep(uint32_t offset, uint32_t bytes, uint8_t copy = 0) {
    const SeqNum seq = start + offset;
    return keep_out_of_order(c, ctx, seq, text(seq, bytes, copy));
  }
  // Takes all that stands at rcv_nxt, as the stack does.
  std::vector<std::byte> take() {
    std::vector<std::byte> out;
    for (;;) {
      const std::span<const std::byte> piece = front_in_order(c, ctx);
      if (piece.empty()) return out;
      out.insert(out.end(), piece.begin(), piece.end());
      c.rcv_nxt += static_cast<uint32_t>(piece.size());
    }
  }

  SeqNum start = SeqNum(0xffff'ff00);
};

TEST_F(TcpReassembly, AGapIsFilledAndTheRestFollows) {
  EXPECT_TRUE(keep(100, 50));
  EXPECT_TRUE(has_gap(c, ctx));
  EXPECT_TRUE(take().empty());
  c.rcv_nxt += 100;  // the missing bytes arrived
  EXPECT_EQ(take(), text(start + 100, 50));
  EXPECT_FALSE(has_gap(c, ctx));
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpReassembly, WhatCameFirstStays) {
  EXPECT_TRUE(keep(100, 10, 0));
  EXPECT_TRUE(keep(95, 20, 1));  // around it: only the 5 before and the 5 behind are new
  EXPECT_FALSE(keep(96, 18, 0));
  c.rcv_nxt += 95;
  std::vector<std::byte> expected = text(start + 95, 5, 1);
  const auto middle = text(start + 100, 10, 0);
  const auto last = text(start + 110, 5, 1);
  expected.insert(expected.end(), middle.begin(), middle.end());
  expected.insert(expected.end(), last.begin(), last.end());
  EXPECT_EQ(take(), expected);
}

TEST_F(TcpReassembly, BytesThatAreNoLongerAheadAreGivenBack) {
  EXPECT_TRUE(keep(100, 50));
  c.rcv_nxt += 120;  // in-order data overlapped the first 20
  EXPECT_EQ(take(), text(start + 120, 30));
  EXPECT_TRUE(keep(300, 10));
  c.rcv_nxt = start + 400;
  EXPECT_TRUE(take().empty());
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpReassembly, AFinAheadOfAGapIsRemembered) {
  EXPECT_TRUE(keep(10, 5));
  EXPECT_TRUE(keep_fin(c, ctx, start + 15));
  EXPECT_FALSE(fin_in_order(c, ctx));
  c.rcv_nxt += 10;
  EXPECT_EQ(take().size(), 5u);
  EXPECT_TRUE(fin_in_order(c, ctx));
  clear_inbox(c, ctx);
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpReassembly, SingleBytesFarApartAreBounded) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < 2 * kGapBlocksMax; ++i) kept += keep(10 + 2 * i, 1) ? 1 : 0;
  EXPECT_EQ(kept, kGapBlocksMax);
  EXPECT_EQ(blocks.small_used(), kGapBlocksMax);
  clear_inbox(c, ctx);
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpReassembly, SingleBytesFromBehindAreBoundedToo) {
  uint32_t kept = 0;
  for (uint32_t i = 2 * kGapBlocksMax; i > 0; --i) kept += keep(10 + i, 1) ? 1 : 0;
  EXPECT_EQ(kept, kGapBlocksMax);
  clear_inbox(c, ctx);
  EXPECT_TRUE(all_given_back());
}

class TcpReassemblyOfLargeWindows : public TcpReassembly {
 protected:
  TcpReassemblyOfLargeWindows() : many_blocks(*Blocks::create(4096, 4096, false)) {
    ctx.blocks = &many_blocks;
  }
  Blocks many_blocks;
};

TEST_F(TcpReassemblyOfLargeWindows, TwoMegabytesBehindOneLostSegmentAreKept) {
  constexpr uint32_t kSegments = 1400;
  for (uint32_t i = 1; i < kSegments; ++i) ASSERT_TRUE(keep(i * 1448, 1448)) << i;
  c.rcv_nxt += 1448;
  EXPECT_EQ(take().size(), (kSegments - 1) * 1448u);
  EXPECT_EQ(c.inbox, kNil);
  EXPECT_EQ(many_blocks.large_used(), 0u);
}

TEST_F(TcpReassemblyOfLargeWindows, SoIsEverySecondOfAThousandSegments) {
  for (uint32_t i = 1; i < 1000; i += 2) ASSERT_TRUE(keep(i * 1448, 1448)) << i;
  for (uint32_t i = 2; i < 1000; i += 2) ASSERT_TRUE(keep(i * 1448, 1448)) << i;
  c.rcv_nxt += 1448;
  EXPECT_EQ(take(), text(start + 1448, 999 * 1448));
  EXPECT_EQ(many_blocks.large_used(), 0u);
}

TEST_F(TcpReassemblyOfLargeWindows, ASegmentInTheMiddleOfManyStretchesIsNotLookedForWithoutEnd) {
  for (uint32_t i = 1; i <= 4 * kGapWalkMax; ++i) ASSERT_TRUE(keep(i * 2000, 1448));
  EXPECT_TRUE(keep(10 * 2000 + 1448, 1)) << "near the front";
  EXPECT_FALSE(keep(2 * kGapWalkMax * 2000 + 1448, 1)) << "far from both ends";
  EXPECT_TRUE(keep((4 * kGapWalkMax + 1) * 2000, 1)) << "at the end";
  clear_inbox(c, ctx);
  EXPECT_EQ(many_blocks.large_used(), 0u);
}

TEST_F(TcpReassembly, WithoutMemoryNothingIsKeptAndNothingLeaks) {
  std::vector<uint32_t> taken;
  while (true) {
    const uint32_t block = blocks.allocate(1, SeqNum{});
    if (block == kNil) break;
    taken.push_back(block);
  }
  EXPECT_FALSE(keep(10, 100));
  EXPECT_EQ(keep_unread(c, ctx, text(start, 10)), 0u);
  EXPECT_EQ(c.inbox, kNil);
  for (const uint32_t block : taken) blocks.release(block);
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpReassembly, UnreadBytesComeBackInOrderInAnyPieces) {
  const std::vector<std::byte> all = text(start, 9000);
  EXPECT_EQ(keep_unread(c, ctx, std::span(all).first(100)), 100u);
  EXPECT_EQ(keep_unread(c, ctx, std::span(all).subspan(100)), 8900u);
  std::vector<std::byte> got;
  base::Random random(3);
  while (true) {
    const std::span<const std::byte> piece = front_unread(c, ctx);
    if (piece.empty()) break;
    const size_t n = 1 + random.below(static_cast<uint32_t>(piece.size()));
    got.insert(got.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    pop_unread(c, ctx, n);
  }
  EXPECT_EQ(got, all);
  EXPECT_TRUE(all_given_back());
}

// Against a naive twin: an array of "which copy is held for this byte, if any".
TEST_F(TcpReassembly, AgreesWithAnArrayOverRandomArrivals) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    base::Random random(seed);
    constexpr uint32_t kSpan = 3000;
    std::vector<std::optional<uint8_t>> twin(kSpan);
    c.rcv_nxt = start = SeqNum(static_cast<uint32_t>(random.next()));
    uint32_t next = 0;  // rcv_nxt - start
    while (next < kSpan) {
      const uint32_t from = next + random.below(kSpan - next);
      const uint32_t bytes = 1 + random.below(std::min(kSpan - from, 400u));
      const auto copy = static_cast<uint8_t>(random.below(2));
      if (from == next) {
        // In order: delivered at once, whatever is held.
        next += bytes;
        c.rcv_nxt += bytes;
      } else {
        bool any_new = false;
        for (uint32_t i = from; i < from + bytes; ++i) {
          if (!twin[i]) {
            twin[i] = copy;
            any_new = true;
          }
        }
        ASSERT_EQ(keep(from, bytes, copy), any_new) << "seed " << seed;
      }
      std::vector<std::byte> expected;
      uint32_t end = next;
      while (end < kSpan && twin[end]) {
        expected.push_back(at(start + end, *twin[end]));
        ++end;
      }
      ASSERT_EQ(take(), expected) << "seed " << seed;
      next = end;
      const auto held = static_cast<uint32_t>(
          std::count_if(twin.begin() + next, twin.end(), [](const auto& b) { return !!b; }));
      ASSERT_EQ(c.inbox == kNil ? 0 : inboxes[c.inbox].gap_bytes, held) << "seed " << seed;
    }
    ASSERT_TRUE(all_given_back()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace millrace::tcp
