// SPDX-License-Identifier: BSD-3-Clause
#include "load/syn_flood.h"

#include <fmt/format.h>

#include <algorithm>

#include "load/team.h"

namespace millrace::load {
namespace {

constexpr Duration kCatchUp = milliseconds(100);
constexpr uint8_t kWindowShift = 7;
// Tuples of other shards that are passed over in one turn.
constexpr size_t kLooksMax = 65536;

// A 64-bit mixture in which every bit of the result depends on every bit of x.
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
  return x ^ (x >> 32);
}

// What a SYN's timestamp says, and its SYN-ACK says again: microseconds, for hours.
uint32_t clock_of(Instant now) { return static_cast<uint32_t>(now.ns / 1000); }

Sources sources_of(const SynPlan& plan) {
  if (!plan.sources.empty()) return Sources(plan.sources);
  return Sources({{plan.address, plan.address}});
}

}  // namespace

std::vector<SynPlan> divide(const SynPlan& plan, size_t workers) {
  workers = useful_workers(workers, {plan.rate, plan.count});
  std::vector<SynPlan> plans(workers, plan);
  for (size_t i = 0; i < workers; ++i) {
    plans[i].rate = part_of(plan.rate, i, workers);
    plans[i].count = part_of(plan.count, i, workers);
  }
  return plans;
}

SynFlood::SynFlood(const SynPlan& plan)
    : plan_(plan),
      sources_(sources_of(plan)),
      tuples_(sources_.count() * kPortCount),
      answered_(kWindow / 64) {
  syn_.flags = kRawSyn;
  syn_.mss = plan.mss;
  syn_.sack_permitted = plan.tcp.sack;
  syn_.has_timestamps = plan.tcp.timestamps;
  if (plan.tcp.window_scale) syn_.window_shift = kWindowShift;
  syn_.key.peer = plan.target.address;
  syn_.key.peer_port = plan.target.port;
}

TallySnapshot SynFlood::snapshot() const {
  TallySnapshot s;
  const auto set = [&](Count count, const cli::Count& value) {
    s.counts[static_cast<size_t>(count)] = value.get();
  };
  set(Count::kScheduled, counts_.scheduled);
  set(Count::kSkippedLate, counts_.skipped);
  set(Count::kEstablished, counts_.syn_acks);
  set(Count::kLaunched, counts_.sent);
  set(Count::kFramesSent, counts_.sent);
  s.failures[static_cast<size_t>(failure_of(CloseReason::kRefused))] = counts_.resets.get();
  return s;
}

Result<void> SynFlood::start(Shard& shard) {
  shard.set_raw_handler(this);
  return {};
}

void SynFlood::turn(Shard& shard) {
  now_ = shard.now();
  switch (phase_) {
    case Phase::kResolving:
      resolve(shard);
      return;
    case Phase::kFlooding:
      // A neighbour that has gone is asked for meanwhile, and the SYNs go where it was.
      if (const auto path = shard.raw_path(plan_.target.address); path && *path) path_ = **path;
      if (schedule_) {
        counts_.skipped.add(schedule_->skip_stale(now_));
        counts_.scheduled.set(schedule_->scheduled(now_));
      }
      if (now_ >= end_ ||
          (plan_.count != 0 && counts_.sent.get() + counts_.skipped.get() >= plan_.count)) {
        end_flooding();
      }
      return;
    case Phase::kListening:
      if (now_ >= end_ || answered() == counts_.sent.get()) phase_ = Phase::kDone;
      return;
    case Phase::kDone:
      return;
  }
}

void SynFlood::stopping(Shard& /*shard*/) {
  if (phase_ == Phase::kResolving) {
    error_ = fmt::format("stopped before ARP had found {}", plan_.target.address.to_string());
  }
  if (phase_ == Phase::kFlooding) end_flooding();
  phase_ = Phase::kDone;
}

void SynFlood::resolve(Shard& shard) {
  if (!resolving_since_) resolving_since_ = now_;
  const Result<std::optional<RawPath>> path = shard.raw_path(plan_.target.address);
  if (path && *path) {
    if (now_ < plan_.start_at) return;
    path_ = **path;
    begin(shard);
  } else if (!path) {
    error_ = path.error().message;
    phase_ = Phase::kDone;
  } else if (now_ - *resolving_since_ >= plan_.timeout) {
    error_ = fmt::format(
        "{} or its gateway does not answer on the link: check the address, the network, and that "
        "the "
        "peer is up",
        plan_.target.address.to_string());
    phase_ = Phase::kDone;
  }
}

