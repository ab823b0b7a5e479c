// SPDX-License-Identifier: BSD-3-Clause
// Bytes without end on a number of connections: to the target, from it, or there and back. In: a
// plan. Out: counts that other threads may read, and what was moved in the time that was given.
//
//   up    sends; the target reads (discard). What counts is acknowledged, not merely handed over.
//   down  reads what the target sends unasked (chargen).
//   both  sends, and compares what comes back (echo) with it.
//
// Must hold: nothing is allocated per byte; every launched connection is counted once as completed,
// failed (by reason) or drained.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "load/deadline_list.h"
#include "load/paced_program.h"

namespace millrace::load {

enum class Direction : uint8_t { kUp, kDown, kBoth };

struct ThroughputPlan {
  Endpoint target;
  std::vector<Endpoint> round = {};  // of targets, in turn; empty: the one above
  Direction direction = Direction::kUp;
  uint32_t concurrency = 1;
  Duration duration = seconds(10);    // 0: until stop()
  Duration timeout = seconds(5);      // without progress; and for the target's first answer
  std::vector<AddressRange> sources;  // addresses to connect from; empty: the interface's own
  TcpOptions tcp;
  Instant start_at;  // no load before; of the shard's clock
};

// One plan for each of `workers`, or of fewer where there are not that many connections.
std::vector<ThroughputPlan> divide(const ThroughputPlan& plan, size_t workers);

class Throughput final : public PacedProgram, private App {
 public:
  explicit Throughput(const ThroughputPlan& plan);

  // When the worker has ended: what was moved while load was offered.
  [[nodiscard]] uint64_t acknowledged_bytes() const { return acknowledged_bytes_; }
  [[nodiscard]] uint64_t received_bytes() const { return received_bytes_; }

 private:
  struct Client {
    ConnectionId id;
    size_t sent = 0;      // how far into the pattern
    size_t received = 0;  // the same, of what comes back
    Instant closing_since;
    Failure failure = Failure::kNone;
    bool done = false;  // its time is up; closing
  };

  [[nodiscard]] bool sends() const { return plan_.direction != Direction::kDown; }
  void expire(Shard& shard) override;
  void run(Shard& shard) override;
  void end(Shard& shard) override;
  void abort_all(Shard& shard) override;
  [[nodiscard]] uint32_t open() const override { return open_; }
  void launch(Shard& shard);
  void pump(Shard& shard, uint32_t slot);
  void progress(Shard& shard, uint32_t slot);
  bool as_sent(Client& client, std::span<const std::byte> data) const;
  void fail(Shard& shard, Client& client, Failure failure);

  void on_established(Shard& shard, ConnectionRef connection) override;
  size_t on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) override;
  void on_writable(Shard& shard, ConnectionRef connection) override;
  void on_peer_closed(Shard& shard, ConnectionRef connection) override;
  void on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) override;

  ThroughputPlan plan_;
  std::vector<std::byte> pattern_;
  std::vector<Client> clients_;
  uint32_t launched_ = 0;
  uint32_t open_ = 0;
  DeadlineList deadlines_;

  uint64_t acknowledged_bytes_ = 0;
  uint64_t received_bytes_ = 0;
};

}  // namespace millrace::load
