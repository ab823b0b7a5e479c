// SPDX-License-Identifier: BSD-3-Clause
// HyStart++ (RFC 9406): slow start ends when round trips get longer, before the queue overflows.
// The first rise only slows it down (conservative slow start); when that was no queue, it goes on.
#include <algorithm>

#include "tcp/congestion.h"

namespace millrace::tcp {
namespace {

constexpr uint32_t kRiseMinUs = 4'000;
constexpr uint32_t kRiseMaxUs = 16'000;
constexpr uint32_t kRiseDivisor = 8;
constexpr uint8_t kSamplesPerRound = 8;
constexpr uint32_t kCssGrowthDivisor = 4;
constexpr uint8_t kCssRounds = 5;
constexpr uint32_t kSegmentsPerAck = 8;  // L, without pacing

void begin_round(const Connection& c, Sender& r) {
  r.round_end = c.snd_nxt;
  r.last_round_rtt_us = r.round_rtt_us;
  r.round_rtt_us = 0;
  r.rtt_samples = 0;
}

bool risen(const Sender& r) {
  if (r.rtt_samples < kSamplesPerRound || r.last_round_rtt_us == 0) return false;
  const uint32_t rise = std::clamp(r.last_round_rtt_us / kRiseDivisor, kRiseMinUs, kRiseMaxUs);
  return r.round_rtt_us >= r.last_round_rtt_us + rise;
}

}  // namespace

uint32_t hystart_on_ack(Connection& c, Sender& r, uint32_t acked, uint32_t rtt_us) {
  if (rtt_us != 0) {
    r.round_rtt_us = r.round_rtt_us == 0 ? rtt_us : std::min(r.round_rtt_us, rtt_us);
    if (r.rtt_samples < kSamplesPerRound) ++r.rtt_samples;
  }
  const uint32_t growth = std::min(acked, kSegmentsPerAck * c.snd_mss);
  if (!r.has(kInCss)) {
    if (risen(r)) {
      r.set(kInCss);
      r.css_rtt_us = r.round_rtt_us;
      r.css_rounds = 0;
    }
  } else if (r.rtt_samples == kSamplesPerRound && r.round_rtt_us < r.css_rtt_us) {
    r.clear(kInCss);  // the rise was no queue
  }
  if (c.snd_una >= r.round_end) {
    begin_round(c, r);
    if (r.has(kInCss) && ++r.css_rounds == kCssRounds) c.ssthresh = c.cwnd;
  }
  return r.has(kInCss) ? growth / kCssGrowthDivisor : growth;
}

}  // namespace millrace::tcp