void SynFlood::begin(Shard& /*shard*/) {
  phase_ = Phase::kFlooding;
  began_.store(now_, std::memory_order_relaxed);
  end_ = plan_.duration.ns == 0 ? Instant::never() : now_ + plan_.duration;
  if (plan_.rate != 0) {
    schedule_.emplace(plan_.rate, now_, kCatchUp, plan_.count != 0 ? plan_.count : UINT64_MAX);
  }
  running_.store(true, std::memory_order_relaxed);
}

// No more SYNs; answers may still come.
void SynFlood::end_flooding() {
  running_.store(false, std::memory_order_relaxed);
  ran_for_ = std::min(now_, end_) - began();
  answered_in_time_ = answered();
  if (schedule_) {
    const Instant last = std::min(now_, end_ - nanoseconds(1));
    counts_.scheduled.set(schedule_->scheduled(last));
    counts_.skipped.add(schedule_->skip_rest(last));
  }
  phase_ = Phase::kListening;
  end_ = now_ + plan_.timeout;
}

// --- Which SYN is which -------------------------------------------------------------------------

uint32_t SynFlood::sequence_of(uint64_t index) const {
  return static_cast<uint32_t>(mix(index ^ plan_.seed));
}

// The SYN that `answer` acknowledges: the last one of its tuple, or the one before.
std::optional<uint64_t> SynFlood::index_of(const RawSegment& answer) const {
  const std::optional<uint64_t> source = sources_.index_of(answer.key.local);
  const bool of_target =
      answer.key.peer == plan_.target.address && answer.key.peer_port == plan_.target.port;
  if (!source || !of_target || answer.key.local_port < kPortFirst) return std::nullopt;
  if ((answer.flags & kRawAck) == 0) return std::nullopt;
  const uint64_t tuple = (answer.key.local_port - kPortFirst) * sources_.count() + *source;
  if (tuple >= next_) return std::nullopt;
  const uint64_t last = tuple + (next_ - 1 - tuple) / tuples_ * tuples_;
  if (answer.ack == sequence_of(last) + 1) return last;
  if (last >= tuples_ && answer.ack == sequence_of(last - tuples_) + 1) return last - tuples_;
  return std::nullopt;
}

// What is too long ago to tell counts as answered before.
bool SynFlood::first_answer_to(uint64_t index) {
  if (next_ - index > kWindow) return false;
  uint64_t& word = answered_[index % kWindow / 64];
  const uint64_t bit = uint64_t{1} << (index % 64);
  const bool first = (word & bit) == 0;
  word |= bit;
  return first;
}

// --- Segments -----------------------------------------------------------------------------------

bool SynFlood::on_segment(Shard& shard, const RawSegment& segment) {
  const bool is_reset = (segment.flags & kRawRst) != 0;
  const bool is_syn_ack = (segment.flags & kRawSyn) != 0;
  const std::optional<uint64_t> index = is_reset || is_syn_ack ? index_of(segment) : std::nullopt;
  if (!index) {
    counts_.foreign.add();
    return sources_.index_of(segment.key.local).has_value();
  }
  if (!first_answer_to(*index)) {
    counts_.repeated.add();
  } else {
    (is_reset ? counts_.resets : counts_.syn_acks).add();
    if (segment.has_timestamps && syn_.has_timestamps && is_syn_ack) {
      const uint32_t us = clock_of(shard.now()) - segment.ts_echo;
      latencies_.record(Latency::kConnect, microseconds(us));
    }
  }
  return is_reset || !plan_.reset;
}

// How many SYNs may leave now.
uint64_t SynFlood::allowed() const {
  if (phase_ != Phase::kFlooding) return 0;
  const uint64_t due = schedule_ ? schedule_->pending(now_) : UINT64_MAX;
  const uint64_t left = plan_.count == 0 ? UINT64_MAX : plan_.count - counts_.sent.get();
  return std::min(due, left);
}

bool SynFlood::has_output() const { return allowed() != 0; }

size_t SynFlood::transmit(Shard& shard, std::span<TxFrame> out) {
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(out.size(), allowed()));
  syn_.ts_value = clock_of(now_);
  size_t filled = 0;
  for (size_t looks = 0; filled < wanted && looks < kLooksMax; ++looks, advance()) {
    syn_.key.local = sources_.next();
    syn_.key.local_port = static_cast<uint16_t>(kPortFirst + next_port_);
    if (!shard.owns(syn_.key)) continue;
    if (schedule_) schedule_->take(now_);
    syn_.seq = sequence_of(next_);
    build_raw(out[filled++], path_, syn_);
    answered_[next_ % kWindow / 64] &= ~(uint64_t{1} << (next_ % 64));
  }
  counts_.sent.add(filled);
  return filled;
}

// To the next number, and the port of its tuple.
void SynFlood::advance() {
  ++next_;
  if (++next_source_ < sources_.count()) return;
  next_source_ = 0;
  if (++next_port_ == kPortCount) next_port_ = 0;
}

}  // namespace millrace::load
