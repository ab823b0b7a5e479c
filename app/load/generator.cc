// SPDX-License-Identifier: BSD-3-Clause
#include "load/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "load/team.h"

namespace millrace::load {
namespace {

constexpr uint32_t kLaunchesPerTurn = 64;
constexpr Duration kConnectErrorPause = milliseconds(10);
constexpr Duration kCatchUp = milliseconds(100);

}  // namespace

std::vector<Plan> divide(const Plan& plan, size_t workers) {
  workers = useful_workers(workers,
                           {plan.concurrency, plan.rate, plan.count, plan.open_rate, plan.churn});
  std::vector<Plan> plans(workers, plan);
  for (size_t i = 0; i < workers; ++i) {
    plans[i].concurrency = static_cast<uint32_t>(part_of(plan.concurrency, i, workers));
    plans[i].rate = part_of(plan.rate, i, workers);
    plans[i].count = part_of(plan.count, i, workers);
    plans[i].open_rate = part_of(plan.open_rate, i, workers);
    plans[i].churn = part_of(plan.churn, i, workers);
    plans[i].pattern.seed = plan.pattern.seed + i;
  }
  return plans;
}

Generator::Generator(const Plan& plan, const Exchange& exchange)
    : PacedProgram(course_of(plan)),
      plan_(plan),
      exchange_(exchange),
      clients_(plan.concurrency),
      requests_(size_t{plan.concurrency} * plan.pipeline),
      ready_(plan.concurrency),
      deadlines_(plan.concurrency, plan.timeout) {
  each_second_.reserve(kSecondsMax);
  if (plan.mode == Mode::kCc && plan.every.ns != 0) {
    waiting_.emplace(plan.concurrency, plan.every);
  }
  if (plan.think_max.ns != 0) thinking_.emplace(plan.concurrency);
  free_.reserve(plan.concurrency);
  for (uint32_t slot = plan.concurrency; slot > 0; --slot) free_.push_back(slot - 1);
}

// --- Running ----------------------------------------------------------------------------------

void Generator::begin(Shard& /*shard*/) {
  if (holds()) begin_holding();
  if (plan_.rate == 0 || holds()) return;
  // What is counted are connections: in rps, any number of requests arrive on those.
  const bool bounded = plan_.count != 0 && plan_.mode == Mode::kCps;
  schedule_.emplace(plan_.rate, began(), kCatchUp, bounded ? plan_.count : UINT64_MAX,
                    plan_.pattern);
}

void Generator::run(Shard& shard) {
  const Instant now = shard.now();
  note_seconds(now);
  if (now >= end_time() || (open() == 0 && launched_all())) {
    end_running(shard);
    return;
  }
  if (holds()) {
    hold(shard);
    return;
  }
  if (!schedule_) {
    if (thinking_) ask_thought(shard);
    fill_up(shard);
    return;
  }
  if (plan_.mode == Mode::kRps) fill_up(shard);
  take_arrivals(shard);
}

void Generator::note_seconds(Instant now) {
  const auto passed = static_cast<int64_t>(each_second_.size()) + 1;
  if (each_second_.size() == kSecondsMax || now < began() + seconds(passed)) return;
  const TallySnapshot until_now = tally_.snapshot();
  TallySnapshot gained = until_now;
  gained -= when_second_began_;
  each_second_.push_back(
      {gained.get(Count::kCompleted), gained.get(Count::kResponses), gained.failed()});
  when_second_began_ = until_now;
}

// As many connections as there may be.
void Generator::fill_up(Shard& shard) {
  for (uint32_t i = 0; i < kLaunchesPerTurn; ++i) {
    if (free_.empty() || launched_all() || shard.now() < launch_again_) return;
    launch(shard, shard.now());
  }
}

void Generator::take_arrivals(Shard& shard) {
  const Instant now = shard.now();
  const bool all_busy = plan_.mode == Mode::kCps ? free_.empty() : ready_.empty();
  tally_.add(all_busy ? Count::kSkippedConcurrency : Count::kSkippedLate,
             schedule_->skip_stale(now));
  tally_.set(Count::kScheduled, schedule_->scheduled(now));
  for (uint32_t i = 0; i < kLaunchesPerTurn && schedule_->pending(now) != 0; ++i) {
    const Instant due = schedule_->next();
    if (plan_.mode == Mode::kCps) {
      if (free_.empty() || now < launch_again_) return;
      latencies_.record(Latency::kLateness, schedule_->take(now));
      launch(shard, due);
    } else {
      const uint32_t slot = take_ready();
      if (slot == SlotQueue::kNone) return;
      latencies_.record(Latency::kLateness, schedule_->take(now));
      ask(shard, slot, due);
      offer(slot);
    }
  }
}

// With nothing out: as many as may be out.
void Generator::ask_first(Shard& shard, uint32_t slot, Instant due) {
  const uint32_t at_once = plan_.mode == Mode::kRps ? plan_.pipeline : 1;
  for (uint32_t i = 0; i < at_once; ++i) ask(shard, slot, due);
}

// Lengths of any two connections, or of two times of one, have nothing to do with each other.
void Generator::think(uint32_t slot, Instant now) {
  const auto more = static_cast<double>((plan_.think_max - plan_.think_min).ns);
  const double share = static_cast<double>(scrambled(next_salt_++) >> 11) * 0x1p-53;
  thinking_->add(slot, now + plan_.think_min + Duration{static_cast<int64_t>(share * more)});
}

void Generator::ask_thought(Shard& shard) {
  for (;;) {
    const uint32_t slot = thinking_->take_due(shard.now());
    if (slot == DueHeap::kNone) return;
    ask_first(shard, slot, shard.now());
  }
}

// To the arrivals that come.
void Generator::offer(uint32_t slot) {
  if (has_room(clients_[slot])) ready_.push(slot);
}

uint32_t Generator::take_ready() {
  for (;;) {
    const uint32_t slot = ready_.take();
    if (slot == SlotQueue::kNone || has_room(clients_[slot])) return slot;
  }
}

// No more connections, no more requests; what is under way may finish.
void Generator::end(Shard& shard) {
  if (schedule_) {  // what is due at the end itself belongs to the run no more
    const Instant last = std::min(shard.now(), end_time() - nanoseconds(1));
    tally_.set(Count::kScheduled, schedule_->scheduled(last));
    tally_.add(Count::kSkippedEnd, schedule_->skip_rest(last));
  }
  when_time_was_up_ = tally_.snapshot();
  const bool left_open = plan_.close == CloseBy::kNone;
  for (Client& client : clients_) {
    if (shard.alive(client.id) && client.asking == 0 && (!client.done || left_open)) {
      finish(shard, client);
    }
  }
}

void Generator::abort_all(Shard& shard) {
  for (const Client& client : clients_) shard.abort(client.id);  // stale ids do nothing
}

void Generator::launch(Shard& shard, Instant due) {
  const uint32_t slot = free_.back();
  Client& client = clients_[slot];
  client = Client{};
  client.due = due;
  const std::optional<ConnectionId> id = connect(shard, *this, slot);
  if (!id) {
    launch_again_ = shard.now() + kConnectErrorPause;
    return;
  }
  free_.pop_back();
  client.id = *id;
  ++connecting_;
  deadlines_.arm(slot, shard.now());
}

void Generator::ask(Shard& shard, uint32_t slot, Instant due) {
  Client& client = clients_[slot];
  request(client, client.asking) = {due, shard.now(), next_salt_++};
  tally_.add(Count::kRequests);
  ++client.asked;
  if (client.asking++ == 0) {
    client.hearing = false;
    deadlines_.disarm(slot);
    deadlines_.arm(slot, shard.now());
  }
  if (client.whole + 1 == client.asking) send_rest(shard, client);
}

void Generator::send_rest(Shard& shard, Client& client) {
  while (client.whole < client.asking) {
    const auto whole = exchange_.request(request(client, client.whole).salt);
    const auto rest = whole.subspan(client.request_sent);
    const size_t sent = shard.send_static(client.id, rest);
    tally_.add(Count::kBytesSent, sent);
    if (sent < rest.size()) {
      client.request_sent += static_cast<uint32_t>(sent);
      return;
    }
    ++client.whole;
    client.request_sent = 0;
  }
  if (plan_.close == CloseBy::kHalf && plan_.mode == Mode::kCps && client.asked == plan_.requests) {
    shard.shutdown(client.id);
  }
}

void Generator::on_response(Shard& shard, uint32_t slot, bool server_closes) {
  Client& client = clients_[slot];
  const Instant now = shard.now();
  const Request& answered = request(client, 0);
  tally_.add(Count::kResponses);
  latencies_.record(Latency::kResponse, now - answered.asked_at);
  if (schedule_ || plan_.mode == Mode::kCc) {
    latencies_.record(Latency::kFromSchedule, now - answered.due);
  }
  client.oldest = client.oldest + 1 == plan_.pipeline ? 0 : client.oldest + 1;
  client.hearing = false;
  deadlines_.disarm(slot);
  --client.whole;
  if (--client.asking != 0) deadlines_.arm(slot, now);
  if (plan_.mode == Mode::kCc && offering()) {
    if (server_closes) {
      fail(shard, client, Failure::kCloseMismatch);
    } else {
      keep(shard, slot);
    }
    return;
  }
  const bool again = plan_.mode == Mode::kRps || client.asked < plan_.requests;
  if (again && offering() && !server_closes) {
    if (plan_.mode == Mode::kRps && schedule_) {
      offer(slot);
    } else if (thinking_) {
      if (client.asking == 0) think(slot, now);
    } else {
      ask(shard, slot, now);
    }
    return;
  }
  if (client.asking == 0 || server_closes) finish(shard, client);
}

// The connection did what it was meant to.
void Generator::finish(Shard& shard, Client& client) {
  const auto slot = static_cast<uint32_t>(&client - clients_.data());
  client.done = true;
  if (waiting_) waiting_->disarm(slot);
  if (thinking_) thinking_->remove(slot);
  deadlines_.disarm(slot);
  deadlines_.arm(slot, shard.now());
  switch (plan_.close) {
    case CloseBy::kClient:
      shard.shutdown(client.id);
      return;
    case CloseBy::kServer:
    case CloseBy::kServerReset:
      if (plan_.mode != Mode::kCps) shard.shutdown(client.id);  // it has no reason to
      return;
    case CloseBy::kReset:
      shard.abort(client.id);
      return;
    case CloseBy::kHalf:
      shard.shutdown(client.id);  // if that has not been done
      return;
    case CloseBy::kNone:
      deadlines_.disarm(slot);
      if (ending()) shard.abort(client.id);
      return;
  }
}

void Generator::fail(Shard& shard, Client& client, Failure failure) {
  if (client.failure == Failure::kNone) client.failure = failure;
  shard.abort(client.id);
}

void Generator::expire(Shard& shard) {
  for (;;) {
    const uint32_t slot = deadlines_.take_due(shard.now());
    if (slot == DeadlineList::kNone) return;
    Client& client = clients_[slot];
    const bool of_server = plan_.close == CloseBy::kServer || plan_.close == CloseBy::kServerReset;
    const bool waits = of_server && plan_.mode == Mode::kCps && client.done && !client.told;
    fail(shard, client, waits ? Failure::kCloseMismatch : Failure::kTimeout);
  }
}

// --- Events -----------------------------------------------------------------------------------

void Generator::on_established(Shard& shard, ConnectionRef connection) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  Client& client = clients_[slot];
  tally_.add(Count::kEstablished);
  latencies_.record(Latency::kConnect, shard.now() - deadlines_.armed_at(slot));
  if (schedule_ && plan_.mode == Mode::kCps) {
    latencies_.record(Latency::kConnectFromSchedule, shard.now() - client.due);
  }
  client.in_time = offering();
  client.opened = true;
  --connecting_;
  if (!client.in_time || holds()) {
    if (client.in_time) {
      keep(shard, slot);
    } else {
      finish(shard, client);
    }
    return;
  }
  deadlines_.disarm(slot);
  if (plan_.mode == Mode::kRps && schedule_) {
    offer(slot);
    return;
  }
  ask_first(shard, slot, client.due);
}

