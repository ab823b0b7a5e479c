// SPDX-License-Identifier: BSD-3-Clause
#include "load/paced_program.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::load {
namespace {

constexpr Duration kGraceAtEnd = seconds(2);

struct Noted {
  Count as;
  Counter counter;
};
constexpr std::array kNoted = {Noted{Count::kFramesSent, Counter::kFramesOut},
                               Noted{Count::kFramesReceived, Counter::kFramesIn},
                               Noted{Count::kRetransmissions, Counter::kTcpRetransSegs},
                               Noted{Count::kSynRetransmissions, Counter::kTcpExtTCPSynRetrans}};

}  // namespace

PacedProgram::PacedProgram(const Course& course)
    : round_(course.round.empty() ? std::vector{course.target} : course.round),
      tcp_(course.tcp),
      duration_(course.duration),
      timeout_(course.timeout),
      start_at_(course.start_at) {
  std::vector<Endpoint> asked;
  for (const Endpoint& target : round_) {
    if (std::find(asked.begin(), asked.end(), target) != asked.end()) continue;
    asked.push_back(target);
    probes_.push_back(std::make_unique<Probe>(target, timeout_, tcp_));
  }
  if (!course.sources.empty()) sources_.emplace(course.sources);
}

void PacedProgram::turn(Shard& shard) {
  note_stack(shard);
  expire(shard);
  switch (phase_) {
    case Phase::kProbing:
      probe(shard);
      return;
    case Phase::kRunning:
      run(shard);
      return;
    case Phase::kEnding:
      if (open() != 0 && shard.now() >= give_up_) {
        abort_all(shard);
        give_up_ = Instant::never();
      }
      if (open() == 0) phase_ = Phase::kDone;
      return;
    case Phase::kDone:
      return;
  }
}

void PacedProgram::note_stack(const Shard& shard) {
  static_assert(kNoted.size() == kNotedCount);
  if (!notes_stack_ || phase_ == Phase::kProbing || phase_ == Phase::kDone) return;
  for (size_t i = 0; i < kNotedCount; ++i) {
    tally_.set(kNoted[i].as, shard.counters().get(kNoted[i].counter) - stack_before_[i]);
  }
}

void PacedProgram::stopping(Shard& shard) {
  note_stack(shard);
  if (phase_ == Phase::kProbing) {
    error_ = fmt::format("stopped before {} had answered", round_.front().to_string());
    phase_ = Phase::kDone;
  }
  if (phase_ == Phase::kRunning) end_running(shard);
}

void PacedProgram::give_up(const std::string& error) {
  if (phase_ != Phase::kProbing) return;
  error_ = error;
  phase_ = Phase::kDone;
}

void PacedProgram::probe(Shard& shard) {
  Probe::State all = Probe::State::kAnswered;
  uint64_t tries = 0;
  for (const auto& probe : probes_) {
    const Probe::State state = probe->turn(shard, sources_ ? &*sources_ : nullptr);
    tries += probe->tries();
    if (state == Probe::State::kGivenUp && error_.empty()) error_ = probe->error();
    if (state != Probe::State::kAnswered && all != Probe::State::kGivenUp) all = state;
  }
  tally_.set(Count::kProbes, tries);
  switch (all) {
    case Probe::State::kTrying:
      return;
    case Probe::State::kAnswered:
      if (shard.now() < start_at_) return;
      phase_ = Phase::kRunning;
      began_.store(shard.now(), std::memory_order_relaxed);
      end_ = duration_.ns == 0 ? Instant::never() : began() + duration_;
      for (size_t i = 0; i < kNotedCount; ++i) {
        stack_before_[i] = shard.counters().get(kNoted[i].counter);
      }
      begin(shard);
      running_.store(true, std::memory_order_relaxed);
      run(shard);
      return;
    case Probe::State::kGivenUp:
      phase_ = Phase::kDone;
      return;
  }
}

std::optional<ConnectionId> PacedProgram::connect(Shard& shard, App& app, uint64_t cookie) {
  tally_.add(Count::kLaunched);
  const IpAddress source = sources_ ? sources_->next() : IpAddress{};
  const Endpoint& target = round_[next_in_round_];
  next_in_round_ = next_in_round_ + 1 == round_.size() ? 0 : next_in_round_ + 1;
  const Result<ConnectionId> id = shard.connect(target, app, cookie, tcp_, {source, 0});
  if (id) return *id;
  connect_error_ = id.error().message;
  tally_.add(Failure::kConnectFailed);
  return std::nullopt;
}

void PacedProgram::end_running(Shard& shard) {
  const Instant now = shard.now();
  phase_ = Phase::kEnding;
  running_.store(false, std::memory_order_relaxed);
  ran_for_ = std::min(now, end_) - began();
  give_up_ = now + std::min(timeout_, kGraceAtEnd);
  end(shard);
}

}  // namespace millrace::load
