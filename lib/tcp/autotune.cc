// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/autotune.h"

namespace millrace::tcp {
namespace {

constexpr uint32_t kSpareSegments = 16;
constexpr uint32_t kRoundTripMaxMs = 60'000;

uint8_t packed_window(uint64_t bytes, uint32_t buffer_bytes) {
  if (bytes >= buffer_bytes) return kWholeBuffer;
  const uint8_t packed = base::pack_eighths(static_cast<uint32_t>(bytes));
  return base::unpack_eighths(packed) >= buffer_bytes ? kWholeBuffer : packed;
}

bool round_is_over(const Autotune& a, const Context& ctx) {
  return a.rtt_us != 0 && ctx.now_us - a.began_us >= a.rtt_us;
}

void learn_round_trip(const Connection& c, Autotune& a, uint32_t ts_echo, const Context& ctx) {
  const auto lower_to = [&](uint32_t us) {
    if (a.rtt_us == 0 || us < a.rtt_us) a.rtt_us = us;
  };
  if (c.has(kTimestamps)) {
    const uint32_t ms = ctx.tick + c.ts_offset - ts_echo;
    if (ms < 2) {  // a clock of milliseconds cannot tell more
      lower_to(2000);
    } else if (ms <= kRoundTripMaxMs) {
      lower_to(ms * 1000);
      // What is echoed may have waited until the peer had something to say: up by steps only.
      if (round_is_over(a, ctx)) a.rtt_us += (ms * 1000 - a.rtt_us) / 8;
    }
  }
  if (c.rcv_nxt <= a.edge) return;
  lower_to(std::max(ctx.now_us - a.edge_us, 1u));
  a.edge = c.rcv_adv;
  a.edge_us = ctx.now_us;
}

void grow(Connection& c, const Context& ctx, uint64_t taken, uint64_t taken_before) {
  const uint32_t window = base::unpack_eighths(c.rcv_window);
  // A trickle is measured from look to look, a sixteenth at a time.
  if (taken <= window / 4 || !ctx.blocks->plenty()) return;
  const bool rising = 3 * taken > 4 * taken_before;  // looks are not so close that less would count
  const uint64_t wanted = (rising ? 4 : 2) * taken + uint64_t{kSpareSegments} * c.rcv_mss;
  const uint64_t granted = std::min(wanted, ctx.blocks->free_bytes() / 4);
  if (granted > window) c.rcv_window = packed_window(granted, ctx.options(c).receive_buffer_bytes);
}

}  // namespace

void begin_receive_limit(Connection& c, const TcpOptions& options) {
  constexpr uint8_t kModerate = base::pack_eighths(kModerateWindow);
  static_assert(base::unpack_eighths(kModerate) == kModerateWindow);
  const bool grows = options.receive_autotuning && c.rcv_wscale() != 0 &&
                     options.receive_buffer_bytes > kModerateWindow;
  c.rcv_window = grows ? kModerate : kWholeBuffer;
}

void change_receive_limit(Connection& c, const TcpOptions& before, const TcpOptions& now) {
  if (now.receive_buffer_bytes == before.receive_buffer_bytes &&
      now.receive_autotuning == before.receive_autotuning) {
    return;
  }
  const uint32_t window = c.rcv_window == kWholeBuffer ? before.receive_buffer_bytes
                                                       : base::unpack_eighths(c.rcv_window);
  begin_receive_limit(c, now);
  if (c.rcv_window != kWholeBuffer) {
    c.rcv_window = packed_window(std::max(window, kModerateWindow), now.receive_buffer_bytes);
  }
}

void measure_received(Connection& c, Context& ctx, uint32_t ts_echo) {
  Autotune& a = ctx.autotune(c);
  const uint32_t unread = c.inbox == kNil ? 0 : (*ctx.inboxes)[c.inbox].unread_bytes;
  const SeqNum at = c.rcv_nxt - unread;
  if (a.generation != c.generation) {
    a = {.generation = c.generation,
         .rtt_us = c.srtt_us8 >> 3,
         .began_at = at,
         .began_us = ctx.now_us,
         .edge = c.rcv_adv,
         .edge_us = ctx.now_us};
    return;
  }
  learn_round_trip(c, a, ts_echo, ctx);
  if (!round_is_over(a, ctx)) return;
  const uint32_t taken = at - a.began_at;
  if (taken != 0) grow(c, ctx, taken, a.taken);
  a.taken = taken;
  a.began_at = at;
  a.began_us = ctx.now_us;
}

Autotune receive_rate(const Connection& c, const Context& ctx) {
  const Autotune& a = ctx.autotune(c);
  return a.generation == c.generation ? a : Autotune{};
}

}  // namespace millrace::tcp
