// SPDX-License-Identifier: BSD-3-Clause
// Control frames leave in the order they came, and never more of them are held than the bound.
#include "stack/control_queue.h"

#include <gtest/gtest.h>

namespace millrace::stack {
namespace {

TEST(StackControlQueue, FirstInFirstOutUpToItsBound) {
  auto queue = ControlQueue::create(2);
  auto blocks = tcp::Blocks::create(4, 4, false);
  ASSERT_TRUE(queue && blocks);
  const uint32_t a = queue->allocate();
  const uint32_t b = queue->allocate();
  EXPECT_EQ(queue->allocate(), kNil);
  queue->push(b);
  queue->push(a);
  EXPECT_EQ(queue->pop(), b);
  queue->free(b, *blocks);
  EXPECT_EQ(queue->pop(), a);
  EXPECT_EQ(queue->pop(), kNil);
  EXPECT_TRUE(queue->empty());
  EXPECT_EQ(queue->used(), 1u);
  queue->free(a, *blocks);
  EXPECT_EQ(queue->used(), 0u);
}

TEST(StackControlQueue, TheBodyGoesBackWithTheFrame) {
  auto queue = ControlQueue::create(2);
  auto blocks = tcp::Blocks::create(4, 4, false);
  ASSERT_TRUE(queue && blocks);
  const uint32_t a = queue->allocate();
  (*queue)[a].body_block = blocks->allocate(1000, tcp::SeqNum{});
  EXPECT_EQ(blocks->large_used(), 1u);
  queue->free(a, *blocks);
  EXPECT_EQ(blocks->large_used(), 0u);
}

TEST(StackControlQueue, AnEntryCanWaitInAListOfTheCallers) {
  auto queue = ControlQueue::create(4);
  ASSERT_TRUE(queue);
  uint32_t head = kNil;
  uint32_t tail = kNil;
  const uint32_t a = queue->allocate();
  const uint32_t b = queue->allocate();
  queue->append(head, tail, a);
  queue->append(head, tail, b);
  EXPECT_TRUE(queue->empty());
  EXPECT_EQ(head, a);
  EXPECT_EQ((*queue)[a].next, b);
  EXPECT_EQ(tail, b);
}

}  // namespace
}  // namespace millrace::stack
