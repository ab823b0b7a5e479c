// SPDX-License-Identifier: BSD-3-Clause
// What goes from one shard to another of the same process when its work is spread anew: values and
// bytes, put in by one and taken out in the same order by the other. It grows as it is filled, on
// the thread that fills it; clear() keeps the memory for the next time.
//
// Threading: none; whoever hands it to another thread sees to the order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

namespace millrace {

class Parcel {
 public:
  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    put_bytes(std::as_bytes(std::span(&value, 1)));
  }
  void put_bytes(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  // What was put in at this place. Asserts that there is so much.
  template <class T>
  [[nodiscard]] T take() {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    T value;
    std::memcpy(static_cast<void*>(&value), take_bytes(sizeof value).data(), sizeof value);
    return value;
  }
  // Valid until the parcel changes.
  [[nodiscard]] std::span<const std::byte> take_bytes(size_t bytes);

  [[nodiscard]] bool empty() const { return taken_ == bytes_.size(); }
  // Put in, taken or not.
  [[nodiscard]] size_t bytes() const { return bytes_.size(); }
  [[nodiscard]] size_t taken() const { return taken_; }
  // Takes again from there, or goes on there. Requires: at <= bytes().
  void seek(size_t at) { taken_ = at; }
  void clear() {
    bytes_.clear();
    taken_ = 0;
  }

  // Overwrites what was put in at `at`.
  template <class T>
  void patch(size_t at, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }

 private:
  std::vector<std::byte> bytes_;
  size_t taken_ = 0;
};

}  // namespace millrace
