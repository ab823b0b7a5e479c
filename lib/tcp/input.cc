// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/input.h"

#include "tcp/ecn.h"
#include "tcp/handshake.h"
#include "tcp/reassembly.h"
#include "tcp/user_timeout.h"

namespace millrace::tcp {
namespace {

constexpr wire::Flags kUnpredicted = 0xff & ~(wire::kPsh | wire::kEce | wire::kCwr);

// Header prediction: the next segment in order on an undisturbed connection needs none of steps 1
// to 4. Each line is one way to be undisturbed.
bool predicted(const Connection& c, const wire::Segment& s) {
  return c.state == State::kEstablished && (s.flags & kUnpredicted) == wire::kAck &&
         s.seq == c.rcv_nxt && c.inbox == kNil && !c.has(kNoReader) &&
         s.payload_bytes <= c.rcv_adv - c.rcv_nxt && s.user_timeout == 0 &&
         (c.has(kTimestamps)
              ? s.has_timestamps && static_cast<int32_t>(s.ts_value - c.ts_recent) >= 0
              : true);
}

}  // namespace

void on_segment(Connection& c, const wire::Segment& segment, Context& ctx, Effects& fx) {
  if (c.state == State::kSynSent) {
    on_segment_syn_sent(c, segment, ctx, fx);
    return;
  }
  if (predicted(c, segment)) {
    ctx.count(Counter::kTcpExtTCPHPHits);
    if (c.has(kTimestamps) && segment.seq <= c.last_ack_sent) {
      c.ts_recent = segment.ts_value;
      c.ts_recent_tick = ctx.tick;
    }
    if (c.has(kIdleArmed)) touch_keepalive(c, ctx);
    if (ecn_has_news(c, segment)) [[unlikely]]
      ecn_on_arrival(c, segment, ctx, fx);
    if (acknowledge(c, segment, ctx, fx) && segment.payload_bytes != 0) fx.data = segment.data();
    return;
  }
  wire::Segment s = segment;
  if (!acceptable(c, s, ctx, fx)) return;
  touch_keepalive(c, ctx);
  take_user_timeout(c, s, ctx);
  if (ecn_has_news(c, segment)) [[unlikely]]
    ecn_on_arrival(c, segment, ctx, fx);
  if (!acknowledge(c, s, ctx, fx)) return;
  receive_text(c, s, ctx, fx);
}

void touch_keepalive(Connection& c, const Context& ctx) {
  // FIN-WAIT-2 after close() uses the same deadline for its own timeout, which must not move.
  if (c.state == State::kFinWait2 && c.has(kNoReader)) return;
  if (c.state == State::kSynReceived) return;
  const TcpOptions& options = ctx.options(c);
  if (!options.keepalive) return;
  c.probes = c.has(kPersist) ? c.probes : 0;
  c.idle_deadline = ctx.tick + to_ticks(options.keepalive_idle);
  c.set(kIdleArmed);
}

void challenge(Connection& c, Context& ctx, Effects& fx) {
  if (!ctx.challenges.take(c.ts_offset)) return;
  ctx.count(Counter::kTcpExtTCPChallengeACK);
  ctx.note(c, EventKind::kChallenge);
  c.set(kAckNow);
  fx.dirty = true;
}

}  // namespace millrace::tcp
