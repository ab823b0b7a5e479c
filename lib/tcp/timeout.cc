// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/timeout.h"

#include "tcp/flight.h"
#include "tcp/mtu.h"
#include "tcp/pacing.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/user_timeout.h"

namespace millrace::tcp {
namespace {

bool earlier(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

// RFC 9293 section 3.8.3: R2, as a count of retransmissions or as a time.
bool given_up(const Connection& c, const Context& ctx) {
  const TcpOptions& options = ctx.options(c);
  const bool opening = c.state == State::kSynSent || c.state == State::kSynReceived;
  if (opening) {
    return c.backoff >= (c.opened_fast() ? options.synack_retries : options.syn_retries);
  }
  // A peer with a closed window that keeps answering is alive (RFC 9293 section 3.8.6.1), also when
  // it closed it on what was in flight (SHLD-18); `probes` counts what was not answered.
  if (c.has(kPersist) || c.snd_wnd == 0) return c.probes >= options.data_retries;
  if (const uint32_t user_timeout = user_timeout_ticks(c, ctx); user_timeout != 0) {
    // Since when nothing was acknowledged: before the first timeout, for the length of that.
    const bool repeated = c.backoff != 0 && c.sender != kNil;
    const uint32_t began =
        repeated ? (*ctx.senders)[c.sender].began_tick : ctx.tick - rto_base_ticks(c, ctx);
    if (ctx.tick - began >= user_timeout) return true;
  }
  return c.backoff >= options.data_retries;
}

void back_off(Connection& c) {
  if (c.backoff < UINT8_MAX) ++c.backoff;
}

void on_retransmit(Connection& c, Context& ctx, Effects& fx) {
  c.clear(kRetransmitArmed);
  if (c.has(kReorderTimer)) {
    c.clear(kReorderTimer);
    recover_on_reordering_timer(c, ctx);
    arm_loss_timer(c, ctx);
    fx.dirty = true;
    return;
  }
  if (c.has(kLossProbe)) {
    c.clear(kLossProbe);
    c.set(kTailProbeNow);
    fx.dirty = true;
    return;
  }
  if (given_up(c, ctx)) {
    ctx.count(Counter::kTcpExtTCPAbortOnTimeout);
    const bool opening = c.state == State::kSynSent || c.state == State::kSynReceived;
    fx.closed = opening && !c.opened_fast() ? CloseReason::kConnectTimeout : CloseReason::kTimedOut;
    return;
  }
  if (claim_holds(c, ctx, fx)) return;
  back_off(c);
  fx.dirty = true;
  const bool window_closed = c.has(kPersist) || (c.snd_wnd == 0 && c.state >= State::kEstablished);
  if (window_closed && c.probes < UINT8_MAX) ++c.probes;
  if (c.has(kPersist)) {
    c.clear(kPersist);
    c.set(kProbeNow);
    if (c.snd_wnd == 0) c.set(kPersist | kRetransmitArmed);
    c.retransmit_deadline = ctx.tick + rto_ticks(c, ctx);
    return;
  }
  ctx.count(Counter::kTcpExtTCPTimeouts);
  ctx.note(c, EventKind::kTimeout, c.backoff);
  c.clear(kRttTiming);
  c.duplicate_acks = 0;
  if (c.state == State::kSynSent || c.state == State::kSynReceived) {
    c.set(kSynDue);
    return;
  }
  if (!window_closed) shrink_in_black_hole(c, ctx);
  recover_on_timeout(c, ctx);
}

void on_idle(Connection& c, Context& ctx, Effects& fx) {
  c.clear(kIdleArmed);
  if (c.state == State::kFinWait2 && c.has(kNoReader)) {
    fx.closed = CloseReason::kFinWait2Timeout;
    return;
  }
  const TcpOptions& options = ctx.options(c);
  if (!options.keepalive) return;
  c.set(kIdleArmed);
  if (c.flight() != 0 || c.unsent() != 0) {
    // Unacknowledged data already probes the peer; look again later.
    c.idle_deadline = ctx.tick + to_ticks(options.keepalive_idle);
    return;
  }
  if (c.probes >= options.keepalive_probes) {
    fx.closed = CloseReason::kKeepaliveTimeout;
    return;
  }
  ++c.probes;
  c.set(kProbeNow);
  fx.dirty = true;
  c.idle_deadline = ctx.tick + to_ticks(options.keepalive_interval);
}

}  // namespace

std::optional<uint32_t> earliest_deadline(const Connection& c, const Context& ctx) {
  if (!c.has(kRetransmitArmed | kAckDelayed | kIdleArmed | kPaced)) return std::nullopt;
  std::optional<uint32_t> earliest;
  const auto consider = [&](bool armed, uint32_t deadline) {
    if (armed && (!earliest || earlier(deadline, *earliest))) earliest = deadline;
  };
  consider(c.has(kRetransmitArmed), c.retransmit_deadline);
  consider(c.has(kAckDelayed), c.ack_deadline);
  consider(c.has(kIdleArmed), c.idle_deadline);
  if (c.has(kPaced) && (c.unsent() != 0 || c.flight() != 0 || c.has(kFinQueued))) {
    const uint32_t wait = pacing_wait_us(c, ctx);
    consider(wait != 0, ctx.tick + (wait + 999) / 1000);
  }
  return earliest;
}

void on_deadlines(Connection& c, Context& ctx, Effects& fx) {
  if (c.has(kAckDelayed) && tick_reached(ctx.tick, c.ack_deadline)) {
    c.set(kAckNow);
    fx.dirty = true;
    // fill() clears the debt; until then the deadline must not fire again.
    c.clear(kAckDelayed);
    ctx.count(Counter::kTcpExtDelayedACKs);
  }
  if (c.has(kRetransmitArmed) && tick_reached(ctx.tick, c.retransmit_deadline)) {
    on_retransmit(c, ctx, fx);
    if (fx.closed) return;
  }
  if (c.has(kIdleArmed) && tick_reached(ctx.tick, c.idle_deadline)) on_idle(c, ctx, fx);
  if (c.has(kPaced)) fx.dirty = true;
}

}  // namespace millrace::tcp
