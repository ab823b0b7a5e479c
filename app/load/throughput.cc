// SPDX-License-Identifier: BSD-3-Clause
#include "load/throughput.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "load/team.h"

namespace millrace::load {
namespace {

constexpr uint32_t kLaunchesPerTurn = 64;
// Random bytes, so that bytes in the wrong place are noticed; a length that no segment divides.
constexpr size_t kPatternBytes = 65'521;

std::vector<std::byte> make_pattern() {
  std::mt19937_64 random(1);
  std::vector<std::byte> pattern(kPatternBytes);
  for (std::byte& b : pattern) b = static_cast<std::byte>(random());
  return pattern;
}

}  // namespace

std::vector<ThroughputPlan> divide(const ThroughputPlan& plan, size_t workers) {
  workers = useful_workers(workers, {plan.concurrency});
  std::vector<ThroughputPlan> plans(workers, plan);
  for (size_t i = 0; i < workers; ++i) {
    plans[i].concurrency = static_cast<uint32_t>(part_of(plan.concurrency, i, workers));
  }
  return plans;
}

Throughput::Throughput(const ThroughputPlan& plan)
    : PacedProgram(course_of(plan)),
      plan_(plan),
      pattern_(make_pattern()),
      clients_(plan.concurrency),
      deadlines_(plan.concurrency, plan.timeout) {}

void Throughput::expire(Shard& shard) {
  for (;;) {
    const uint32_t slot = deadlines_.take_due(shard.now());
    if (slot == DeadlineList::kNone) return;
    fail(shard, clients_[slot], Failure::kTimeout);
  }
}

void Throughput::run(Shard& shard) {
  launch(shard);
  const bool all_over = launched_ == plan_.concurrency && open_ == 0;
  if (shard.now() >= end_time() || all_over) end_running(shard);
}

void Throughput::launch(Shard& shard) {
  for (uint32_t i = 0; i < kLaunchesPerTurn && launched_ < plan_.concurrency; ++i) {
    const uint32_t slot = launched_++;
    const std::optional<ConnectionId> id = connect(shard, *this, slot);
    if (!id) continue;
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
void Throughput::end(Shard& shard) {
  received_bytes_ = tally_.get(Count::kBytesReceived);
  acknowledged_bytes_ = tally_.get(Count::kBytesSent);
  for (uint32_t slot = 0; slot < launched_; ++slot) {
    Client& client = clients_[slot];
    const std::optional<TcpInfo> info = shard.info(client.id);
    if (!info) continue;
    acknowledged_bytes_ -= uint64_t{info->unacked_bytes} + info->unsent_bytes;
    client.done = true;
    client.closing_since = shard.now();
    progress(shard, slot);
    shard.shutdown(client.id);
  }
}

void Throughput::abort_all(Shard& shard) {
  for (const Client& client : clients_) shard.abort(client.id);  // stale ids do nothing
}

void Throughput::fail(Shard& shard, Client& client, Failure failure) {
  if (client.failure == Failure::kNone) client.failure = failure;
  shard.abort(client.id);
}

// --- Events -----------------------------------------------------------------------------------

void Throughput::on_established(Shard& shard, ConnectionRef connection) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  tally_.add(Count::kEstablished);
  latencies_.record(Latency::kConnect, shard.now() - deadlines_.armed_at(slot));
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

void Throughput::on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  Client& client = clients_[slot];
  deadlines_.disarm(slot);
  --open_;
  if (client.failure != Failure::kNone) {
    tally_.add(client.failure);
  } else if (client.done && reason == CloseReason::kNormal) {
    tally_.add(Count::kCompleted);
    latencies_.record(Latency::kClose, shard.now() - client.closing_since);
  } else if (ending() && reason == CloseReason::kLocalAbort) {
    tally_.add(Count::kDrained);
  } else {
    tally_.add(failure_of(reason));
  }
}

}  // namespace millrace::load
