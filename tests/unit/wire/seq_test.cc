// SPDX-License-Identifier: BSD-3-Clause
// Sequence numbers go round (RFC 9293 section 3.4), and compare by the shorter way.
#include "wire/seq.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/segment.h"

namespace millrace::wire {
namespace {

TEST(WireSeq, TheNumberAfterTheLastIsZero) {
  const SeqNum last(0xffff'ffff);
  EXPECT_EQ((last + 1).raw(), 0u);
  EXPECT_EQ((SeqNum(0) - 1).raw(), 0xffff'ffffu);
  EXPECT_LT(last, SeqNum(0));
  EXPECT_GT(SeqNum(5), last);
  EXPECT_EQ(SeqNum(5) - last, 6u);
  EXPECT_EQ(SeqNum::distance(SeqNum(5), last), -6);
  EXPECT_EQ(max(last, SeqNum(5)), SeqNum(5));
  EXPECT_EQ(min(last, SeqNum(5)), last);
}

TEST(WireSeq, OrderIsTheSameWhereverItStarts) {
  base::Random random(31);
  for (int i = 0; i < 10'000; ++i) {
    const SeqNum from(static_cast<uint32_t>(random.next()));
    const uint32_t ahead = 1 + random.below(0x7fff'ffff);
    const SeqNum to = from + ahead;
    ASSERT_TRUE(from < to && from <= to && to > from && to >= from) << from.raw() << ' ' << ahead;
    ASSERT_FALSE(to < from || to <= from || from > to || from >= to) << from.raw() << ' ' << ahead;
    ASSERT_EQ(to - from, ahead);
    ASSERT_EQ(SeqNum::distance(from, to), static_cast<int64_t>(ahead));
  }
}

TEST(WireSeq, EqualIsNeitherBeforeNorBehind) {
  const SeqNum s(0x8000'0000);
  EXPECT_TRUE(s == s && s <= s && s >= s);
  EXPECT_FALSE(s < s || s > s);
}

TEST(WireSeq, SynAndFinTakeANumberEach) {
  Segment segment;
  segment.payload_bytes = 10;
  segment.flags = kAck;
  EXPECT_EQ(segment.length(), 10u);
  segment.flags = kSyn;
  EXPECT_EQ(segment.length(), 11u);
  segment.flags = kFin | kAck;
  EXPECT_EQ(segment.length(), 11u);
}

}  // namespace
}  // namespace millrace::wire
