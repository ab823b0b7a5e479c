// SPDX-License-Identifier: BSD-3-Clause
// NUMA nodes as a made-up /sys shows them.
#include "nic/numa.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "unit/nic/temporary_folder.h"

namespace millrace::nic {
namespace {

TEST(Numa, NodesAreThoseThatTheSystemNames) {
  const TemporaryFolder folder;
  const auto cpu = [&](const char* path) {
    std::filesystem::create_directories(folder.file("devices/system/cpu/") + path);
  };
  cpu("cpu0/node0");
  cpu("cpu0/nodes_of_another_kind");
  cpu("cpu7/node1");
  cpu("cpu9/cache");
  const std::string sysfs = folder.file("").substr(0, folder.file("").size() - 1);
  EXPECT_EQ(node_of_cpu(0, sysfs), 0);
  EXPECT_EQ(node_of_cpu(7, sysfs), 1);
  EXPECT_EQ(node_of_cpu(9, sysfs), 0) << "none is told";
  EXPECT_EQ(node_of_cpu(11, sysfs), 0) << "there is no such CPU";
  EXPECT_EQ(node_of_cpu(-1, sysfs), 0) << "not pinned";
}

}  // namespace
}  // namespace millrace::nic
