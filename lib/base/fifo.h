// SPDX-License-Identifier: BSD-3-Clause
// A queue with a fixed bound and one owner: a ring over an array of a power of two elements.
//
//             head_                tail_            both only ever grow, modulo 2^32;
//   | . | . | a | b | c | d | e |  .  | . |         the low bits are the position
//             front()
//
// Must hold: only one thread uses it. Memory is taken when it is made and never again.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"

namespace millrace::base {

template <class T>
class Fifo {
 public:
  static constexpr uint32_t kCapacityMax = uint32_t{1} << 31;

  // Requires: 1 <= capacity_min <= kCapacityMax, and memory for it; both are asserted.
  // Ensures: capacity() is the smallest power of two that is not below capacity_min.
  explicit Fifo(uint32_t capacity_min) {
    MR_ASSERT(capacity_min >= 1 && capacity_min <= kCapacityMax);
    const uint32_t capacity = std::bit_ceil(capacity_min);
    elements_.reset(new (std::nothrow) T[capacity]);
    MR_ASSERT(elements_ != nullptr);
    mask_ = capacity - 1;
  }

  Fifo(Fifo&& other) noexcept
      : elements_(std::move(other.elements_)),
        mask_(other.mask_),
        head_(other.head_),
        tail_(std::exchange(other.tail_, other.head_)) {}
  Fifo& operator=(Fifo&& other) noexcept {
    std::swap(elements_, other.elements_);
    std::swap(mask_, other.mask_);
    std::swap(head_, other.head_);
    std::swap(tail_, other.tail_);
    return *this;
  }

  // Puts a copy at the back; false when full().
  [[nodiscard]] bool push(const T& element) {
    if (full()) return false;
    elements_[tail_++ & mask_] = element;
    return true;
  }

  // The oldest element. Requires: not empty().
  [[nodiscard]] T& front() {
    MR_DCHECK(!empty());
    return elements_[head_ & mask_];
  }
  [[nodiscard]] const T& front() const {
    MR_DCHECK(!empty());
    return elements_[head_ & mask_];
  }

  // The element pushed last. Requires: not empty().
  [[nodiscard]] T& back() {
    MR_DCHECK(!empty());
    return elements_[(tail_ - 1) & mask_];
  }
  [[nodiscard]] const T& back() const {
    MR_DCHECK(!empty());
    return elements_[(tail_ - 1) & mask_];
  }

  // The one that is so many places behind the oldest. Requires: place < size().
  [[nodiscard]] const T& operator[](uint32_t place) const {
    MR_DCHECK(place < size());
    return elements_[(head_ + place) & mask_];
  }

  // Drops the oldest element. Requires: not empty().
  void pop() {
    MR_DCHECK(!empty());
    ++head_;
  }

  [[nodiscard]] uint32_t size() const { return tail_ - head_; }
  [[nodiscard]] uint32_t capacity() const { return mask_ + 1; }
  [[nodiscard]] bool empty() const { return head_ == tail_; }
  [[nodiscard]] bool full() const { return size() == capacity(); }

 private:
  std::unique_ptr<T[]> elements_;
  uint32_t mask_ = 0;
  uint32_t head_ = 0;
  uint32_t tail_ = 0;
};

}  // namespace millrace::base
