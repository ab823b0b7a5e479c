// SPDX-License-Identifier: BSD-3-Clause
// Time: what is due on the wheels, in the TIME-WAIT queue and among the neighbours, a bounded
// number of each per turn.
#include "stack/impl.h"
#include "tcp/timeout.h"

namespace millrace {
namespace {

constexpr uint32_t kReliefTicks = 10;

}  // namespace

void Shard::Impl::advance() {
  ctx_.share_max = blocks_.scarce() ? tcp::kScarceShare : UINT32_MAX;
  wheel_.advance(ctx_.tick, config_.timers_per_turn, [this](uint32_t index) { on_timer(index); });
  half_open_wheel_.advance(ctx_.tick, config_.timers_per_turn,
                           [this](uint32_t index) { on_half_open_timer(index); });
  expire_time_wait(config_.timers_per_turn);
  if (now_ >= interface_.next_deadline() || gateways_lost_) [[unlikely]]
    advance_link();
  neighbors_.advance(
      ctx_.tick, [this](uint32_t index) { return ask_neighbor(index); },
      [this](uint32_t index) { on_neighbor_failed(index); });
  if (fragments_ && fragments_->used() != 0) [[unlikely]]
    advance_fragments();
  relieve(config_.timers_per_turn);
  if (drain_deadline_ && now_ >= *drain_deadline_) {
    drain_deadline_ = Instant::never();  // done; but still stopping
    for (uint32_t i = 0; i < connections_.high_water(); ++i) {
      const Connection& c = connections_[i];
      if (c.state != State::kClosed) abort({i, c.generation});
    }
  }
}

void Shard::Impl::on_timer(uint32_t index) {
  tcp::Effects fx;
  tcp::on_deadlines(connections_[index], ctx_, fx);
  if (fx.path_mtu != 0) remember_path(connections_[index], fx);
  apply(index, fx, nullptr);
  // A connection that the flush will look at is armed by it.
  const Connection& c = connections_[index];
  if (!fx.closed && !c.has(tcp::kDirty)) rearm(index);
}

// A send() was cut short because the blocks are used up, by others perhaps: no acknowledgement of
// this connection's need ever come, so time has to bring on_writable.
void Shard::Impl::starve() {
  starved_ = true;
  if (!relieving_) relief_tick_ = ctx_.tick + kReliefTicks;
}

// Goes over all connections, `budget` of them per turn.
void Shard::Impl::relieve(uint32_t budget) {
  if (!relieving_) {
    if (!starved_ || !tcp::tick_reached(ctx_.tick, relief_tick_)) return;
    relieving_ = true;
    starved_ = false;
    relief_cursor_ = 0;
  }
  for (; budget != 0 && relief_cursor_ < connections_.high_water(); --budget) {
    const uint32_t index = relief_cursor_++;
    Connection& c = connections_[index];
    if (c.state == State::kClosed || !c.has(tcp::kWantsWritable) || c.has(tcp::kAborting)) continue;
    if (c.flight() != 0 || c.unsent() != 0) continue;
    c.clear(tcp::kWantsWritable);
    app_of(c).on_writable(*facade_, ref(index));
  }
  if (relief_cursor_ < connections_.high_water()) return;
  relieving_ = false;
  relief_tick_ = ctx_.tick + kReliefTicks;
}

// The wheel knows one deadline for each connection, and may know one that is too early: a timer
// that is put off costs nothing until it fires.
void Shard::Impl::rearm(uint32_t index) {
  const Connection& c = connections_[index];
  const std::optional<uint32_t> deadline = tcp::earliest_deadline(c, ctx_);
  if (deadline) wheel_.rearm(index, *deadline);
}

void Shard::Impl::on_half_open_timer(uint32_t index) {
  tcp::HalfOpen& half = half_open_[index];
  const TcpOptions& options = profiles_[listener_for(half.key)->profile];
  if (half.retries >= options.synack_retries) {
    forget_half_open(index);
    return;
  }
  ++half.retries;
  counters_.add(Counter::kTcpExtTCPSynRetrans);
  counters_.add(Counter::kTcpRetransSegs);
  send_syn_ack(half, options, flow_hash(half.key));
  const uint64_t wait = uint64_t{tcp::to_ticks(options.rto_initial)}
                        << std::min<int>(half.retries, 16);
  half_open_wheel_.arm(index, ctx_.tick + static_cast<uint32_t>(std::min<uint64_t>(
                                              wait, tcp::to_ticks(options.rto_max))));
}

}  // namespace millrace
