// SPDX-License-Identifier: BSD-3-Clause
// One Shard on the tester's bench: the whole of what an outside program does with the library.
// In: frames, the time, and verbs straight on shard(). Out: the frames that the shard sends, each
// with its time, and the events of its connections, by flow. docs/harness.md walks through it.
//
// Threading: none. Time: moves only in step(), forward.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "flow.h"
#include "frame.h"
#include "millrace/shard.h"

namespace script {

class Bench final : private millrace::App {
 public:
  struct Sent {
    millrace::Instant time;
    Segment segment;
  };

  static millrace::Result<std::unique_ptr<Bench>> create(const millrace::ShardConfig& config,
                                                         millrace::Instant start);

  millrace::Shard& shard() { return *shard_; }
  millrace::App& app() { return *this; }
  [[nodiscard]] millrace::Instant now() const { return shard_->now(); }

  // --- Frames and time.
  // One turn of the loop at the present time, with these frames from outside.
  void turn(std::span<const Bytes> burst = {});
  // Moves the clock to the next deadline, or to `limit` if that comes first, for one turn there.
  void step(millrace::Instant limit);
  // Segments that nobody took yet, oldest first.
  std::deque<Sent>& sent() { return sent_; }
  // What the host did that no script may let pass: a frame that is wrong, bytes that are.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  // --- Flows. References stay good.
  Flow& flow(uint16_t peer_port, uint16_t local_port);
  // The value that a connection of this flow carries through the shard.
  [[nodiscard]] uint64_t cookie_of(const Flow& flow) const;

 private:
  Bench() = default;
  void take(std::span<const std::byte> frame);
  void learn(Flow& flow, const Segment& segment);
  Flow* flow_of(millrace::ConnectionRef connection);
  void happened(millrace::ConnectionRef connection, std::string what);

  void on_established(millrace::Shard& shard, millrace::ConnectionRef connection) override;
  size_t on_data(millrace::Shard& shard, millrace::ConnectionRef connection,
                 std::span<const std::byte> data) override;
  void on_writable(millrace::Shard& shard, millrace::ConnectionRef connection) override;
  void on_peer_closed(millrace::Shard& shard, millrace::ConnectionRef connection) override;
  void on_closed(millrace::Shard& shard, millrace::ConnectionRef connection,
                 millrace::CloseReason reason) override;

  millrace::Instant start_;
  std::deque<Flow> flows_;
  std::deque<Sent> sent_;
  std::vector<Bytes> replies_;  // of ARP, for the next turn
  std::string problem_;
  int idle_steps_ = 0;
  // Last, so that it goes first: it may call the App until it is gone.
  std::unique_ptr<millrace::Shard> shard_;
};

}  // namespace script
