// SPDX-License-Identifier: BSD-3-Clause
// CUBIC (RFC 9438): the window is a cubic function of the time since the last reduction, with its
// plateau at the window of then. C = 0.4, beta = 0.7.
//
//       W_cubic(t) = C * (t - K)^3 + W_max,  K = cbrt((W_max - cwnd_epoch) / C)      (segments, s)
#include <algorithm>
#include <cmath>

#include "tcp/congestion.h"

namespace millrace::tcp {
namespace {

// Farther from the plateau the curve is steeper than the window may follow anyway.
constexpr int64_t kFarMs = 60'000;

// The window, in bytes, `t_ms` after the epoch began.
int64_t curve(const Connection& c, const Sender& r, int64_t t_ms) {
  const int64_t d = std::clamp(t_ms - int64_t{r.k_ms}, -kFarMs, kFarMs);
  // 0.4 segments per cubic second; 60,000^3 * 4 * 9000 stays below 2^63.
  return int64_t{r.w_max} + d * d * d * 4 / 10 * int64_t{c.snd_mss} / 1'000'000'000;
}

void begin_epoch(const Connection& c, Sender& r, const Context& ctx) {
  r.epoch_tick = ctx.tick;
  r.epoch_cwnd = c.cwnd;
  r.w_est_256 = uint64_t{c.cwnd} << 8;
  if (r.w_max <= c.cwnd) {
    r.w_max = c.cwnd;
    r.k_ms = 0;
    return;
  }
  const double segments = static_cast<double>(r.w_max - c.cwnd) / c.snd_mss;
  r.k_ms = static_cast<uint32_t>(std::cbrt(segments / 0.4) * 1000);
}

}  // namespace

void cubic_on_ack(Connection& c, Sender& r, const Context& ctx, uint32_t acked) {
  if (r.epoch_cwnd == 0) {
    begin_epoch(c, r, ctx);
  } else {
    // Section 5.8: nor does time count in which nothing came back, as nothing was sent.
    const uint32_t longest = (c.srtt_us8 >> 3) / 500 + 1;
    const uint32_t since = ctx.tick - r.counted_tick;
    if (since > longest) r.epoch_tick += since - longest;
  }
  r.counted_tick = ctx.tick;
  const int64_t t = ctx.tick - r.epoch_tick;
  // Section 4.3: as fast as Reno would have grown, with alpha = 3 (1 - beta) / (1 + beta) = 9/17
  // until it is back at the window from before the reduction, and 1 from there on.
  const uint64_t reno = (uint64_t{c.snd_mss} * acked << 8) / c.cwnd;
  r.w_est_256 += r.w_est_256 >> 8 >= r.prior_cwnd ? reno : reno * 9 / 17;
  const auto w_est = static_cast<uint32_t>(std::min<uint64_t>(r.w_est_256 >> 8, UINT32_MAX));
  if (curve(c, r, t) < int64_t{w_est}) {
    c.cwnd = std::max(c.cwnd, w_est);
    return;
  }
  // Sections 4.4 and 4.5: where the curve will be a round trip from now, and at most half more.
  const int64_t rtt_ms = c.srtt_us8 / 8000;
  const int64_t cwnd = c.cwnd;
  const int64_t target = std::clamp(curve(c, r, t + rtt_ms), cwnd, cwnd + cwnd / 2);
  c.cwnd += static_cast<uint32_t>((target - cwnd) * acked / cwnd);
}

void cubic_pause(Sender& r, const Context& ctx) {
  r.epoch_tick += ctx.tick - r.counted_tick;
  r.counted_tick = ctx.tick;
}

uint32_t cubic_on_loss(const Connection& c, Sender& r, uint32_t flight) {
  r.prior_w_max = r.w_max;
  r.prior_k_ms = r.k_ms;
  r.prior_epoch_tick = r.epoch_tick;
  r.prior_epoch_cwnd = r.epoch_cwnd;
  r.prior_w_est_256 = r.w_est_256;
  // Section 4.7, fast convergence: a window that did not get back to where it was leaves room for
  // the flow that is in its way.
  r.w_max = c.cwnd < r.w_max ? static_cast<uint32_t>(uint64_t{c.cwnd} * 17 / 20) : c.cwnd;
  r.epoch_cwnd = 0;
  return static_cast<uint32_t>(uint64_t{flight} * 7 / 10);
}

// Section 4.9: the curve goes on from where it was left.
void cubic_on_undo(Sender& r) {
  r.w_max = r.prior_w_max;
  r.k_ms = r.prior_k_ms;
  r.epoch_tick = r.prior_epoch_tick;
  r.epoch_cwnd = r.prior_epoch_cwnd;
  r.w_est_256 = r.prior_w_est_256;
}

}  // namespace millrace::tcp
