// SPDX-License-Identifier: BSD-3-Clause
// What an acknowledgement means however it came, by the steps (acknowledge.cc) or as predicted
// (predicted.h).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/rtt.h"

namespace millrace::tcp {

// The peer offers `field` from the segment at `seq` on (RFC 9293 section 3.10.7.4; RFC 7323
// section 2.3).
inline void set_window(Connection& c, SeqNum seq, uint16_t field) {
  c.snd_wl1 = seq;
  const uint32_t window = uint32_t{field} << c.snd_wscale();
  if (window == c.snd_wnd) return;
  if (window == 0) c.probes = 0;  // a closed window's are counted from here
  c.snd_wnd = window;
  c.snd_wnd_max_log2 = std::max(c.snd_wnd_max_log2, static_cast<uint8_t>(std::bit_width(window)));
}

// Something new is acknowledged, up to `ack`, so whatever waited for that waits no more. Returns
// whether a round trip was measured (RFC 6298 section 3). Requires: snd_una has not moved yet.
[[gnu::always_inline]] inline bool note_progress(Connection& c, const Context& ctx, SeqNum ack) {
  const bool measured = c.has(kRttTiming) && ack >= c.rtt_seq;
  if (measured) {
    take_rtt_sample(c, ctx.now_us - c.rtt_began_us);
    c.clear(kRttTiming);
  }
  c.backoff = 0;
  c.probes = 0;
  if (ack - c.snd_una >= c.snd_mss) c.set(kFullSizePassed);
  c.clear(kPersist | kRetransmitArmed | kLossProbe | kReorderTimer);
  return measured;
}

}  // namespace millrace::tcp
