// SPDX-License-Identifier: BSD-3-Clause
// What a shard has in use, put where other threads can read it. In: ShardUse, now and then, from
// the worker. Out: the same, but for the addresses that it names.
//
// Orderings: relaxed. Each number is untorn; two may be of different moments.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "millrace/tcp_info.h"

namespace millrace::runtime {

class Gauges {
 public:
  // The worker's thread.
  void publish(const ShardUse& use) {
    for (size_t i = 0; i < kMembers.size(); ++i) {
      values_[i].store(use.*kMembers[i], std::memory_order_relaxed);
    }
  }
  // Any thread.
  [[nodiscard]] ShardUse read() const {
    ShardUse use;
    for (size_t i = 0; i < kMembers.size(); ++i) {
      use.*kMembers[i] = values_[i].load(std::memory_order_relaxed);
    }
    return use;
  }

 private:
  static constexpr std::array kMembers = {
      &ShardUse::connections,    &ShardUse::half_open,    &ShardUse::time_wait,
      &ShardUse::listeners,      &ShardUse::neighbors,    &ShardUse::small_blocks,
      &ShardUse::large_blocks,   &ShardUse::loss_records, &ShardUse::timers,
      &ShardUse::control_frames, &ShardUse::flow_entries};

  std::array<std::atomic<uint32_t>, kMembers.size()> values_{};
};

}  // namespace millrace::runtime
