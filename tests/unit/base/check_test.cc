// SPDX-License-Identifier: BSD-3-Clause
// Checks stop the program and say where; a check that holds evaluates its condition once.
#include "base/check.h"

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

TEST(BaseCheck, ACheckThatHoldsIsEvaluatedOnce) {
  int evaluated = 0;
  MR_ASSERT(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(BaseCheck, DcheckIsEvaluatedOnlyWhenItIsOn) {
  int evaluated = 0;
  MR_DCHECK(++evaluated == 1);
#if defined(MILLRACE_DCHECK)
  EXPECT_EQ(evaluated, 1);
#else
  EXPECT_EQ(evaluated, 0);
#endif
}

TEST(BaseCheckDeathTest, AFailedCheckNamesFileLineAndExpression) {
  EXPECT_DEATH(MR_ASSERT(1 + 1 == 3), "check_test\\.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

TEST(BaseCheckDeathTest, UnreachableStops) {
  EXPECT_DEATH(MR_UNREACHABLE(), "check_test\\.cc:[0-9]+: check failed: unreachable");
}

#if defined(MILLRACE_DCHECK)
TEST(BaseCheckDeathTest, AFailedDcheckStops) { EXPECT_DEATH(MR_DCHECK(false), "check failed"); }
#endif

}  // namespace
}  // namespace millrace::base
