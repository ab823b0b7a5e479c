// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/rack.h"

#include <algorithm>

#include "tcp/rtt.h"

namespace millrace::tcp {
namespace {

constexpr uint32_t kDuplicateThreshold = 3;
constexpr uint8_t kPersistRecoveries = 16;
// Below this a probe would only measure how long peers are descheduled.
constexpr uint32_t kProbeMinUs = 10'000;

bool sent_after(uint32_t a_us, SeqNum a_end, uint32_t b_us, SeqNum b_end) {
  const auto later = static_cast<int32_t>(a_us - b_us);
  return later > 0 || (later == 0 && a_end > b_end);
}

}  // namespace

uint32_t reordering_window_us(const Connection& c, const Sender& r) {
  if (!r.has(kReorderingSeen)) {
    if (repairs(r.phase)) return 0;
    const uint32_t sacked = std::max<uint32_t>(c.duplicate_acks, r.sacked_bytes / c.snd_mss);
    if (sacked >= kDuplicateThreshold) return 0;
  }
  const uint64_t window = uint64_t{r.min_rtt_us} * r.reo_wnd_mult / 4;
  return static_cast<uint32_t>(std::min<uint64_t>(window, c.srtt_us8 >> 3));
}

void rack_on_delivered(Sender& r, const Context& ctx, const Run& run, SeqNum end, bool exact,
                       Delivery& d) {
  const uint32_t rtt = std::max(1u, ctx.now_us - run.sent_us);
  const bool resent = (run.flags & kResent) != 0;
  // An answer sooner than any round trip was to the first sending.
  if (resent && rtt < r.min_rtt_us) return;
  if (!resent && exact) {
    r.min_rtt_us = r.min_rtt_us == 0 ? rtt : std::min(r.min_rtt_us, rtt);
    d.rtt_us = d.rtt_us == 0 ? rtt : std::min(d.rtt_us, rtt);
  }
  if (end < d.fack && !resent) r.set(kReorderingSeen);
  r.fack = max(r.fack, end);
  if (r.rack_rtt_us == 0 || sent_after(run.sent_us, end, r.rack_sent_us, r.rack_end)) {
    r.rack_sent_us = run.sent_us;
    r.rack_end = end;
    r.rack_rtt_us = rtt;
  }
}

void rack_on_duplicate(const Connection& c, Sender& r) {
  if (r.reo_wnd_persist != 0 && c.snd_una < r.dsack_round) return;  // this round has counted
  r.dsack_round = c.snd_nxt;
  if (r.reo_wnd_mult < UINT8_MAX) ++r.reo_wnd_mult;
  r.reo_wnd_persist = kPersistRecoveries;
}

void rack_on_recovery_end(Sender& r) {
  if (r.reo_wnd_persist != 0 && --r.reo_wnd_persist == 0) r.reo_wnd_mult = 1;
}

uint32_t rack_detect_loss(Connection& c, Sender& r, Context& ctx, bool& news) {
  if (r.rack_rtt_us == 0) return 0;
  // A long walk is not made for each acknowledgement, but for each 1/128 of a round trip.
  if (r.runs > kRunsMax) {
    const uint32_t pause = c.srtt_us8 >> 10;
    if (ctx.now_us - r.walked_us < pause) return pause;
    r.walked_us = ctx.now_us;
  }
  const uint32_t window = reordering_window_us(c, r);
  uint32_t wait = 0;
  for (uint32_t index = r.head; index != kNil; index = (*ctx.runs)[index].next) {
    const Run& run = (*ctx.runs)[index];
    if ((run.flags & (kSacked | kLost)) != 0) continue;
    if (!sent_after(r.rack_sent_us, r.rack_end, run.sent_us, run_end(c, ctx, run))) continue;
    const auto left = static_cast<int32_t>(run.sent_us + r.rack_rtt_us + window - ctx.now_us);
    if (left <= 0) {
      lose_run(c, r, ctx, index);
      news = true;
    } else {
      wait = std::max(wait, static_cast<uint32_t>(left));
    }
  }
  return wait;
}

bool rack_may_arrive(const Connection& c, const Sender& r, const Context& ctx, const Run& run) {
  if (!c.has(kSack)) return false;
  const uint32_t rtt = r.rack_rtt_us != 0 ? r.rack_rtt_us : c.srtt_us8 >> 3;
  const uint32_t due = run.sent_us + rtt + reordering_window_us(c, r);
  return static_cast<int32_t>(due - ctx.now_us) > 0;
}

uint32_t tail_probe_ticks(const Connection& c, const Context& ctx) {
  if (!c.has(kSack) || c.srtt_us8 == 0) return 0;
  if (c.sender != kNil) {
    const Sender& r = (*ctx.senders)[c.sender];
    if (repairs(r.phase) || r.sacked_bytes != 0 || r.has(kProbeOut)) return 0;
  }
  const uint32_t us = std::max(kProbeMinUs, c.srtt_us8 >> 2);
  return (us + 999) / 1000 + 1;
}

bool probe_repaired_loss(Sender& r, SeqNum ack, bool duplicate_ack, const Delivery& d) {
  if (!r.has(kProbeOut) || ack < r.tlp_end) return false;
  if (!r.has(kProbeResent)) {
    r.clear(kProbeOut);
    return false;
  }
  if (is_duplicate_probe(r, d)) {
    r.clear(kProbeOut);  // both arrived: nothing was lost
    return false;
  }
  if (ack > r.tlp_end) {
    r.clear(kProbeOut);
    return true;
  }
  if (duplicate_ack) r.clear(kProbeOut);
  return false;
}

}  // namespace millrace::tcp
