// SPDX-License-Identifier: BSD-3-Clause
#include "load/paced_program.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::load {
namespace {

constexpr Duration kGraceAtEnd = seconds(2);

}  // namespace

PacedProgram::PacedProgram(const Endpoint& target, Duration duration, Duration timeout,
                           const std::vector<Prefix>& sources, const TcpOptions& tcp)
    : target_(target),
      tcp_(tcp),
      duration_(duration),
      timeout_(timeout),
      probe_(target, timeout, tcp) {
  if (!sources.empty()) sources_.emplace(std::vector<IpAddress>{}, sources);
}

void PacedProgram::turn(Shard& shard) {
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

void PacedProgram::stopping(Shard& shard) {
  if (phase_ == Phase::kProbing) {
    error_ = fmt::format("stopped before {} had answered", target_.to_string());
    phase_ = Phase::kDone;
  }
  if (phase_ == Phase::kRunning) end_running(shard);
}

void PacedProgram::probe(Shard& shard) {
  const Probe::State state = probe_.turn(shard, sources_ ? &*sources_ : nullptr);
  tally_.set(Count::kProbes, probe_.tries());
  switch (state) {
    case Probe::State::kTrying:
      return;
    case Probe::State::kAnswered:
      phase_ = Phase::kRunning;
      began_ = shard.now();
      end_ = duration_.ns == 0 ? Instant::never() : began_ + duration_;
      begin(shard);
      running_.store(true, std::memory_order_relaxed);
      run(shard);
      return;
    case Probe::State::kGivenUp:
      error_ = probe_.error();
      phase_ = Phase::kDone;
      return;
  }
}

std::optional<ConnectionId> PacedProgram::connect(Shard& shard, App& app, uint64_t cookie) {
  tally_.add(Count::kLaunched);
  const IpAddress source = sources_ ? sources_->next() : IpAddress{};
  const Result<ConnectionId> id = shard.connect(target_, app, cookie, tcp_, {source, 0});
  if (id) return *id;
  connect_error_ = id.error().message;
  tally_.add(Failure::kConnectFailed);
  return std::nullopt;
}

void PacedProgram::end_running(Shard& shard) {
  const Instant now = shard.now();
  phase_ = Phase::kEnding;
  running_.store(false, std::memory_order_relaxed);
  ran_for_ = std::min(now, end_) - began_;
  give_up_ = now + std::min(timeout_, kGraceAtEnd);
  end(shard);
}

}  // namespace millrace::load