size_t Generator::on_data(Shard& shard, ConnectionRef connection, std::span<const std::byte> data) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  Client& client = clients_[slot];
  tally_.add(Count::kBytesReceived, data.size());
  size_t taken = 0;
  while (taken < data.size()) {
    if (client.asking == 0) {  // nothing was asked for
      fail(shard, client, Failure::kBadResponse);
      break;
    }
    if (!std::exchange(client.hearing, true)) {
      latencies_.record(Latency::kFirstByte, shard.now() - request(client, 0).asked_at);
    }
    const Exchange::Progress p = exchange_.consume(client.response, request(client, 0).salt,
                                                   data.subspan(taken), known_head_);
    taken += p.taken;
    const bool early = p.reply == Reply::kComplete && client.whole == 0;  // we are still asking
    if (p.reply == Reply::kBad || early) {
      fail(shard, client, Failure::kBadResponse);
      break;
    }
    if (p.reply == Reply::kComplete) on_response(shard, slot, p.server_closes);
  }
  return data.size();
}

void Generator::on_writable(Shard& shard, ConnectionRef connection) {
  Client& client = clients_[connection.cookie];
  if (client.whole < client.asking) send_rest(shard, client);
}

void Generator::on_peer_closed(Shard& shard, ConnectionRef connection) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  Client& client = clients_[slot];
  if (client.asking != 0) {
    const Reply end = exchange_.finish(client.response, request(client, 0).salt);
    if (end != Reply::kComplete || client.whole == 0) {
      fail(shard, client, end == Reply::kBad ? Failure::kBadResponse : Failure::kShortResponse);
      return;
    }
    client.told = true;  // by the length of the body that it did not give
    on_response(shard, slot, true);
  }
  if (ends_otherwise(shard, client)) {
    fail(shard, client, Failure::kCloseMismatch);
    return;
  }
  client.told = true;
  if (!client.done) finish(shard, client);
  shard.shutdown(connection.id);
}

