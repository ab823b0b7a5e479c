// SPDX-License-Identifier: BSD-3-Clause
// A thread that runs one shard on one wire. In: frames and the clock. Out: frames. Its turn:
//
//     read the clock -> receive -> timers -> the program -> transmit
//
// One of several also steers: what its queue brings for others goes to them, and what theirs bring
// for it comes here (steerer.h).
//
// Must hold: the shard and the program are touched by this thread alone, from start() to the end.
#pragma once

#include <array>
#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "millrace/engine.h"
#include "millrace/frame.h"
#include "millrace/result.h"
#include "millrace/shard.h"
#include "nic/wire.h"
#include "runtime/clock.h"
#include "runtime/gauges.h"
#include "runtime/idling.h"
#include "runtime/lister.h"
#include "runtime/mover.h"
#include "runtime/steerer.h"
#include "runtime/tap.h"

namespace millrace::runtime {

struct WorkerConfig {
  size_t index = 0;
  int32_t cpu = -1;  // -1: the system's choice
  bool dpdk = true;  // the thread uses mbufs, so DPDK must know it
  Idling idling = Idling::kYield;
  Duration drain_timeout = seconds(2);
  std::optional<TapConfig> tap;
};

// Workers of one engine end together: one that is done goes on serving the others' frames.
//
// Orderings: leaving releases what the worker has handed to others, and whoever sees that nobody is
// left acquires it.
class Company {
 public:
  explicit Company(size_t workers) : working_(workers) {}
  // One more, before its thread starts.
  void join() { working_.fetch_add(1, std::memory_order_relaxed); }
  void leave() { working_.fetch_sub(1, std::memory_order_release); }
  [[nodiscard]] bool all_left() const { return working_.load(std::memory_order_acquire) == 0; }

 private:
  std::atomic<size_t> working_;
};

class Worker {
 public:
  // `steerer`: nullptr where there is one worker only; `mover`: where entries stay where they are.
  Worker(const WorkerConfig& config, Shard& shard, Program& program, nic::Wire& wire,
         Company& company, Steerer* steerer, Mover* mover = nullptr)
      : config_(config),
        shard_(shard),
        program_(program),
        wire_(wire),
        company_(company),
        steerer_(steerer),
        mover_(mover),
        idle_(config.idling) {
    if (config.tap) tap_ = std::make_unique<Tap>(*config.tap);
  }
  // Stops at once and waits.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread; returns when the program's start() has, which is called the first time only.
  // Errors: the program's own, or the CPU cannot be had; the thread has ended then.
  Result<void> start();
  // Asks for its end once its shard has nothing left, while others go on. Requires: nothing that
  // comes is for it any more.
  void retire() { retire_asked_.store(true, std::memory_order_relaxed); }
  // Asks for a drain; async-signal-safe.
  void stop() { stop_asked_.store(true, std::memory_order_relaxed); }
  // Ends without a drain, whatever the others do.
  void quit() { quit_.store(true, std::memory_order_relaxed); }
  // Waits for the end.
  void join();

  [[nodiscard]] bool running() const { return running_.load(std::memory_order_acquire); }
  // Requires: joined. False when connections had to be aborted.
  [[nodiscard]] bool drained() const { return drained_; }
  // Any thread.
  [[nodiscard]] WorkerStats stats() const;
  // What its shard has told of connections that ended badly; one thread asks. False: nothing.
  bool take_bad_end(BadEnd& end) { return bad_ends_.pop(end); }
  // nullptr: there is none.
  [[nodiscard]] Tap* tap() const { return tap_.get(); }
  [[nodiscard]] ShardUse use() const { return gauges_.read(); }
  // Any thread. The walk stays where it is until it is over. False: the worker does not run, and
  // has not taken it.
  [[nodiscard]] bool post(Walk& walk) { return lister_.post(walk); }

 private:
  void run();
  Result<void> prepare();
  void report(Result<void> outcome);

  bool turn();
  size_t receive(Instant now);
  size_t receive_handed(Instant now, bool& more);
  void exchange_news();
  void pass_on_wholes();
  size_t transmit(Instant now);
  size_t discard(Instant now);
  void look_at_link(Instant now);
  void begin_drain(Instant now);
  bool drain_is_over(Instant now);
  [[nodiscard]] bool is_empty() const;
  void measure(Instant now);
  void rest(Instant now, const Rest& rest);
  [[nodiscard]] Duration wait_length(Duration nap, Instant now) const;

  WorkerConfig config_;
  Shard& shard_;
  Program& program_;
  nic::Wire& wire_;
  Company& company_;
  Steerer* steerer_;
  Mover* mover_;
  const Clock& clock_ = Clock::system();

  std::thread thread_;
  std::atomic<bool> stop_asked_{false};
  std::atomic<bool> quit_{false};  // ends without a drain
  std::atomic<bool> retire_asked_{false};
  std::atomic<bool> running_{false};
  std::mutex mutex_;  // of outcome_
  std::condition_variable reported_;
  std::optional<Result<void>> outcome_;

  // The thread's own, or of nobody while it does not run.
  bool program_started_ = false;
  bool link_up_ = false;
  Instant link_look_{};  // when to look at the link again
  Instant last_turn_ = Instant::never();
  bool was_busy_ = false;  // the last turn moved frames
  IdlePolicy idle_;
  Lister lister_;
  bool draining_ = false;
  bool done_ = false;  // with the drain, and waits for the others
  Instant drain_deadline_ = Instant::never();
  bool drained_ = true;

  std::unique_ptr<Tap> tap_;
  BadEnd bad_end_;  // on its way from the shard
  boost::lockfree::spsc_queue<BadEnd, boost::lockfree::capacity<32>> bad_ends_;

  nic::Tally turns_;
  nic::Tally busy_turns_;
  nic::Tally busy_ns_;
  nic::Tally frames_received_;
  nic::Tally bursts_;
  Gauges gauges_;
  nic::Tally late_turns_;
  std::atomic<int64_t> longest_gap_ns_{0};

  std::array<RxFrame, Shard::kBurstMax> received_;
  std::array<TxFrame, nic::Wire::kBurstMax> described_;
};

}  // namespace millrace::runtime
