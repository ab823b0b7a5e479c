// SPDX-License-Identifier: BSD-3-Clause
// The course of a run that loads a target by connections; what is done on them is the mode's.
//
//     probing --target answers--> running --time or count is up--> ending --all closed--> done
//         \------- it does not, for as long as the timeout: error() says why ------------> done
//
// What is open when the end's grace is over is aborted.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "load/latency.h"
#include "load/probe.h"
#include "load/sources.h"
#include "load/tally.h"
#include "millrace/engine.h"

namespace millrace::load {

// What every plan says.
struct Course {
  Endpoint target;
  const std::vector<Endpoint>& round;
  Duration duration;
  Duration timeout;
  const std::vector<AddressRange>& sources;
  const TcpOptions& tcp;
  Instant start_at;  // no load before, though the target has answered
};
template <class Plan>
Course course_of(const Plan& plan) {
  return {plan.target,  plan.round, plan.duration, plan.timeout,
          plan.sources, plan.tcp,   plan.start_at};
}

class PacedProgram : public Program {
 public:
  Result<void> start(Shard& /*shard*/) override { return {}; }
  void turn(Shard& shard) final;
  void stopping(Shard& shard) final;
  // What was aborted ends while the worker drains: without a link it sends nothing before that.
  [[nodiscard]] bool finished() const final {
    return phase_ == Phase::kDone || (phase_ == Phase::kEnding && give_up_ == Instant::never());
  }

  // Before load is offered: it will not be, for this reason.
  void give_up(const std::string& error);

  // The shard's frames and repetitions are counted by another of its programs.
  void leave_stack_to_another() { notes_stack_ = false; }

  // --- For other threads, at any time ---------------------------------------------------------
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] TallySnapshot snapshot() const { return tally_.snapshot(); }
  [[nodiscard]] const Latencies& latencies() const { return latencies_; }
  [[nodiscard]] bool running() const { return running_.load(std::memory_order_relaxed); }
  // Since when load has been offered; never() before that.
  [[nodiscard]] Instant began() const { return began_.load(std::memory_order_relaxed); }

  // --- When the worker has ended --------------------------------------------------------------
  // For how long load was offered.
  [[nodiscard]] Duration ran_for() const { return ran_for_; }
  // Why the target was never loaded; empty when it was.
  [[nodiscard]] const std::string& error() const { return error_; }
  // The stack's last refusal to open a connection; empty when there was none.
  [[nodiscard]] const std::string& connect_error() const { return connect_error_; }

 protected:
  // `duration` 0: until end_running() or stop(). `sources` empty: the interface's own address.
  explicit PacedProgram(const Course& course);

  // In every turn, first: connections that took too long.
  virtual void expire(Shard& shard) = 0;
  // The target has answered: the first turn of run() follows in this same turn.
  virtual void begin(Shard& /*shard*/) {}
  // In every turn while load is offered.
  virtual void run(Shard& shard) = 0;
  // No more load: no new connections, and those there are may end.
  virtual void end(Shard& shard) = 0;
  virtual void abort_all(Shard& shard) = 0;
  [[nodiscard]] virtual uint32_t open() const = 0;

  // The time is up, or there is nothing more to do.
  void end_running(Shard& shard);
  [[nodiscard]] bool offering() const { return phase_ == Phase::kRunning; }
  [[nodiscard]] bool ending() const { return phase_ == Phase::kEnding; }
  [[nodiscard]] Instant end_time() const { return end_; }
  // A connection to the next target of the round, from the next of the sources; counted. Nothing,
  // and counted as failed, when the stack refuses one.
  std::optional<ConnectionId> connect(Shard& shard, App& app, uint64_t cookie);

  Tally tally_;
  Latencies latencies_;

 private:
  enum class Phase : uint8_t { kProbing, kRunning, kEnding, kDone };
  static constexpr size_t kNotedCount = 4;  // counters of the stack that are noted
  void probe(Shard& shard);
  void note_stack(const Shard& shard);

  std::vector<Endpoint> round_;
  size_t next_in_round_ = 0;
  TcpOptions tcp_;
  Duration duration_;
  Duration timeout_;
  Instant start_at_;
  std::optional<Sources> sources_;
  std::vector<std::unique_ptr<Probe>> probes_;  // of each target
  Phase phase_ = Phase::kProbing;
  std::atomic<bool> running_{false};
  std::atomic<Instant> began_{Instant::never()};
  bool notes_stack_ = true;
  std::array<uint64_t, kNotedCount> stack_before_{};  // when load was first offered
  Instant end_;
  Instant give_up_;  // in kEnding: what is still open then is aborted
  Duration ran_for_;
  std::string error_;
  std::string connect_error_;
};

}  // namespace millrace::load
