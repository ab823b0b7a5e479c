// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/mtu.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tcp/congestion.h"
#include "tcp/recovery.h"

namespace millrace::tcp {
namespace {

constexpr uint16_t kMtuMin = 68;      // RFC 791: what every link carries whole
constexpr uint16_t kMtuMinV6 = 1280;  // the same of RFC 8200
constexpr uint16_t kTcpHeader = 20;
constexpr uint16_t kTimestamps12 = 12;
constexpr uint32_t kFollowers = 4;  // full segments behind a probe, so that its loss shows

uint16_t header_bytes(const Connection& c) {
  const int ip = c.key.peer.is_v4() ? 20 : 40;
  return static_cast<uint16_t>(ip + kTcpHeader + (c.has(kTimestamps) ? kTimestamps12 : 0));
}

uint16_t mss_for(const Connection& c, const Context& ctx, uint16_t mtu) {
  const uint16_t least = c.key.peer.is_v4() ? ctx.min_pmtu : std::max(ctx.min_pmtu, kMtuMinV6);
  return static_cast<uint16_t>(std::max(mtu, least) - header_bytes(c));
}

// Segments are smaller from now on. Requires: mss < c.snd_mss.
void shrink(Connection& c, Sender& r, const Context& ctx, uint16_t mss) {
  if (r.mss_max == 0) r.mss_max = c.snd_mss;
  c.snd_mss = mss;
  r.path_tick = ctx.tick;
  r.path_probe_bytes = 0;
  r.claimed_mss = 0;
}

// What is lost for its size goes out at once, with the window that there is.
void resend_smaller(Connection& c, Sender& r, Context& ctx) {
  r.clear(kForward);
  if (!c.has(kSack) && r.phase == Phase::kOpen) {
    // Duplicates that what lies behind will cause are no sign of another loss (RFC 6582).
    r.recover = c.snd_nxt;
    r.set(kHasRecover);
  }
  c.clear(kTailProbeNow);
  arm_loss_timer(c, ctx);
}

// The probe does not get through: all of it is lost, and the search goes on below it.
void fail_probe(Connection& c, Sender& r, Context& ctx, uint16_t limit) {
  lose_larger(c, r, ctx, r.path_probe_begin, r.path_probe_begin + r.path_probe_bytes, 0);
  r.mss_limit = std::min(r.path_probe_bytes, std::max(limit, c.snd_mss));
  r.path_probe_bytes = 0;
  r.path_tick = ctx.tick;
  ctx.count(Counter::kTcpExtTCPMTUPFail);
}

}  // namespace

uint16_t packet_bytes(const Connection& c) {
  return static_cast<uint16_t>(c.snd_mss + header_bytes(c));
}

uint16_t plateau_below(uint16_t packet_bytes) {
  constexpr std::array<uint16_t, 10> kPlateaus = {32000, 17914, 8166, 4352, 2002,
                                                  1492,  1006,  508,  296,  kMtuMin};
  for (const uint16_t plateau : kPlateaus) {
    if (plateau < packet_bytes) return plateau;
  }
  return kMtuMin;
}

void begin_path(Connection& c, Context& ctx, uint16_t path_mtu) {
  uint16_t mss = c.snd_mss;
  uint16_t limit = 0;
  if (path_mtu != 0 && mss_for(c, ctx, path_mtu) < mss) {
    mss = mss_for(c, ctx, path_mtu);
    limit = static_cast<uint16_t>(mss + 1);
  }
  if (ctx.options(c).mtu_probing == MtuProbing::kAlways) {
    mss = std::min(mss, std::max(kBaseMss, mss_for(c, ctx, 0)));
  }
  if (mss == c.snd_mss) return;
  Sender& r = open_sender(c, ctx);
  shrink(c, r, ctx, mss);
  r.mss_limit = limit;
  c.cwnd = std::min(c.cwnd, initial_window(c, ctx));
}

void on_too_big(Connection& c, Context& ctx, const TooBig& claim, Effects& fx) {
  Sender* r = c.sender == kNil ? nullptr : &(*ctx.senders)[c.sender];
  const bool of_probe = r != nullptr && r->path_probe_bytes != 0 &&
                        r->path_probe_begin <= claim.seq &&
                        claim.seq < r->path_probe_begin + r->path_probe_bytes;
  uint16_t mtu = claim.next_hop_mtu;
  if (mtu == 0) {
    const uint16_t sent =
        of_probe ? static_cast<uint16_t>(r->path_probe_bytes + header_bytes(c)) : packet_bytes(c);
    // Some old routers say more than the packet had (RFC 1191 section 5).
    mtu = plateau_below(std::min(sent, claim.packet_bytes));
  }
  if (mtu < kMtuMin || mtu >= claim.packet_bytes) return;
  const uint16_t mss = mss_for(c, ctx, mtu);
  if (of_probe && mss >= c.snd_mss) {
    fail_probe(c, *r, ctx, static_cast<uint16_t>(mss + 1));
    resend_smaller(c, *r, ctx);
    fx.dirty = true;
    return;
  }
  if (mss >= c.snd_mss) return;
  r = &open_sender(c, ctx);
  if (c.has(kFullSizePassed) && c.backoff == 0) {
    r->claimed_mss = mss;
    r->claim_seq = claim.seq;
    return;
  }
  shrink(c, *r, ctx, mss);
  r->mss_limit = static_cast<uint16_t>(mss + 1);
  lose_larger(c, *r, ctx, claim.seq, c.snd_nxt, c.snd_mss);
  resend_smaller(c, *r, ctx);
  ctx.count(Counter::kPathMtuLowered);
  fx.path_mtu = packet_bytes(c);
  fx.dirty = true;
}

bool claim_holds(Connection& c, Context& ctx, Effects& fx) {
  if (c.sender == kNil) return false;
  Sender& r = (*ctx.senders)[c.sender];
  const uint16_t mss = std::exchange(r.claimed_mss, uint16_t{0});
  if (mss == 0 || mss >= c.snd_mss || c.snd_una > r.claim_seq) return false;
  shrink(c, r, ctx, mss);
  r.mss_limit = static_cast<uint16_t>(mss + 1);
  lose_all(c, r, ctx);
  resend_smaller(c, r, ctx);
  ctx.count(Counter::kPathMtuLowered);
  fx.path_mtu = packet_bytes(c);
  fx.dirty = true;
  return true;
}

void shrink_in_black_hole(Connection& c, Context& ctx) {
  if (c.sender != kNil) (*ctx.senders)[c.sender].path_probe_bytes = 0;
  if (ctx.options(c).mtu_probing == MtuProbing::kOff) return;
  // At the third timeout to the base, and then to a half of what times out at every second one.
  if (c.backoff < kBlackHoleTimeouts || (c.backoff - kBlackHoleTimeouts) % 2 != 0) return;
  const auto sent = static_cast<uint16_t>(std::min<uint32_t>(c.snd_mss, c.flight()));
  const bool first = c.backoff == kBlackHoleTimeouts;
  const uint16_t wanted = first ? kBaseMss : static_cast<uint16_t>(sent / 2);
  const uint16_t mss = std::max(wanted, mss_for(c, ctx, 0));
  if (mss >= sent) return;
  Sender& r = open_sender(c, ctx);
  shrink(c, r, ctx, mss);
  r.mss_limit = 0;
  c.clear(kFullSizePassed);
  ctx.count(Counter::kPathMtuBlackHoles);
}

uint32_t due_path_probe(Connection& c, Context& ctx) {
  Sender& r = (*ctx.senders)[c.sender];
  // Behind others, so that acknowledgements go on while it is on its way.
  if (r.path_probe_bytes != 0 || c.flight() == 0) return 0;
  if (r.phase != Phase::kOpen || r.lost_bytes != 0 || r.sacked_bytes != 0) return 0;
  if (ctx.options(c).mtu_probing == MtuProbing::kOff) return 0;
  if (r.mss_limit != 0 && ctx.tick - r.path_tick >= kSearchAgainTicks) r.mss_limit = 0;
  const uint32_t mss = c.snd_mss;
  // The size of before first, as an outage may have looked like a black hole; then by halves. A
  // window that takes less lets the search climb in smaller steps.
  const uint32_t wanted = r.mss_limit == 0 ? r.mss_max : (mss + r.mss_limit) / 2;
  const uint32_t size = std::min(wanted, congestion_room(c, ctx));
  if (size < mss + kSearchStepMin && size < r.mss_max) return 0;
  if (size <= mss) return 0;
  const uint32_t followed = size + kFollowers * mss;
  const bool window = c.snd_wnd >= c.flight() && c.snd_wnd - c.flight() >= followed;
  return window && c.unsent() >= followed && c.cwnd >= followed ? size : 0;
}

void path_on_progress(Connection& c, Sender& r, Context& ctx) {
  if (r.claimed_mss != 0 && c.snd_una > r.claim_seq) r.claimed_mss = 0;
  if (r.path_probe_bytes == 0 || c.snd_una < r.path_probe_begin + r.path_probe_bytes) return;
  c.snd_mss = std::exchange(r.path_probe_bytes, uint16_t{0});
  r.path_tick = ctx.tick;
  c.set(kFullSizePassed);
  if (c.snd_mss >= r.mss_max) r.mss_max = r.mss_limit = 0;
  ctx.count(Counter::kTcpExtTCPMTUPSuccess);
}

bool only_path_probe_lost(Connection& c, Sender& r, Context& ctx) {
  if (r.path_probe_bytes == 0 || r.lost_bytes == 0 || r.lost_bytes > r.path_probe_bytes) {
    return false;
  }
  SeqNum begin;
  next_lost(c, r, ctx, 1, begin);
  if (begin != r.path_probe_begin) return false;
  fail_probe(c, r, ctx, r.path_probe_bytes);
  resend_smaller(c, r, ctx);
  return true;
}

}  // namespace millrace::tcp
