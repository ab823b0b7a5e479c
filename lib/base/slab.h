// SPDX-License-Identifier: BSD-3-Clause
// A pool of objects with a fixed bound. In: allocate and free. Out: indices below capacity().
//
//   objects   | T | T | T | T | T | . | . |     links   | 3 | - | n | n | - | . | . |
//               0   1   2   3   4                         0   1   2   3   4
//                                 ^ touched_             free list: 0 -> 3 -> nil
//
// Free indices form a last-in first-out list in an array of their own, so an object keeps all its
// bytes between free() and allocate(): a generation inside T survives and stale handles are caught.
// Indices that were never used come from a counter, so a slab of ten million objects costs no pass
// over memory when it is made, and no memory until it is used.
//
// Must hold: an index is freed once for each time it was allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/memory.h"

namespace millrace::base {

template <class T>
class Slab {
  static_assert(std::is_trivially_destructible_v<T>, "free() runs no destructor");
  static_assert(alignof(T) <= 4096, "a region is page-aligned");

 public:
  // Leaves the top bit of an index to those who store one.
  static constexpr uint32_t kCapacityMax = uint32_t{1} << 31;

  // Nothing when there is no memory, or capacity is above kCapacityMax. With a `file`, the objects
  // lie in that (Region::of_file()).
  [[nodiscard]] static std::optional<Slab> create(uint32_t capacity, bool hugepages,
                                                  int file = -1) {
    if (capacity > kCapacityMax) return std::nullopt;
    const size_t bytes = size_t{capacity} * sizeof(T);
    auto objects = file == -1 ? Region::allocate(bytes, hugepages) : Region::of_file(file, bytes);
    auto links = Region::allocate(size_t{capacity} * sizeof(uint32_t), hugepages);
    if (!objects || !links) return std::nullopt;
    return Slab(std::move(*objects), std::move(*links), capacity);
  }

  // Ensures: an index that is not in use, or kNil when all are. Its object holds what it held when
  // it was freed, zero bytes at first; no constructor runs.
  [[nodiscard]] uint32_t allocate() {
    uint32_t index = free_head_;
    if (index != kNil) {
      free_head_ = links_[index];
    } else if (touched_ < capacity_) {
      index = touched_++;
    } else {
      return kNil;
    }
    ++used_;
#if defined(MILLRACE_DCHECK)
    links_[index] = kInUse;
#endif
    return index;
  }

  // Requires: index came from allocate() and was not freed since.
  void free(uint32_t index) {
    MR_DCHECK(index < touched_);
    MR_DCHECK(links_[index] == kInUse);
    links_[index] = free_head_;
    free_head_ = index;
    --used_;
  }

  // Requires: index < capacity(). An object that is free may be read, to compare a generation.
  [[nodiscard]] T& operator[](uint32_t index) {
    MR_DCHECK(index < capacity_);
    return objects_[index];
  }
  [[nodiscard]] const T& operator[](uint32_t index) const {
    MR_DCHECK(index < capacity_);
    return objects_[index];
  }

  // The object of index 0; the others follow. Stays valid when the slab itself is moved.
  [[nodiscard]] T* data() { return objects_; }

  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] uint32_t used() const { return used_; }
  // The most that were ever in use at once.
  [[nodiscard]] uint32_t high_water() const { return touched_; }

 private:
  static constexpr uint32_t kInUse = 0xffff'fffeu;  // above every index, and not kNil

  Slab(Region objects, Region links, uint32_t capacity)
      : objects_region_(std::move(objects)),
        links_region_(std::move(links)),
        objects_(reinterpret_cast<T*>(objects_region_.data())),
        links_(reinterpret_cast<uint32_t*>(links_region_.data())),
        capacity_(capacity) {}

  Region objects_region_;
  Region links_region_;
  T* objects_;
  uint32_t* links_;
  uint32_t capacity_;
  uint32_t touched_ = 0;
  uint32_t free_head_ = kNil;
  uint32_t used_ = 0;
};

}  // namespace millrace::base
