// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/worker.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <utility>

namespace millrace::runtime {
namespace {

// Bursts of a turn, each way. A device's ring of 1024 is emptied in one turn, and a full ring
// waits for no more than that.
constexpr int kBurstsPerTurn = 16;

constexpr Duration kLateAfter = milliseconds(1);
constexpr Duration kLinkLookUp = milliseconds(200);   // between looks at a link that is up
constexpr Duration kLinkLookDown = milliseconds(10);  // and at one that is not, or while draining

// The longest sleep that a frame ends: stop() is noticed after it.
constexpr Duration kWaitMax = milliseconds(50);

// Past the drain's deadline: what its aborts still send has to leave.
constexpr Duration kDrainGrace = milliseconds(500);

}  // namespace

Worker::~Worker() {
  quit();
  join();
}

Result<void> Worker::start() {
  outcome_.reset();
  retire_asked_.store(false, std::memory_order_relaxed);
  draining_ = done_ = false;
  last_turn_ = Instant::never();
  idle_ = IdlePolicy(config_.idling);
  running_.store(true, std::memory_order_release);
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  reported_.wait(lock, [this] { return outcome_.has_value(); });
  Result<void> outcome = *outcome_;
  lock.unlock();
  if (!outcome) join();
  return outcome;
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::run() {
  lister_.open();
  Result<void> outcome = prepare();
  if (outcome && !program_started_) outcome = program_.start(shard_);
  program_started_ = true;
  const bool started = outcome.ok();
  report(std::move(outcome));
  if (started) {
    while (turn()) {
    }
  }
  lister_.close();
  if (config_.dpdk) rte_thread_unregister();
  running_.store(false, std::memory_order_release);
}

Result<void> Worker::prepare() {
  pthread_setname_np(pthread_self(), fmt::format("millrace-{}", config_.index).c_str());
  // A sleep of 50 microseconds would be twice that long with the default slack.
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  if (config_.cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (config_.cpu < CPU_SETSIZE) CPU_SET(config_.cpu, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
      return Error{
          fmt::format("cpu is {}: this process may not run there; `nproc` and `taskset "
                      "-p $$` show where it may",
                      config_.cpu)};
    }
  }
  if (config_.dpdk && rte_thread_register() != 0) {
    return Error{"DPDK takes no further thread: use fewer workers"};
  }
  // The shard may have waited for its start: what the program opens now shall not be late at once.
  const Instant now = clock_.now();
  shard_.advance(now);
  look_at_link(now);
  return {};
}

void Worker::report(Result<void> outcome) {
  {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
  }
  reported_.notify_one();
}

// One turn of the loop; false ends it.
bool Worker::turn() {
  const Instant now = clock_.now();
  measure(now);
  if (now >= link_look_) look_at_link(now);

  const size_t frames_in = receive(now);
  const bool moves = mover_ != nullptr && mover_->due();
  if (moves) [[unlikely]]
    mover_->turn(now);
  shard_.advance(now);
  program_.turn(shard_);
  while (bad_ends_.write_available() != 0 && shard_.take_bad_end(bad_end_)) {
    bad_ends_.push(bad_end_);
  }
  const size_t frames_out = transmit(now);

  frames_received_.add(frames_in);
  was_busy_ = frames_in + frames_out != 0;
  if (was_busy_) busy_turns_.add(1);
  bool listed = false;
  if (lister_.wanted()) [[unlikely]]
    listed = lister_.turn(shard_, clock_, was_busy_);
  // What the device has not taken yet is offered again at once.
  rest(now, idle_.after_turn(now, was_busy_ || moves || listed || wire_.pending()));

  if (quit_.load(std::memory_order_relaxed)) return false;
  if (!draining_) {
    if (stop_asked_.load(std::memory_order_relaxed) || program_.finished()) {
      begin_drain(now);
    } else if (retire_asked_.load(std::memory_order_relaxed) && is_empty()) {
      company_.leave();
      return false;
    }
    return true;
  }
  if (!done_ && drain_is_over(now)) {
    done_ = true;
    company_.leave();
  }
  return !company_.all_left() || wire_.pending();
}

size_t Worker::receive(Instant now) {
  if (steerer_ != nullptr) steerer_->collect();
  size_t count = 0;
  bool full = false;
  for (int i = 0; i < kBurstsPerTurn; ++i) {
    full = false;
    const size_t n = wire_.receive(received_, full);
    const size_t ours = steerer_ == nullptr ? n : steerer_->keep_own({received_.data(), n});
    if (ours != 0) shard_.receive(now, {received_.data(), ours});
    if (tap_) [[unlikely]]
      tap_->received(now, shard_, {received_.data(), ours});
    wire_.release();
    pass_on_wholes();
    count += n;
    bursts_.add(n != 0 ? 1 : 0);
    if (!full) break;
  }
  if (steerer_ != nullptr) {
    bool more = false;
    count += receive_handed(now, more);
    full = full || more;
    exchange_news();
  }
  shard_.end_of_input(now, !full);
  return count;
}

void Worker::pass_on_wholes() {
  RxFrame whole;
  while (steerer_ != nullptr && shard_.take_whole(whole)) steerer_->pass_on(whole);
}

void Worker::exchange_news() {
  std::array<PathNews, 8> news;
  if (const size_t count = shard_.take_news(news); count != 0) {
    steerer_->tell(std::span(news).first(count));
  }
  while (steerer_->hear(news[0])) shard_.learn(news[0]);
}

// `more`: there may be more of them than a turn takes.
size_t Worker::receive_handed(Instant now, bool& more) {
  size_t count = 0;
  more = true;
  for (int i = 0; i < kBurstsPerTurn && more; ++i) {
    const size_t n = steerer_->take(received_);
    more = n != 0;
    if (!more) break;
    shard_.receive(now, {received_.data(), n});
    if (tap_) [[unlikely]]
      tap_->received(now, shard_, {received_.data(), n});
    steerer_->release();
    pass_on_wholes();
    count += n;
  }
  return count;
}

size_t Worker::transmit(Instant now) {
  if (!link_up_) return draining_ ? discard(now) : 0;
  size_t count = wire_.relay(now);
  for (int i = 0; i < kBurstsPerTurn; ++i) {
    if (!wire_.pending() && !shard_.has_output()) break;
    const size_t room = wire_.room(now);
    if (room == 0) break;
    const size_t n = shard_.transmit(now, {described_.data(), room});
    if (n == 0) break;
    if (tap_) [[unlikely]]
      tap_->sent(now, shard_, {described_.data(), n});
    wire_.send({described_.data(), n});
    count += n;
  }
  return count;
}

// Without a peer frames stay in the shard, so that none is stale when it comes. But at the end
// nobody will come for them, and they may not hold it up.
size_t Worker::discard(Instant now) {
  wire_.discard(0);
  size_t count = 0;
  for (int i = 0; i < kBurstsPerTurn; ++i) {
    const size_t n = shard_.transmit(now, described_);
    wire_.discard(n);
    if (n == 0) break;
    count += n;
  }
  return count;
}

void Worker::look_at_link(Instant now) {
  link_up_ = wire_.poll_link();
  gauges_.publish(shard_.use());
  link_look_ = now + (link_up_ && !draining_ ? kLinkLookUp : kLinkLookDown);
}

void Worker::begin_drain(Instant now) {
  draining_ = true;
  drain_deadline_ = now + config_.drain_timeout;
  link_look_ = now;
  program_.stopping(shard_);
  shard_.drain(drain_deadline_);
}

bool Worker::is_empty() const {
  const bool moves = mover_ != nullptr && mover_->due();
  return !moves && shard_.drained() && !shard_.has_output() && !wire_.pending();
}

bool Worker::drain_is_over(Instant now) {
  if (shard_.drained() && !wire_.pending() && (mover_ == nullptr || !mover_->due())) return true;
  if (now < drain_deadline_) return false;
  drained_ = false;
  return now >= drain_deadline_ + kDrainGrace;
}

void Worker::measure(Instant now) {
  turns_.add(1);
  if (last_turn_ != Instant::never()) {
    const Duration gap = now - last_turn_;
    if (gap > kLateAfter) {
      late_turns_.add(1);  // somebody else had the CPU, as a rule
    } else if (was_busy_) {
      busy_ns_.add(static_cast<uint64_t>(gap.ns));
    }
    if (gap.ns > longest_gap_ns_.load(std::memory_order_relaxed)) {
      longest_gap_ns_.store(gap.ns, std::memory_order_relaxed);
    }
  }
  last_turn_ = now;
}

void Worker::rest(Instant now, const Rest& rest) {
  switch (rest.kind) {
    case Rest::Kind::kNone:
      return;
    case Rest::Kind::kPause:
      rte_pause();
      return;
    case Rest::Kind::kYield:
      sched_yield();
      return;
    case Rest::Kind::kSleep: {
      const Duration length = sleep_length(rest, now, shard_.next_deadline());
      if (length == Duration{}) return;
      last_turn_ = Instant::never();  // the next turn is not late, it was not wanted before
      // A frame that another worker hands over, or leaves to be sent, would not end a wait.
      const bool waits = config_.idling == Idling::kSleep && link_up_ && steerer_ == nullptr;
      if (waits && wire_.wait(wait_length(length, now))) {
        return;
      }
      const timespec t{.tv_sec = 0, .tv_nsec = length.ns};
      nanosleep(&t, nullptr);
      return;
    }
  }
}

// How long a sleep may be that the next frame ends: what is due by time alone decides.
Duration Worker::wait_length(Duration nap, Instant now) const {
  if (lister_.wanted()) return nap;
  const Instant due = std::min(shard_.next_deadline(), program_.next_turn());
  return due <= now ? nap : std::min(kWaitMax, due - now);
}

WorkerStats Worker::stats() const {
  WorkerStats stats{.turns = turns_.get(),
                    .busy_turns = busy_turns_.get(),
                    .busy_time = {static_cast<int64_t>(busy_ns_.get())},
                    .frames_received = frames_received_.get(),
                    .bursts = bursts_.get(),
                    .late_turns = late_turns_.get(),
                    .longest_gap = {longest_gap_ns_.load(std::memory_order_relaxed)},
                    .longest_slice = lister_.longest_slice()};
  if (steerer_ == nullptr) return stats;
  const SteeringTallies& steering = steerer_->tallies();
  stats.handed_in = steering.handed_in.get();
  stats.handed_out = steering.handed_out.get();
  stats.handing_failed = steering.dropped.get();
  stats.kept_back = steering.kept.get();
  stats.hashes_checked = steering.hashes_checked.get();
  stats.hashes_wrong = steering.hashes_wrong.get();
  return stats;
}

}  // namespace millrace::runtime
