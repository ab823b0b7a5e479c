// SPDX-License-Identifier: BSD-3-Clause
// The modes that hold connections: cc, in which they stay, and teardown, in which they go again.
//
//     launched      established   all are open
//        |--- open_rate --|------------|---- cc: each asks once in `every`, `churn` are replaced
//                                      |---- teardown: `rate` are closed per second, then the end
#include <algorithm>

#include "load/generator.h"

namespace millrace::load {
namespace {

constexpr uint32_t kPerTurn = 64;     // connections opened, or closed
constexpr uint32_t kLooksMax = 4096;  // slots looked at for an idle connection
constexpr Duration kChurnCatchUp = milliseconds(100);
constexpr Duration kNeverStale =
    seconds(7 * 86'400);  // what is to be opened or closed is, some time

}  // namespace

void Generator::begin_holding() {
  if (plan_.open_rate != 0) {
    opening_.emplace(plan_.open_rate, began(), kNeverStale, plan_.concurrency);
  }
}

void Generator::hold(Shard& shard) {
  open_held(shard);
  const bool all_open = tally_.get(Count::kLaunched) >= plan_.concurrency && connecting_ == 0;
  if (built_.after.ns == 0 && all_open) {
    built_ = {std::max(shard.now() - began(), nanoseconds(1)), open(),
              tally_.get(Count::kCompleted)};
  }
  if (waiting_) ask_held(shard);
  if (built_.after.ns == 0) return;
  if (plan_.mode == Mode::kTeardown) {
    tear_down(shard);
  } else if (plan_.churn != 0) {
    churn(shard);
  }
}

void Generator::open_held(Shard& shard) {
  const Instant now = shard.now();
  if (!opening_ || tally_.get(Count::kLaunched) >= plan_.concurrency) {
    fill_up(shard);
    return;
  }
  for (uint32_t i = 0; i < kPerTurn && opening_->pending(now) != 0; ++i) {
    if (free_.empty() || now < launch_again_) return;
    opening_->take(now);
    launch(shard, now);
  }
}

// Open, and nothing under way: until its next request, or the end.
void Generator::keep(Shard& shard, uint32_t slot) {
  deadlines_.disarm(slot);
  if (waiting_ && !waiting_->armed(slot)) waiting_->arm(slot, shard.now());
}

void Generator::ask_held(Shard& shard) {
  const Instant now = shard.now();
  for (;;) {
    const uint32_t slot = waiting_->take_due(now);
    if (slot == DeadlineList::kNone) return;
    const Instant due = waiting_->armed_at(slot) + plan_.every;
    waiting_->arm(slot, now);
    tally_.add(Count::kScheduled);
    const Client& client = clients_[slot];
    if (!idle(client)) {  // the one before is not answered
      tally_.add(Count::kSkippedConcurrency);
      continue;
    }
    latencies_.record(Latency::kLateness, now - due);
    ask(shard, slot, due);
  }
}

void Generator::churn(Shard& shard) {
  const Instant now = shard.now();
  if (!churning_) churning_.emplace(plan_.churn, now, kChurnCatchUp);
  churning_->skip_stale(now);
  for (uint32_t i = 0; i < kPerTurn && churning_->pending(now) != 0; ++i) {
    const uint32_t slot = next_idle();
    if (slot == DeadlineList::kNone) return;
    churning_->take(now);
    finish(shard, clients_[slot]);
  }
}

void Generator::tear_down(Shard& shard) {
  const Instant now = shard.now();
  if (plan_.rate != 0 && !schedule_) {
    schedule_.emplace(plan_.rate, now, kNeverStale, built_.open, plan_.pattern);
  }
  if (schedule_) tally_.set(Count::kScheduled, schedule_->scheduled(now));
  for (uint32_t i = 0; i < kPerTurn; ++i) {
    if (schedule_ && schedule_->pending(now) == 0) return;
    const uint32_t slot = next_idle();
    if (slot == DeadlineList::kNone) return;
    if (schedule_) latencies_.record(Latency::kLateness, schedule_->take(now));
    tally_.add(Count::kCloses);
    finish(shard, clients_[slot]);
  }
}

// The next connection in the order of slots with nothing under way; kNone: none is near.
uint32_t Generator::next_idle() {
  const auto slots = static_cast<uint32_t>(clients_.size());
  for (uint32_t looks = 0; looks < std::min(slots, kLooksMax); ++looks) {
    const uint32_t slot = cursor_;
    cursor_ = cursor_ + 1 == slots ? 0 : cursor_ + 1;
    if (idle(clients_[slot])) return slot;
  }
  return DeadlineList::kNone;
}

}  // namespace millrace::load
