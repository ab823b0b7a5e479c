// SPDX-License-Identifier: BSD-3-Clause
// Memory from the system, taken once at start-up. In: a size. Out: one zeroed, page-aligned mapping
// that is given back when its owner goes. Must hold: nothing on the packet path allocates one.
//
// Ordinary mappings are not reserved: a page costs memory when it is first written, so a capacity
// that is never used costs address space only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace millrace::base {

// No index: what every index-valued link and lookup in the house uses for "none".
inline constexpr uint32_t kNil = 0xffff'ffffu;

class Region {
 public:
  // Takes at least `bytes` zeroed bytes. `hugepages` asks for reserved 2 MiB pages; when there are
  // too few, or it is false, ordinary pages serve, with a hint that large ones would be welcome.
  // Ensures: data() is aligned to 4096, and to 2 MiB from 2 MiB up. Nothing when the system
  // refuses.
  [[nodiscard]] static std::optional<Region> allocate(size_t bytes, bool hugepages);

  // The first bytes of `file`, which grows to hold them, in ordinary pages that others may map,
  // too. The caller keeps the file. Nothing when the system refuses.
  [[nodiscard]] static std::optional<Region> of_file(int file, size_t bytes);

  Region(Region&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        reserved_(std::exchange(other.reserved_, false)) {}
  Region& operator=(Region&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(reserved_, other.reserved_);
    return *this;
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  [[nodiscard]] std::byte* data() const { return data_; }
  // What was asked for, rounded up to whole pages.
  [[nodiscard]] size_t size() const { return size_; }
  // Whether it lies in reserved 2 MiB pages.
  [[nodiscard]] bool hugepages() const { return reserved_; }

 private:
  Region(std::byte* data, size_t size, bool reserved)
      : data_(data), size_(size), reserved_(reserved) {}

  std::byte* data_;
  size_t size_;
  bool reserved_;
};

}  // namespace millrace::base