// Whether the FIN that has come is against the plan: one in the turn in which we are about to close
// has left before ours could arrive.
bool Generator::ends_otherwise(const Shard& shard, const Client& client) const {
  if (client.told || !offering()) return false;
  if (holds()) return !client.done;
  if (plan_.mode != Mode::kCps || !client.done) return false;
  switch (plan_.close) {
    case CloseBy::kClient: {
      const auto slot = static_cast<uint32_t>(&client - clients_.data());
      return deadlines_.armed_at(slot) == shard.now();
    }
    case CloseBy::kServerReset:
    case CloseBy::kNone:
      return true;
    case CloseBy::kServer:
    case CloseBy::kReset:
    case CloseBy::kHalf:
      return false;
  }
  return false;
}

// Whether `reason` is how a connection was meant to end.
bool Generator::as_meant(CloseReason reason) const {
  switch (plan_.close) {
    case CloseBy::kReset:
    case CloseBy::kNone:
      return reason == CloseReason::kNormal || reason == CloseReason::kLocalAbort;
    case CloseBy::kServerReset:
      return reason == (plan_.mode == Mode::kCps ? CloseReason::kPeerReset : CloseReason::kNormal);
    case CloseBy::kClient:
    case CloseBy::kServer:
    case CloseBy::kHalf:
      return reason == CloseReason::kNormal;
  }
  return false;
}

