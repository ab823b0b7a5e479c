// SPDX-License-Identifier: BSD-3-Clause
// Tells the peers of a process that has died: each connection that it left gets a RST, and whoever
// does not take that one says what it expects, which the shard, knowing no such connection, answers
// by the right one (RFC 9293 section 3.10.7.1, RFC 5961). Runs on one worker that listens to
// nothing, and ends by itself.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "millrace/engine.h"
#include "millrace/raw.h"
#include "millrace/survivors.h"

namespace millrace::reap {

class Reaper final : public Program, private RawHandler {
 public:
  // How long a next hop may take to answer, and how long peers may take that have something to say.
  static constexpr Duration kResolving = seconds(5);
  static constexpr Duration kListening = seconds(1);

  explicit Reaper(std::vector<Survivor> survivors);

  // When the worker has ended.
  [[nodiscard]] uint64_t resets() const { return resets_; }
  // Those to whose peers there is no way any more.
  [[nodiscard]] uint64_t unreachable() const { return waiting_.size() + no_route_; }

 private:
  Result<void> start(Shard& shard) override;
  void turn(Shard& shard) override;
  [[nodiscard]] bool finished() const override { return finished_; }

  bool on_segment(Shard& shard, const RawSegment& segment) override;
  size_t transmit(Shard& shard, std::span<TxFrame> out) override;
  [[nodiscard]] bool has_output() const override { return !waiting_.empty(); }

  std::deque<Survivor> waiting_;
  Instant began_;
  Instant last_heard_;  // or said
  uint64_t resets_ = 0;
  uint64_t no_route_ = 0;
  bool finished_ = false;
};

}  // namespace millrace::reap
