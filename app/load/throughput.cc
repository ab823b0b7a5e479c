// SPDX-License-Identifier: BSD-3-Clause
#include "load/throughput.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace millrace::load {
namespace {

constexpr uint32_t kLaunchesPerTurn = 64;
constexpr Duration kGraceAtEnd = seconds(2);
// Random bytes, so that bytes in the wrong place are noticed; a length that no segment divides.
constexpr size_t kPatternBytes = 65'521;

std::vector<std::byte> make_pattern() {
  std::mt19937_64 random(1);
  std::vector<std::byte> pattern(kPatternBytes);
  for (std::byte& b : pattern) b = static_cast<std::byte>(random());
  return pattern;
}

}  // namespace

Throughput::Throughput(const ThroughputPlan& plan)
    : plan_(plan),
      pattern_(make_pattern()),
      clients_(plan.concurrency),
      deadlines_(plan.concurrency, plan.timeout),
      probe_(plan.target, plan.timeout, plan.tcp) {
  if (!plan.sources.empty()) sources_.emplace(std::vector<IpAddress>{}, plan.sources);
}

void Throughput::turn(Shard& shard) {
  for (;;) {
    const uint32_t slot = deadlines_.take_due(shard.now());
    if (slot == DeadlineList::kNone) break;
    fail(shard, clients_[slot], Failure::kTimeout);
  }
  switch (phase_) {
    case Phase::kProbing:
      probe(shard);
      return;
    case Phase::kRunning:
      launch(shard);
      if (shard.now() >= end_ || (launched_ == plan_.concurrency && open_ == 0)) end_running(shard);
      return;
    case Phase::kEnding:
      if (open_ != 0 && shard.now() >= give_up_) {
        for (const Client& client : clients_) shard.abort(client.id);  // stale ids do nothing
        give_up_ = Instant::never();
      }
      if (open_ == 0) phase_ = Phase::kDone;
      return;
    case Phase::kDone:
      return;
  }
}

void Throughput::stopping(Shard& shard) {
  if (phase_ == Phase::kProbing) {
    error_ = fmt::format("stopped before {} had answered", plan_.target.to_string());
    phase_ = Phase::kDone;
  }
  if (phase_ == Phase::kRunning) end_running(shard);
}

void Throughput::probe(Shard& shard) {
  const Probe::State state = probe_.turn(shard, sources_ ? &*sources_ : nullptr);
  tally_.set(Count::kProbes, probe_.tries());
  switch (state) {
    case Probe::State::kTrying:
      return;
    case Probe::State::kAnswered:
      phase_ = Phase::kRunning;
      began_ = shard.now();
      end_ = plan_.duration.ns == 0 ? Instant::never() : began_ + plan_.duration;
      running_.store(true, std::memory_order_relaxed);
      launch(shard);
      return;
    case Probe::State::kGivenUp:
      error_ = probe_.error();
      phase_ = Phase::kDone;
      return;
  }
}

void Throughput::launch(Shard& shard) {
  for (uint32_t i = 0; i < kLaunchesPerTurn && launched_ < plan_.concurrency; ++i) {
    const uint32_t slot = launched_++;
    tally_.add(Count::kLaunched);
    const Result<ConnectionId> id = shard.connect(plan_.target, *this, slot, plan_.tcp,
                                                  {sources_ ? sources_->next() : IpAddress{}, 0});
    if (!id) {
      connect_error_ = id.error().message;
      tally_.add(Failure::kConnectFailed);
      continue;
    }
    clients_[slot].id = *id;
    ++open_;
    deadlines_.arm(slot, shard.now());
  }
}

// As much as the send buffer takes.
void Throughput::pump(Shard& shard, uint32_t slot) {
  Client& client = clients_[slot];
  for (;;) {
    const auto offered = std::span<const std::byte>(pattern_).subspan(client.sent);
    const size_t taken = shard.send_static(client.id, offered);
    tally_.add(Count::kBytesSent, taken);
    client.sent = (client.sent + taken) % pattern_.size();
    if (taken < offered.size()) return;
  }
}

void Throughput::progress(Shard& shard, uint32_t slot) {
  deadlines_.disarm(slot);
  deadlines_.arm(slot, shard.now());
}

// No more bytes; what is under way may arrive.
void Throughput::end_running(Shard& shard) {
  const Instant now = shard.now();
  phase_ = Phase::kEnding;
  running_.store(false, std::memory_order_relaxed);
  ran_for_ = std::min(now, end_) - began_;
  received_bytes_ = tally_.get(Count::kBytesReceived);
  acknowledged_bytes_ = tally_.get(Count::kBytesSent);
  give_up_ = now + std::min(plan_.timeout, kGraceAtEnd);
  for (uint32_t slot = 0; slot < launched_; ++slot) {
    Client& client = clients_[slot];
    const std::optional<TcpInfo> info = shard.info(client.id);
    if (!info) continue;
    acknowledged_bytes_ -= uint64_t{info->unacked_bytes} + info->unsent_bytes;
    client.done = true;
    progress(shard, slot);
    shard.shutdown(client.id);
  }
}

void Throughput::fail(Shard& shard, Client& client, Failure failure) {
  if (client.failure == Failure::kNone) client.failure = failure;
  shard.abort(client.id);
}

// --- Events -----------------------------------------------------------------------------------

void Throughput::on_established(Shard& shard, ConnectionRef connection) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  tally_.add(Count::kEstablished);
  progress(shard, slot);
  if (sends() && !clients_[slot].done) pump(shard, slot);
}

// Whether `data` is the next that was sent.
bool Throughput::as_sent(Client& client, std::span<const std::byte> data) const {
  while (!data.empty()) {
    const size_t n = std::min(data.size(), pattern_.size() - client.received);
    if (std::memcmp(data.data(), pattern_.data() + client.received, n) != 0) return false;
    client.received = (client.received + n) % pattern_.size();
    data = data.subspan(n);
  }
  return true;
}

size_t Throughput::on_data(Shard& shard, ConnectionRef connection,
                           std::span<const std::byte> data) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  Client& client = clients_[slot];
  tally_.add(Count::kBytesReceived, data.size());
  progress(shard, slot);
  const bool expected = plan_.direction == Direction::kDown ||
                        (plan_.direction == Direction::kBoth && as_sent(client, data));
  if (!expected) fail(shard, client, Failure::kBadResponse);
  return data.size();
}

void Throughput::on_writable(Shard& shard, ConnectionRef connection) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  progress(shard, slot);
  if (!clients_[slot].done) pump(shard, slot);
}

void Throughput::on_peer_closed(Shard& shard, ConnectionRef connection) {
  Client& client = clients_[connection.cookie];
  if (!client.done) fail(shard, client, Failure::kShortResponse);
  shard.shutdown(connection.id);
}

void Throughput::on_closed(Shard& /*shard*/, ConnectionRef connection, CloseReason reason) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  Client& client = clients_[slot];
  deadlines_.disarm(slot);
  --open_;
  if (client.failure != Failure::kNone) {
    tally_.add(client.failure);
  } else if (client.done && reason == CloseReason::kNormal) {
    tally_.add(Count::kCompleted);
  } else if (phase_ == Phase::kEnding && reason == CloseReason::kLocalAbort) {
    tally_.add(Count::kDrained);
  } else {
    tally_.add(failure_of(reason));
  }
}

}  // namespace millrace::load
