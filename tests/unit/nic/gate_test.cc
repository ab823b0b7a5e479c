// SPDX-License-Identifier: BSD-3-Clause
// The gate before a device that is stopped while workers poll it.
#include "nic/gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace millrace::nic {
namespace {

TEST(Gate, IsClosedAtFirstAndNobodyIsInside) {
  Gate gate(2);
  EXPECT_TRUE(gate.all_out());
  EXPECT_FALSE(gate.enter(0));
  EXPECT_TRUE(gate.all_out());
}

TEST(Gate, AWorkerIsInsideUntilItAsksAgain) {
  Gate gate(2);
  gate.open();
  EXPECT_TRUE(gate.enter(0));
  EXPECT_TRUE(gate.enter(1));
  gate.close();
  EXPECT_FALSE(gate.all_out());
  EXPECT_FALSE(gate.enter(0));
  EXPECT_FALSE(gate.all_out());
  EXPECT_FALSE(gate.enter(1));
  EXPECT_TRUE(gate.all_out());
  gate.open();
  EXPECT_TRUE(gate.enter(1));
}

// The device is a plain variable: a sanitizer of threads sees each use that the gate let through
// while the keeper had it for itself.
TEST(Gate, TheKeeperHasTheDeviceForItself) {
  constexpr size_t kWorkers = 3;
  constexpr int kRestarts = 200;
  Gate gate(kWorkers);
  std::atomic<bool> over{false};
  std::vector<int> device(kWorkers);
  int restarts = 0;
  std::vector<std::thread> workers;
  for (size_t i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&, i] {
      while (!over.load()) {
        if (gate.enter(i)) {
          ++device[i];
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  while (restarts < kRestarts) {
    gate.close();
    while (!gate.all_out()) std::this_thread::yield();
    const std::vector<int> before = device;
    std::this_thread::yield();
    EXPECT_EQ(device, before) << "somebody was inside";
    ++restarts;
    gate.open();
  }
  over.store(true);
  for (std::thread& worker : workers) worker.join();
}

}  // namespace
}  // namespace millrace::nic
