// SPDX-License-Identifier: BSD-3-Clause
// Nobody has to know EAL's arguments: they follow from the device and the memory there is. What a
// user passes himself wins.
#include "nic/eal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace millrace::nic {
namespace {

std::string joined(const EalWish& wish) {
  std::string line;
  for (const std::string& argument : eal_arguments(wish)) {
    line += line.empty() ? argument : " " + argument;
  }
  return line;
}

EalWish wish_for(DeviceKind kind) {
  EalWish wish;
  wish.kind = kind;
  wish.memory_mb = 96;
  wish.process_id = 7;
  wish.cpus = "0-3";
  return wish;
}

TEST(EalArguments, WithoutHugepagesMemoryIsOneFile) {
  EXPECT_EQ(joined(wish_for(DeviceKind::kMemif)),
            "millrace --no-telemetry --file-prefix millrace-7 --lcores 0@(0-3) --no-pci "
            "--iova-mode va --no-huge --no-shconf -m 96 --single-file-segments");
}

TEST(EalArguments, HugepagesNeedNoMountPoint) {
  EalWish wish = wish_for(DeviceKind::kTap);
  wish.hugepages = true;
  EXPECT_EQ(joined(wish),
            "millrace --no-telemetry --file-prefix millrace-7 --lcores 0@(0-3) --no-pci "
            "--iova-mode va --in-memory");
}

TEST(EalArguments, VirtioUserSharesHugepagesAsOneFile) {
  EalWish wish = wish_for(DeviceKind::kVirtioUser);
  wish.hugepages = true;
  EXPECT_TRUE(joined(wish).ends_with("--in-memory --single-file-segments"));
}

TEST(EalArguments, ANicIsAllowedByItsAddressAndChoosesItsOwnAddresses) {
  EalWish wish = wish_for(DeviceKind::kPci);
  wish.pci_address = "0000:3b:00.0";
  wish.hugepages = true;
  EXPECT_EQ(joined(wish),
            "millrace --no-telemetry --file-prefix millrace-7 --lcores 0@(0-3) -a 0000:3b:00.0 "
            "--in-memory");
}

TEST(EalArguments, TheUsersOwnReplaceOurs) {
  EalWish wish = wish_for(DeviceKind::kMemif);
  wish.extra = {"--file-prefix=mine", "-l", "2", "--huge-dir", "/mnt/huge", "--iova-mode=pa"};
  EXPECT_EQ(joined(wish),
            "millrace --no-telemetry --no-pci --file-prefix=mine -l 2 --huge-dir /mnt/huge "
            "--iova-mode=pa");
}

TEST(EalArguments, MoreMemoryIsNotAnotherKindOfMemory) {
  EalWish wish = wish_for(DeviceKind::kMemif);
  wish.extra = {"-m", "300"};
  EXPECT_FALSE(chooses_memory(wish.extra));
  EXPECT_TRUE(joined(wish).ends_with("--no-huge --no-shconf --single-file-segments -m 300"));
}

TEST(EalArguments, TheUserMayChooseTheKindOfMemory) {
  EXPECT_FALSE(chooses_memory({}));
  EXPECT_FALSE(chooses_memory({"--log-level=8"}));
  EXPECT_TRUE(chooses_memory({"--no-huge"}));
  EXPECT_TRUE(chooses_memory({"--log-level=8", "--socket-mem=512"}));
}

TEST(AllowedCpus, IsAListWithThisThreadsCpu) {
  const std::string cpus = allowed_cpus();
  ASSERT_FALSE(cpus.empty());
  EXPECT_TRUE(std::all_of(cpus.begin(), cpus.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == ',';
  })) << cpus;
}

}  // namespace
}  // namespace millrace::nic
