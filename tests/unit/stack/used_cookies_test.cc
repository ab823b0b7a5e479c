// SPDX-License-Identifier: BSD-3-Clause
// A bounded memory of the latest: never a cookie taken for another, the older of two in one slot
// forgotten.
#include "stack/used_cookies.h"

#include <gtest/gtest.h>

namespace millrace::stack {
namespace {

TEST(StackUsedCookies, KnowsWhatWasPutInAndNothingElse) {
  auto used = *UsedCookies::create(8);
  const uint64_t tag = 0x0000'0003'1234'5678;
  EXPECT_FALSE(used.contains(tag));
  used.insert(tag);
  EXPECT_TRUE(used.contains(tag));
  EXPECT_FALSE(used.contains(tag + 1)) << "the same slot, another cookie";
  EXPECT_FALSE(used.contains(tag + (uint64_t{1} << 32)));
}

TEST(StackUsedCookies, TheLaterOfTwoInOneSlotStays) {
  auto used = *UsedCookies::create(8);
  const uint64_t first = uint64_t{5} << 32 | 1;
  const uint64_t second = uint64_t{5 + 8} << 32 | 2;
  used.insert(first);
  used.insert(second);
  EXPECT_FALSE(used.contains(first));
  EXPECT_TRUE(used.contains(second));
}

TEST(StackUsedCookies, RoundsItsSizeDownToAPowerOfTwo) {
  auto used = *UsedCookies::create(15);  // 8 slots
  used.insert(uint64_t{7} << 32 | 1);
  used.insert(uint64_t{15} << 32 | 1);
  EXPECT_FALSE(used.contains(uint64_t{7} << 32 | 1));
  auto one = *UsedCookies::create(1);
  one.insert(42);
  EXPECT_TRUE(one.contains(42));
}

}  // namespace
}  // namespace millrace::stack
