// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/congestion.h"

#include <algorithm>

#include "tcp/ecn.h"
#include "tcp/rtt.h"

namespace millrace::tcp {
namespace {

constexpr uint64_t kWindowMax = uint64_t{1} << 30;

bool cubic(const Connection& c, const Context& ctx) {
  return ctx.options(c).congestion == CongestionControl::kCubic;
}

void grow(Connection& c, uint64_t bytes) {
  c.cwnd = static_cast<uint32_t>(std::min(c.cwnd + bytes, kWindowMax));
}

}  // namespace

void start_congestion(Connection& c, const Context& ctx, bool syn_was_lost) {
  c.cwnd = initial_window(c, ctx);
  if (syn_was_lost) {
    c.cwnd = c.snd_mss;
    if (c.srtt_us8 == 0) c.rttvar_us4 = kSynWasLost;
  }
  c.ssthresh = UINT32_MAX;
}

void restart_if_idle(Connection& c, const Context& ctx) {
  const uint64_t idle_us = ctx.now_us - c.rtt_began_us;
  if (idle_us < uint64_t{1000} * rto_base_ticks(c, ctx)) return;
  c.cwnd = initial_window(c, ctx);
  if (c.sender != kNil) (*ctx.senders)[c.sender].epoch_cwnd = 0;
}

void congestion_on_ack(Connection& c, Context& ctx, uint32_t acked, uint32_t flight,
                       uint32_t rtt_us) {
  Sender* r = c.sender == kNil ? nullptr : &(*ctx.senders)[c.sender];
  if (c.cwnd < c.ssthresh) {
    uint32_t growth = acked;
    if (r != nullptr && c.ssthresh == UINT32_MAX && cubic(c, ctx)) {
      growth = hystart_on_ack(c, *r, acked, rtt_us);
    }
    if (flight < c.cwnd / 2) return;
    const uint32_t slow = std::min(growth, c.ssthresh - c.cwnd);
    grow(c, slow);
    if (growth == slow) return;
    acked = growth - slow;  // the rest avoids congestion
  } else if (flight < c.cwnd / 2) {
    if (r != nullptr) cubic_pause(*r, ctx);
    return;
  }
  if (r != nullptr && cubic(c, ctx)) {
    cubic_on_ack(c, *r, ctx, acked);
    c.cwnd = static_cast<uint32_t>(std::min<uint64_t>(c.cwnd, kWindowMax));
  } else {
    grow(c, std::max<uint64_t>(1, uint64_t{c.snd_mss} * acked / c.cwnd));
  }
}

void congestion_on_loss(Connection& c, Context& ctx, uint32_t flight) {
  Sender& r = (*ctx.senders)[c.sender];
  // Not more than the window: limited transmit does not count (RFC 5681 section 3.2).
  r.prior_cwnd = c.cwnd;
  r.prior_ssthresh = c.ssthresh;
  const uint32_t used = std::min(flight, c.cwnd);
  const uint32_t wanted = cubic(c, ctx) ? cubic_on_loss(c, r, used) : used / 2;
  c.ssthresh = std::max(wanted, 2u * c.snd_mss);  // RFC 5681 equation 4
  ecn_on_reduction(c);
}

void congestion_on_undo(Connection& c, Context& ctx) {
  Sender& r = (*ctx.senders)[c.sender];
  c.cwnd = std::max(c.cwnd, r.prior_cwnd);
  c.ssthresh = r.prior_ssthresh;
  cubic_on_undo(r);
  ecn_on_undo(c);
}

}  // namespace millrace::tcp
