// SPDX-License-Identifier: BSD-3-Clause
// Frames that belong to no connection object: ARP, ICMP, RST, SYN-ACK, TIME-WAIT's answers.
// Bounded; they leave before anything else. While a neighbour is being asked for, its frames wait
// in a list of its own made of the same entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "base/slab.h"
#include "millrace/frame.h"
#include "tcp/blocks.h"

namespace millrace::stack {

using base::kNil;

struct ControlFrame {
  TxFrame frame;
  uint32_t body_block;  // holds the payload, given back after the frame was sent; or kNil
  uint32_t next;
};

class ControlQueue {
 public:
  static std::optional<ControlQueue> create(uint32_t capacity) {
    auto slab = base::Slab<ControlFrame>::create(capacity, false);
    if (!slab) return std::nullopt;
    return ControlQueue(std::move(*slab));
  }

  // An empty entry, not yet in any list; kNil when all are in use.
  uint32_t allocate() {
    const uint32_t index = slab_.allocate();
    if (index != kNil) {
      slab_[index].body_block = kNil;
      slab_[index].next = kNil;
    }
    return index;
  }
  ControlFrame& operator[](uint32_t index) { return slab_[index]; }

  void push(uint32_t index) { append(head_, tail_, index); }
  // Appends to a list of the caller's.
  void append(uint32_t& head, uint32_t& tail, uint32_t index) {
    slab_[index].next = kNil;
    if (tail == kNil) {
      head = index;
    } else {
      slab_[tail].next = index;
    }
    tail = index;
  }
  // The next one to send, taken off the list; kNil when there is none. free() it afterwards.
  uint32_t pop() {
    const uint32_t index = head_;
    if (index == kNil) return kNil;
    head_ = slab_[index].next;
    if (head_ == kNil) tail_ = kNil;
    return index;
  }
  void free(uint32_t index, tcp::Blocks& blocks) {
    if (slab_[index].body_block != kNil) blocks.release(slab_[index].body_block);
    slab_.free(index);
  }

  [[nodiscard]] bool empty() const { return head_ == kNil; }
  [[nodiscard]] uint32_t used() const { return slab_.used(); }
  [[nodiscard]] uint32_t capacity() const { return slab_.capacity(); }

 private:
  explicit ControlQueue(base::Slab<ControlFrame> slab) : slab_(std::move(slab)) {}

  base::Slab<ControlFrame> slab_;
  uint32_t head_ = kNil;
  uint32_t tail_ = kNil;
};

}  // namespace millrace::stack
