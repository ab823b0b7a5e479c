// SPDX-License-Identifier: BSD-3-Clause
// One anonymous mapping, in the largest pages that can be had without risk. Cold: start-up only.
#include "base/memory.h"

#include <sys/mman.h>
#include <unistd.h>

namespace millrace::base {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kHugepageBytes = size_t{2} << 20;
// Far above any machine, far below where rounding up could wrap.
constexpr size_t kRegionBytesMax = size_t{1} << 46;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) & ~(unit - 1); }

std::byte* map(size_t bytes, int extra_flags) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

// The kernel places mappings at any page. Large pages need a 2 MiB boundary, so map more than is
// needed and hand back both ends.
std::byte* map_aligned(size_t bytes) {
  std::byte* memory = map(bytes + kHugepageBytes, MAP_NORESERVE);
  if (memory == nullptr) return nullptr;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const size_t before = round_up(address, kHugepageBytes) - address;
  const size_t after = kHugepageBytes - before;
  if (before != 0) ::munmap(memory, before);
  if (after != 0) ::munmap(memory + before + bytes, after);
  return memory + before;
}

}  // namespace

std::optional<Region> Region::allocate(size_t bytes, bool hugepages) {
  if (bytes > kRegionBytesMax) return std::nullopt;
  if (hugepages) {
    // Reserved on purpose, without MAP_NORESERVE: with too few pages mmap fails here, where there
    // is a way back, and not as SIGBUS at the first write in the middle of a turn.
    const size_t size = round_up(bytes == 0 ? 1 : bytes, kHugepageBytes);
    if (std::byte* memory = map(size, MAP_HUGETLB | (21 << MAP_HUGE_SHIFT))) {
      return Region(memory, size, true);
    }
  }
  const size_t size = round_up(bytes == 0 ? 1 : bytes, kPageBytes);
  const bool large = size >= kHugepageBytes;
  std::byte* memory = large ? map_aligned(size) : map(size, MAP_NORESERVE);
  if (memory == nullptr) return std::nullopt;
  // A hint; a kernel that cannot follow it still serves the memory.
  if (large) static_cast<void>(::madvise(memory, size, MADV_HUGEPAGE));
  return Region(memory, size, false);
}

std::optional<Region> Region::of_file(int file, size_t bytes) {
  if (bytes > kRegionBytesMax) return std::nullopt;
  const size_t size = round_up(bytes == 0 ? 1 : bytes, kPageBytes);
  if (::ftruncate(file, static_cast<off_t>(size)) != 0) return std::nullopt;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return std::nullopt;
  static_cast<void>(::madvise(memory, size, MADV_HUGEPAGE));
  return Region(static_cast<std::byte*>(memory), size, false);
}

Region::~Region() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace millrace::base
