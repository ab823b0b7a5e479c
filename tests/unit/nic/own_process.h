// SPDX-License-Identifier: BSD-3-Clause
// DPDK can be set up once in a process, so a test that needs it runs in one of its own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

namespace millrace::nic {

// Runs `body` in a new process, started afresh; its failures are this test's.
template <class Body>
void in_own_process(Body body) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [&] {
    body();
    std::exit(testing::Test::HasFailure() ? 1 : 0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

}  // namespace millrace::nic