void Generator::on_closed(Shard& shard, ConnectionRef connection, CloseReason reason) {
  const auto slot = static_cast<uint32_t>(connection.cookie);
  Client& client = clients_[slot];
  deadlines_.disarm(slot);
  if (waiting_) waiting_->disarm(slot);
  if (thinking_) thinking_->remove(slot);
  if (!client.opened) --connecting_;
  client.opened = false;
  free_.push_back(slot);
  const bool cut_short =
      ending() && (reason == CloseReason::kLocalAbort || (as_meant(reason) && !client.in_time));
  if (client.failure == Failure::kNone && client.done && plan_.close == CloseBy::kServer &&
      reason == CloseReason::kPeerReset) {
    client.failure = Failure::kCloseMismatch;
  }
  if (client.failure == Failure::kNone && client.done && client.in_time && as_meant(reason)) {
    tally_.add(Count::kCompleted);
    if (reason == CloseReason::kNormal) {
      latencies_.record(Latency::kClose, shard.now() - deadlines_.armed_at(slot));
    }
  } else if (client.failure == Failure::kNone && cut_short) {
    tally_.add(Count::kDrained);
    tally_.add(Count::kRequestsDrained, client.asking);
    return;
  } else {
    tally_.add(client.failure != Failure::kNone ? client.failure : failure_of(reason));
  }
  tally_.add(Count::kRequestsFailed, client.asking);
}

}  // namespace millrace::load
