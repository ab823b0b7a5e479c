// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/window.h"

#include <algorithm>
#include <bit>

#include "tcp/autotune.h"
#include "wire/segment.h"

namespace millrace::tcp {
namespace {

// Where the window would end if all free memory were offered, as far as 16 bits can say.
SeqNum free_edge(const Connection& c, const Context& ctx, uint32_t limit) {
  const uint32_t unread = c.inbox == kNil ? 0 : (*ctx.inboxes)[c.inbox].unread_bytes;
  const uint32_t free = limit > unread ? limit - unread : 0;
  return c.rcv_nxt + std::min(free, 0xffffu << c.rcv_wscale());
}

// How far the edge must move before it is moved at all.
int32_t step_bytes(const Connection& c, const Context& ctx, uint32_t limit) {
  return static_cast<int32_t>(std::min<uint32_t>(limit / 2, ctx.local_mss_of(c.key.peer)));
}

}  // namespace

uint8_t window_shift_for(uint32_t buffer_bytes) {
  const int shift = static_cast<int>(std::bit_width(buffer_bytes)) - 16;
  return static_cast<uint8_t>(std::clamp<int>(shift, 0, wire::kWindowShiftMax));
}

uint16_t announce_window(Connection& c, Context& ctx) {
  const uint32_t limit = receive_limit(c, ctx);
  const SeqNum free = free_edge(c, ctx, limit);
  const uint8_t shift = c.rcv_wscale();
  const uint32_t unit = uint32_t{1} << shift;
  const bool move = SeqNum::distance(c.rcv_adv, free) >= step_bytes(c, ctx, limit);
  const uint32_t window = (move ? free : max(c.rcv_adv, c.rcv_nxt)) - c.rcv_nxt;
  uint32_t scaled = window >> shift;
  // Rounding down would take back part of what was promised, so a kept edge is rounded up; but
  // only while that stays within one unit of the memory there is, or a trickle of single bytes
  // would creep past it (RFC 7323 section 2.4 allows the shrinking by less than a unit).
  if (!move && (window & (unit - 1)) != 0 &&
      SeqNum::distance(free, c.rcv_nxt + ((scaled + 1) << shift)) < static_cast<int32_t>(unit)) {
    ++scaled;
  }
  scaled = std::min(scaled, 0xffffu);
  // What was promised before may be on its way, and the peer's acknowledgements are numbered behind
  // it: it stays acceptable, even if the field cannot say it.
  c.rcv_adv = max(c.rcv_adv, c.rcv_nxt + (scaled << shift));
  return static_cast<uint16_t>(scaled);
}

uint16_t announce_window_on_syn(Connection& c, Context& ctx) {
  const SeqNum edge = max(free_edge(c, ctx, receive_limit(c, ctx)), c.rcv_adv);
  const uint32_t window = std::min(edge - c.rcv_nxt, 0xffffu);
  c.rcv_adv = max(c.rcv_adv, c.rcv_nxt + window);
  return static_cast<uint16_t>(window);
}

bool window_update_due(const Connection& c, const Context& ctx) {
  if (peer_has_closed(c.state)) return false;  // nothing can come any more
  const uint32_t limit = receive_limit(c, ctx);
  return SeqNum::distance(c.rcv_adv, free_edge(c, ctx, limit)) >= step_bytes(c, ctx, limit);
}

}  // namespace millrace::tcp
