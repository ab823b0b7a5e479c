// SPDX-License-Identifier: BSD-3-Clause
// Steps 1 to 4 of RFC 9293 section 3.10.7.4 for every state that has a window: is the segment
// within it (3.4), PAWS (RFC 7323 section 5), RST and SYN as RFC 5961 has them.
#include "tcp/ecn.h"
#include "tcp/input.h"
#include "tcp/reassembly.h"

namespace millrace::tcp {
namespace {

constexpr uint32_t kTsRecentLifetimeTicks = 24u * 24 * 3600 * 1000;  // RFC 7323 section 5.5

// RFC 7323 section 5.3, R1. True when the segment is an old duplicate.
bool is_old_by_timestamp(const Connection& c, const wire::Segment& s, const Context& ctx) {
  return static_cast<int32_t>(s.ts_value - c.ts_recent) < 0 &&
         ctx.tick - c.ts_recent_tick < kTsRecentLifetimeTicks;
}

// The test of RFC 9293 section 3.4. An empty segment may also stand exactly at the right edge: that
// is where a peer that filled the window sends its acknowledgements from.
bool in_window(const Connection& c, const wire::Segment& s) {
  const uint32_t length = s.length();
  if (length == 0) return c.rcv_nxt <= s.seq && s.seq <= c.rcv_adv;
  const SeqNum last = s.seq + (length - 1);
  return (c.rcv_nxt <= s.seq && s.seq < c.rcv_adv) || (c.rcv_nxt <= last && last < c.rcv_adv) ||
         (s.seq < c.rcv_nxt && c.rcv_adv <= last && c.rcv_nxt < c.rcv_adv);
}

// In SYN-RECEIVED after a simultaneous open, the peer's SYN-ACK repeats a SYN that we have; only
// its acknowledgement is news (RFC 9293 figure 7).
bool is_simultaneous_syn_ack(const Connection& c, const wire::Segment& s) {
  return c.state == State::kSynReceived &&
         (s.flags & (wire::kSyn | wire::kAck | wire::kRst)) == (wire::kSyn | wire::kAck) &&
         s.seq + 1 == c.rcv_nxt && s.ack > c.snd_una && s.ack <= c.snd_nxt;
}

// The peer of a fast open has not seen our SYN-ACK yet.
bool is_repeated_fast_syn(const Connection& c, const wire::Segment& s) {
  return c.opened_fast() && (s.flags & (wire::kSyn | wire::kAck | wire::kRst)) == wire::kSyn &&
         s.seq < c.rcv_nxt;
}

void refuse(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx) {
  if (s.has(wire::kRst)) return;
  if (s.has(wire::kSyn)) ecn_on_repeated_syn_ack(c, s, ctx);
  if (s.payload_bytes != 0 && s.seq < c.rcv_nxt) {
    note_duplicate(c, ctx, s.seq, min(s.seq + s.payload_bytes, c.rcv_nxt));
  }
  if (s.length() == 0) {
    // Empty segments are answered within a rate, or two confused ends would answer each other.
    challenge(c, ctx, fx);
    return;
  }
  c.set(kAckNow);
  fx.dirty = true;
}

void accept_reset(Connection& c, Effects& fx) {
  const bool opening = c.state == State::kSynReceived && !c.opened_fast();
  fx.closed = opening ? CloseReason::kRefused : CloseReason::kPeerReset;
}

// Drops what lies before rcv_nxt and behind the right edge.
void trim(Connection& c, wire::Segment& s, Context& ctx) {
  if (s.seq < c.rcv_nxt) {
    note_duplicate(c, ctx, s.seq, min(s.seq + s.payload_bytes, c.rcv_nxt));
    const uint32_t drop = c.rcv_nxt - s.seq;
    const uint32_t bytes = drop < s.payload_bytes ? drop : s.payload_bytes;
    if (drop > s.payload_bytes) s.flags &= static_cast<wire::Flags>(~wire::kFin);
    s.payload += bytes;
    s.payload_bytes = static_cast<uint16_t>(s.payload_bytes - bytes);
    s.seq = c.rcv_nxt;
    c.set(kAckNow);  // the peer repeats what we have: our acknowledgement was lost
  }
  const int32_t excess = SeqNum::distance(c.rcv_adv, s.seq + s.payload_bytes);
  if (excess > 0) {
    const uint32_t bytes = static_cast<uint32_t>(excess);
    s.payload_bytes = static_cast<uint16_t>(bytes < s.payload_bytes ? s.payload_bytes - bytes : 0);
    s.flags &= static_cast<wire::Flags>(~wire::kFin);
    c.set(kAckNow);
  }
}

}  // namespace

bool acceptable(Connection& c, wire::Segment& s, Context& ctx, Effects& fx) {
  if (is_simultaneous_syn_ack(c, s)) {
    s.seq += 1;
    s.flags &= wire::kAck | wire::kPsh | wire::kFin;
    s.flags |= ecn_flags_of_no_meaning(c);
    c.set(kAckNow);
    fx.dirty = true;
  }
  if (is_repeated_fast_syn(c, s)) {
    c.set(kSynDue);
    fx.dirty = true;
    return false;
  }
  // Step 1.
  if (c.has(kTimestamps) && !s.has(wire::kRst)) {
    // RFC 7323 section 3.2; but the SYN of a peer that has restarted is to be challenged.
    if (!s.has_timestamps && !s.has(wire::kSyn)) {
      ctx.count(Counter::kDropTcpPaws);
      return false;
    }
    if (s.has_timestamps && is_old_by_timestamp(c, s, ctx)) {
      ctx.count(Counter::kDropTcpPaws);
      ctx.count(Counter::kTcpExtPAWSEstab);
      ctx.note(c, EventKind::kOldTimestamp);
      refuse(c, s, ctx, fx);
      return false;
    }
  }
  if (!in_window(c, s)) {
    // A closed window still lets ACK and RST through (RFC 9293 section 3.10.7.4).
    if (c.rcv_adv == c.rcv_nxt && s.seq == c.rcv_nxt && !s.has(wire::kSyn)) {
      s.payload_bytes = 0;
      s.flags &= static_cast<wire::Flags>(~wire::kFin);
      c.set(kAckNow);
      fx.dirty = true;
      ctx.count(Counter::kDropTcpUnacceptable);
    } else {
      ctx.count(Counter::kDropTcpUnacceptable);
      refuse(c, s, ctx, fx);
      return false;
    }
  }
  if (s.has_timestamps && c.has(kTimestamps) && !s.has(wire::kRst) &&
      s.seq <= c.last_ack_sent) {  // R3
    c.ts_recent = s.ts_value;
    c.ts_recent_tick = ctx.tick;
  }
  // Step 2, RFC 5961 section 3.2. In TIME-WAIT (with bytes still to be read) RFC 1337 applies.
  if (s.has(wire::kRst)) {
    if (c.state == State::kTimeWait) return false;
    if (s.seq == c.rcv_nxt) {
      accept_reset(c, fx);
    } else {
      challenge(c, ctx, fx);
    }
    return false;
  }
  // Step 4, RFC 5961 section 4.2.
  if (s.has(wire::kSyn)) {
    ctx.count(Counter::kTcpExtTCPSYNChallenge);
    challenge(c, ctx, fx);
    return false;
  }
  trim(c, s, ctx);
  return true;
}

}  // namespace millrace::tcp
