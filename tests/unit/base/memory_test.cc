// SPDX-License-Identifier: BSD-3-Clause
// A region is zeroed, aligned, owned once, and costs memory only where it is written.
#include "base/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <type_traits>
#include <utility>

namespace millrace::base {
namespace {

static_assert(!std::is_copy_constructible_v<Region> && !std::is_copy_assignable_v<Region>);
static_assert(std::is_nothrow_move_constructible_v<Region>);

uintptr_t address(const Region& region) { return reinterpret_cast<uintptr_t>(region.data()); }

// Bytes of this process that lie in memory.
size_t resident_bytes() {
  size_t total_pages = 0;
  size_t resident_pages = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const int fields = std::fscanf(file, "%zu %zu", &total_pages, &resident_pages);
  std::fclose(file);
  return fields == 2 ? resident_pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

TEST(BaseMemory, ASmallRegionIsZeroedAndPageAligned) {
  auto region = Region::allocate(100, false);
  ASSERT_TRUE(region);
  EXPECT_EQ(address(*region) % 4096, 0u);
  EXPECT_EQ(region->size(), 4096u);
  for (size_t i = 0; i < region->size(); ++i) ASSERT_EQ(region->data()[i], std::byte{0});
  region->data()[region->size() - 1] = std::byte{1};
}

TEST(BaseMemory, NoBytesAreStillOnePage) {
  auto region = Region::allocate(0, false);
  ASSERT_TRUE(region);
  EXPECT_EQ(region->size(), 4096u);
}

TEST(BaseMemory, ALargeRegionIsAlignedForLargePages) {
  for (const size_t bytes : {size_t{2} << 20, (size_t{2} << 20) + 1, size_t{9} << 20}) {
    auto region = Region::allocate(bytes, false);
    ASSERT_TRUE(region);
    EXPECT_EQ(address(*region) % (size_t{2} << 20), 0u);
    EXPECT_GE(region->size(), bytes);
    region->data()[0] = std::byte{1};
    region->data()[bytes - 1] = std::byte{1};
  }
}

TEST(BaseMemory, HugepagesThatAreNotThereAreReplaced) {
  // Works either way; hugepages() says which it was.
  auto region = Region::allocate(size_t{3} << 20, true);
  ASSERT_TRUE(region);
  EXPECT_EQ(address(*region) % (size_t{2} << 20), 0u);
  region->data()[region->size() - 1] = std::byte{1};
  if (region->hugepages()) {
    EXPECT_EQ(region->size(), size_t{4} << 20);
  }
}

TEST(BaseMemory, ASizeThatNoMachineHasIsRefused) {
  EXPECT_FALSE(Region::allocate(SIZE_MAX, false));
  EXPECT_FALSE(Region::allocate(SIZE_MAX, true));
  EXPECT_FALSE(Region::allocate((size_t{1} << 46) + 1, false));
}

TEST(BaseMemory, UntouchedCapacityCostsNothing) {
  const size_t before = resident_bytes();
  auto region = Region::allocate(size_t{4} << 30, false);
  ASSERT_TRUE(region);
  region->data()[0] = std::byte{1};
  region->data()[size_t{3} << 30] = std::byte{1};
  EXPECT_LT(resident_bytes(), before + (size_t{16} << 20));
}

TEST(BaseMemory, MovingHandsOverTheMapping) {
  auto first = Region::allocate(4096, false);
  auto second = Region::allocate(8192, false);
  ASSERT_TRUE(first && second);
  std::byte* const data = first->data();
  data[7] = std::byte{42};
  Region taken = std::move(*first);
  EXPECT_EQ(taken.data(), data);
  EXPECT_EQ(first->data(), nullptr);
  *second = std::move(taken);
  EXPECT_EQ(second->data(), data);
  EXPECT_EQ(second->data()[7], std::byte{42});
}

}  // namespace
}  // namespace millrace::base
