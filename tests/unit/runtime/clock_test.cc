// SPDX-License-Identifier: BSD-3-Clause
// The clock runs forward, at the rate of the system's.
#include "runtime/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace millrace::runtime {
namespace {

TEST(RuntimeClock, NeverRunsBackwards) {
  const Clock& clock = Clock::system();
  Instant last = clock.now();
  for (int i = 0; i < 100'000; ++i) {
    const Instant now = clock.now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(RuntimeClock, CountsTheSystemsNanoseconds) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const Instant before = Clock::system().now();
  never.wait_for(lock, std::chrono::milliseconds(30), [] { return false; });
  const Duration elapsed = Clock::system().now() - before;
  EXPECT_GE(elapsed, milliseconds(29));
  EXPECT_LT(elapsed, seconds(10));
}

}  // namespace
}  // namespace millrace::runtime
