// SPDX-License-Identifier: BSD-3-Clause
// Handshakes of which nothing is stored (RFC 4987 section 3.6): the SYN is answered from what it
// says, and the ACK that comes back brings all that the connection needs.
#include "tcp/syn_cookie.h"

#include "stack/impl.h"
#include "tcp/ecn.h"
#include "tcp/handshake.h"

namespace millrace {

bool Shard::Impl::wants_cookie(bool full) const {
  switch (config_.syn_cookies) {
    case SynCookies::kAuto:
      return full || half_open_.used() >= cookies_from_;
    case SynCookies::kAlways:
      return true;
    case SynCookies::kNever:
      return false;
  }
  return false;
}

// What of a SYN can come back.
tcp::HalfOpen Shard::Impl::kept_by_cookie(const FlowKey& key, const wire::Segment& syn,
                                          const TcpOptions& options) {
  tcp::HalfOpen half = tcp::remember_syn(key, syn, options, {});
  tcp::ecn_fit_cookie(half);
  half.fast_open = 0;
  if (!half.timestamps()) half.shift_and_flags = tcp::HalfOpen::kNoShift;
  return half;
}

void Shard::Impl::answer_with_cookie(const TcpOptions& options, const wire::ParsedFrame& p,
                                     uint64_t hash) {
  tcp::HalfOpen half = kept_by_cookie(p.key, p.segment, options);
  const bool timestamps = half.timestamps();
  half.iss = tcp::make_cookie(cookie_secret_, p.key, p.segment.seq, half.mss, timestamps, now_);
  wire::SegmentHeader h =
      tcp::syn_ack(half, options, ctx_, timestamps ? timestamp_offset(hash) : 0);
  if (timestamps) {
    const bool ecn = half.ecn() != tcp::HalfOpen::kEcnNone;
    h.ts_value = tcp::stamp(h.ts_value, {half.window_shift(), half.sack(), ecn});
  }
  cookies_until_ = now_ + tcp::kCookieLifetimeMax;
  counters_.add(Counter::kTcpExtSyncookiesSent);
  send_control(p.key, h);
}

// An ACK for a listener that fits nothing we know: true when it was dealt with, because it brought
// a cookie back, or its sender will send again what does. `half_index` is the entry that a repeated
// SYN of the same tuple has made since, or kNil.
bool Shard::Impl::accept_cookie(stack::Listener& listener, const wire::ParsedFrame& p,
                                uint64_t hash, uint32_t half_index) {
  const wire::Segment& s = p.segment;
  if (config_.syn_cookies == SynCookies::kNever || s.has(wire::kSyn) || now_ >= cookies_until_) {
    return false;
  }
  const TcpOptions& options = profiles_[listener.profile];
  const bool timestamps = options.timestamps && s.has_timestamps;
  tcp::HalfOpen half;
  half.key = p.key;
  half.irs = s.seq - 1;
  half.iss = s.ack - 1;
  const std::optional<tcp::Cookie> cookie =
      tcp::check_cookie(cookie_secret_, p.key, half.irs, half.iss, timestamps, now_);
  if (cookie && !cookie->whole && !used_cookies_.knows_flow(*cookie)) {
    // Ahead of the stream's first bytes: when those come again the connection begins.
    counters_.add(Counter::kTcpExtTCPOFODrop);
    return true;
  }
  const bool good = cookie && cookie->whole && !used_cookies_.contains(*cookie);
  std::optional<tcp::StampedOptions> stamped = tcp::StampedOptions{};
  if (good && timestamps) {
    const uint32_t clock = ctx_.tick + timestamp_offset(hash);
    stamped = tcp::read_stamp(clock, s.ts_echo);
  }
  if (!good || !stamped) {
    counters_.add(Counter::kTcpExtSyncookiesFailed);
    return false;
  }
  half.mss = cookie->mss;
  half.shift_and_flags = options.window_scale ? stamped->window_shift : tcp::HalfOpen::kNoShift;
  if (stamped->sack && options.sack) half.shift_and_flags |= tcp::HalfOpen::kSackBit;
  if (stamped->ecn && options.ecn != Ecn::kOff) half.set_ecn(tcp::HalfOpen::kEcnClassic);
  if (timestamps) {
    // What the SYN said is gone; nothing older than this segment is waited for.
    half.shift_and_flags |= tcp::HalfOpen::kTimestampsBit;
    half.ts_recent = s.ts_value;
  }
  if (!promote(half, half_index, listener, p, hash)) return true;
  used_cookies_.insert(*cookie);
  counters_.add(Counter::kTcpExtSyncookiesRecv);
  if (half_index == kNil) counters_.add(Counter::kTcpPassiveOpens);
  return true;
}

}  // namespace millrace
