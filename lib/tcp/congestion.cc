// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/congestion.h"

#include <algorithm>

#include "tcp/rtt.h"

namespace millrace::tcp {
namespace {

uint32_t half_flight(const Connection& c) {
  return std::max(c.flight() / 2, 2u * c.snd_mss);  // RFC 5681 equation 4
}

Recovery* begin(Connection& c, Context& ctx, RecoveryPhase phase) {
  if (c.recovery == kNil) c.recovery = ctx.recoveries->allocate();
  if (c.recovery == kNil) return nullptr;
  Recovery& r = (*ctx.recoveries)[c.recovery];
  r = {c.snd_nxt, c.snd_una, c.snd_una, ctx.tick, phase};
  return &r;
}

}  // namespace

void start_congestion(Connection& c, const Context& ctx, bool syn_was_lost) {
  const uint32_t mss = c.snd_mss;
  const uint32_t segments = ctx.options(c).initial_window_segments;
  c.cwnd = std::min(segments * mss, std::max(2 * mss, segments * 1460));
  if (syn_was_lost) {
    c.cwnd = mss;
    if (c.srtt_us8 == 0) c.rttvar_us4 = kSynWasLost;
  }
  c.ssthresh = UINT32_MAX;
}

void on_ack_open(Connection& c, uint32_t acked, uint32_t flight) {
  // A window that was not used is not a measurement (RFC 7661's reason, RFC 2861's rule of thumb).
  if (flight < c.cwnd / 2) return;
  const uint64_t limit = uint64_t{1} << 30;
  uint64_t cwnd = c.cwnd;
  if (cwnd < c.ssthresh) {
    // Bytes rather than segments are counted, as one acknowledgement may stand for a burst.
    cwnd += acked;
  } else {
    cwnd += std::max<uint64_t>(1, uint64_t{c.snd_mss} * acked / cwnd);
  }
  c.cwnd = static_cast<uint32_t>(std::min(cwnd, limit));
}

void enter_fast_recovery(Connection& c, Context& ctx) {
  Recovery* r = begin(c, ctx, RecoveryPhase::kFast);
  if (r == nullptr) return;
  c.ssthresh = half_flight(c);
  c.cwnd = c.ssthresh + 3u * c.snd_mss;
  r->rtx_end = min(c.snd_una + c.snd_mss, c.snd_nxt);
  ctx.count(Counter::kTcpExtTCPFastRetrans);
}

void on_duplicate_in_recovery(Connection& c) { c.cwnd += c.snd_mss; }

bool on_ack_in_recovery(Connection& c, Context& ctx, uint32_t acked) {
  Recovery& r = (*ctx.recoveries)[c.recovery];
  if (c.snd_una >= r.recover) {
    if (r.phase == RecoveryPhase::kFast) {
      // RFC 6582 section 3.2, step 3, full acknowledgement: option 1, which sends no burst.
      c.cwnd = std::min(c.ssthresh, std::max(c.flight(), uint32_t{c.snd_mss}) + c.snd_mss);
    } else {
      on_ack_open(c, acked, c.cwnd);
    }
    end_recovery(c, ctx);
    return false;
  }
  if (r.phase == RecoveryPhase::kFast) {
    // Partial acknowledgement: the next hole begins at snd_una; resend it, deflate the window.
    c.cwnd -= std::min(c.cwnd, acked);
    c.cwnd = std::max(c.cwnd, uint32_t{c.snd_mss});
    if (acked >= c.snd_mss) c.cwnd += c.snd_mss;
    r.rtx_next = c.snd_una;
    r.rtx_end = min(c.snd_una + c.snd_mss, c.snd_nxt);
    return true;
  }
  r.rtx_next = max(r.rtx_next, c.snd_una);
  on_ack_open(c, acked, c.cwnd);
  return true;
}

void on_timeout(Connection& c, Context& ctx) {
  // The first timeout halves; later ones of the same data leave ssthresh (RFC 5681 section 3.1).
  if (c.backoff <= 1) c.ssthresh = half_flight(c);
  c.cwnd = c.snd_mss;
  const bool repeated = c.backoff > 1 && c.recovery != kNil;
  const uint32_t began =
      repeated ? (*ctx.recoveries)[c.recovery].began_tick : ctx.tick - rto_base_ticks(c, ctx);
  Recovery* r = begin(c, ctx, RecoveryPhase::kTimeout);
  if (r == nullptr) return;
  r->rtx_end = c.snd_nxt;
  r->began_tick = began;
}

void end_recovery(Connection& c, Context& ctx) {
  if (c.recovery == kNil) return;
  ctx.recoveries->free(c.recovery);
  c.recovery = kNil;
}

}  // namespace millrace::tcp
