// SPDX-License-Identifier: BSD-3-Clause
// Equal timeouts need no wheel: what was armed first is due first. A FIFO of node indices, linked
// through a vector that is reserved once; arm, disarm and "who is due?" cost a few instructions.
//
//     oldest -> node 7 (armed 10 us) -> node 2 (armed 12 us) -> ... -> youngest
//
// Must hold: arm() is called with times that never go back, so the list is sorted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "millrace/time.h"

namespace millrace::load {

class DeadlineList {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Requires: nodes < kNone, timeout > 0.
  DeadlineList(uint32_t nodes, Duration timeout) : timeout_(timeout), nodes_(nodes) {}

  // Requires: node is not armed.
  void arm(uint32_t node, Instant now) {
    Node& n = nodes_[node];
    n = {.armed_at = now, .previous = youngest_, .next = kNone, .armed = true};
    (youngest_ == kNone ? oldest_ : nodes_[youngest_].next) = node;
    youngest_ = node;
  }
  // A node that is not armed stays so.
  void disarm(uint32_t node) {
    Node& n = nodes_[node];
    if (!n.armed) {
      return;
    }
    (n.previous == kNone ? oldest_ : nodes_[n.previous].next) = n.next;
    (n.next == kNone ? youngest_ : nodes_[n.next].previous) = n.previous;
    n.armed = false;
  }
  // Takes the oldest node off the list if it was armed `timeout` ago or more; kNone when none was.
  uint32_t take_due(Instant now) {
    if (oldest_ == kNone || now - nodes_[oldest_].armed_at < timeout_) {
      return kNone;
    }
    const uint32_t node = oldest_;
    disarm(node);
    return node;
  }

  [[nodiscard]] bool armed(uint32_t node) const { return nodes_[node].armed; }
  // When `node` was last armed; it keeps that after disarm().
  [[nodiscard]] Instant armed_at(uint32_t node) const { return nodes_[node].armed_at; }
  [[nodiscard]] bool empty() const { return oldest_ == kNone; }
  [[nodiscard]] Duration timeout() const { return timeout_; }

 private:
  struct Node {
    Instant armed_at;
    uint32_t previous = kNone;
    uint32_t next = kNone;
    bool armed = false;
  };

  uint32_t oldest_ = kNone;
  uint32_t youngest_ = kNone;
  Duration timeout_;
  std::vector<Node> nodes_;
};

}  // namespace millrace::load
