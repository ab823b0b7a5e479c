// SPDX-License-Identifier: BSD-3-Clause
// A bounded memory of the latest: never a cookie taken for another, the older of two in one slot
// forgotten.
#include "stack/used_cookies.h"

#include <gtest/gtest.h>

namespace millrace::stack {
namespace {

tcp::Cookie cookie(uint64_t slot, uint32_t flow, uint64_t tag) {
  return {1460, true, slot << 32 | flow, tag};
}

TEST(StackUsedCookies, KnowsWhatWasPutInAndNothingElse) {
  auto used = *UsedCookies::create(8);
  EXPECT_FALSE(used.contains(cookie(3, 0x12345678, 7)));
  used.insert(cookie(3, 0x12345678, 7));
  EXPECT_TRUE(used.contains(cookie(3, 0x12345678, 7)));
  EXPECT_FALSE(used.contains(cookie(3, 0x12345679, 7))) << "the same slot, another flow";
  EXPECT_FALSE(used.contains(cookie(4, 0x12345678, 7))) << "another slot";
}

TEST(StackUsedCookies, KnowsAFlowByAnyOfItsCookies) {
  auto used = *UsedCookies::create(8);
  used.insert(cookie(3, 1, 7));
  EXPECT_TRUE(used.knows_flow(cookie(3, 1, 8)));
  EXPECT_FALSE(used.contains(cookie(3, 1, 8))) << "another peer's ISN";
  EXPECT_FALSE(used.knows_flow(cookie(3, 2, 7)));
}

TEST(StackUsedCookies, TheLaterOfTwoInOneSlotStays) {
  auto used = *UsedCookies::create(8);
  used.insert(cookie(5, 1, 1));
  used.insert(cookie(5 + 8, 2, 2));
  EXPECT_FALSE(used.contains(cookie(5, 1, 1)));
  EXPECT_TRUE(used.contains(cookie(5 + 8, 2, 2)));
}

TEST(StackUsedCookies, RoundsItsSizeDownToAPowerOfTwo) {
  auto used = *UsedCookies::create(15);  // 8 slots
  used.insert(cookie(7, 1, 1));
  used.insert(cookie(15, 1, 1));
  EXPECT_FALSE(used.contains(cookie(7, 1, 1)));
  auto one = *UsedCookies::create(1);
  one.insert(cookie(0, 42, 42));
  EXPECT_TRUE(one.contains(cookie(0, 42, 42)));
}

}  // namespace
}  // namespace millrace::stack
