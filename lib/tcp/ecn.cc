// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/ecn.h"

#include <algorithm>

namespace millrace::tcp {
namespace {

constexpr wire::Flags kEcnFlags = wire::kAe | wire::kCwr | wire::kEce;
constexpr wire::Flags kClassicSetup = wire::kCwr | wire::kEce;
constexpr uint8_t kAceInitial = 5;  // RFC 9768 section 3.2.1

// SYNs and SYN-ACKs that ask or agree, after the first one.
constexpr uint32_t kClassicSynRetries = 0;   // RFC 3168 section 6.1.1.1
constexpr uint32_t kAccurateSynRetries = 1;  // RFC 9768 section 3.1.4.1
constexpr uint8_t kSynAckRetries = 1;        // RFC 9768 section 3.2.3.2.2

// The ECN field of a SYN or SYN-ACK, reflected in AE, CWR and ECE (RFC 9768 tables 2 and 3).
constexpr uint8_t kReflected[4] = {
    0b010,  // not ECT
    0b011,  // ECT(1)
    0b100,  // ECT(0)
    0b110,  // CE
};
constexpr uint8_t kCeReflected = kReflected[wire::kCe];

// A segment that is sent without ECT must arrive so; any other report says that the path changes
// the field (RFC 9768 section 3.2.2.3).
constexpr bool tells_of_mangling(uint8_t reflected) {
  return reflected == kReflected[wire::kEct1] || reflected == kReflected[wire::kEct0] ||
         reflected == kReflected[wire::kCe];
}

// What a listener with these options makes of a SYN (RFC 3168 section 6.1.1, RFC 9768 table 2).
// Combinations that are not defined yet count as a request for accurate feedback (section 3.1.3).
EcnMode answer_to(const wire::Segment& s, const TcpOptions& options) {
  const wire::Flags asked = s.flags & kEcnFlags;
  if (options.ecn == Ecn::kOff || asked == 0) return EcnMode::kNone;
  if (options.ecn == Ecn::kAccurate) {
    return asked == kClassicSetup ? EcnMode::kClassic : EcnMode::kAccurate;
  }
  return (asked & kClassicSetup) == kClassicSetup ? EcnMode::kClassic : EcnMode::kNone;
}

// What a SYN-ACK says to an initiator that asked.
EcnMode answer_of(const wire::Segment& s, EcnMode asked) {
  const uint8_t answer = wire::ace_of(s.flags);
  switch (asked) {
    case EcnMode::kNone:
      return EcnMode::kNone;
    case EcnMode::kClassic:
      // CWR beside ECE: a host that reflects what it does not know.
      return (answer & 0b011) == 0b001 ? EcnMode::kClassic : EcnMode::kNone;
    case EcnMode::kAccurate:
      if (answer == 0b000 || answer == 0b111) return EcnMode::kNone;
      return answer == 0b001 ? EcnMode::kClassic : EcnMode::kAccurate;
  }
  return EcnMode::kNone;
}

void enter(Connection& c, const Context& ctx, EcnMode mode) {
  c.clear(kEcn | kAccEcn);
  switch (mode) {
    case EcnMode::kNone:
      return;
    case EcnMode::kClassic:
      c.set(kEcn | kEct);
      return;
    case EcnMode::kAccurate:
      c.set(kAccEcn | kEct | kAceUntested);
      ctx.ace(c) = {.received = kAceInitial, .delivered = kAceInitial, .stretch = 2};
      return;
  }
}

void count_delivered(const Context& ctx, uint32_t marks) {
  ctx.counters->add(Counter::kTcpExtTCPDeliveredCE, marks);
}

// A mark on SYN or SYN-ACK: there is no flight to halve yet.
void halve_initial_window(Connection& c) {
  c.cwnd = std::max(c.cwnd / 2, std::min(c.cwnd, 2u * c.snd_mss));
}

void stop_sending_ect(Connection& c, const Context& ctx) {
  if (!c.has(kEct)) return;
  c.clear(kEct);
  ctx.counters->add(Counter::kTcpExtTCPECNFallback);
}

// The peer's ACE is no count (RFC 9768 section 3.2.2.4). Ours goes on.
void stop_believing(Connection& c, const Context& ctx) {
  ctx.ace(c).disbelieved = true;
  stop_sending_ect(c, ctx);
}

uint32_t syn_retries(const Connection& c) {
  return c.has(kAccEcn) ? kAccurateSynRetries : kClassicSynRetries;
}

}  // namespace

// --- Active open --------------------------------------------------------------------------------

void ecn_open_active(Connection& c, const TcpOptions& options) {
  if (options.ecn == Ecn::kClassic) c.set(kEcn);
  if (options.ecn == Ecn::kAccurate) c.set(kAccEcn);
}

wire::Flags ecn_syn_flags(const Connection& c, const Context& ctx) {
  if (!c.has(kEcn | kAccEcn)) return 0;
  if (c.total_retrans > syn_retries(c)) {
    if (c.total_retrans == syn_retries(c) + 1) ctx.counters->add(Counter::kTcpExtTCPECNFallback);
    return 0;
  }
  return c.has(kAccEcn) ? kEcnFlags : kClassicSetup;
}

void ecn_on_syn_ack(Connection& c, const wire::Segment& s, const Context& ctx) {
  const EcnMode asked = ecn_mode(c);
  if (asked == EcnMode::kNone) return;
  const bool gave_up_asking = c.total_retrans > syn_retries(c);
  enter(c, ctx, answer_of(s, asked));
  // RFC 3168 section 6.1.1: who has sent a SYN that does not ask must not send ECT. In the accurate
  // mode only a listener must not (RFC 9768 section 3.1.5): we know that the peer is in it, too.
  if (gave_up_asking && c.has(kEcn)) c.clear(kEct);
  if (c.has(kAccEcn)) {
    ctx.ace(c).syn_ecn = s.ecn & 3;
    c.set(kAceHandshake);
    if (s.ecn == wire::kCe) ctx.ace(c).received = kAceInitial + 1;
    const uint8_t reflected = wire::ace_of(s.flags);
    if (tells_of_mangling(reflected)) stop_sending_ect(c, ctx);
    if (reflected == kCeReflected) halve_initial_window(c);  // and s.cep stays: section 3.2.2.2
  } else if (!c.has(kEcn) && !gave_up_asking) {
    ctx.counters->add(Counter::kTcpExtTCPECNFallback);
  }
}

void ecn_on_simultaneous_syn(Connection& c, const wire::Segment& s, const Context& ctx) {
  // Who has not asked does not begin to: the peer has been told so by our SYN.
  const bool asking = c.has(kEcn | kAccEcn);
  const bool gave_up_asking = c.total_retrans > syn_retries(c);
  enter(c, ctx, asking ? answer_to(s, ctx.options(c)) : EcnMode::kNone);
  if (gave_up_asking) c.clear(kEct);
  ctx.ace(c).syn_ecn = s.ecn & 3;
}

wire::Flags ecn_syn_ack_flags(const Connection& c, const Context& ctx) {
  if (c.has(kAccEcn)) return wire::ace_flags(kReflected[ctx.ace(c).syn_ecn]);
  return c.has(kEcn) ? wire::kEce : wire::Flags{0};
}

// --- Passive open -------------------------------------------------------------------------------

void ecn_remember_syn(HalfOpen& half, const wire::Segment& s, const TcpOptions& options) {
  switch (answer_to(s, options)) {
    case EcnMode::kNone:
      half.set_ecn(HalfOpen::kEcnNone);
      return;
    case EcnMode::kClassic:
      half.set_ecn(HalfOpen::kEcnClassic);
      return;
    case EcnMode::kAccurate:
      half.set_ecn(HalfOpen::kEcnAccurate);
      half.syn_ecn = s.ecn & 3;
      return;
  }
}

wire::Flags ecn_syn_ack_flags(const HalfOpen& half) {
  switch (half.ecn()) {
    case HalfOpen::kEcnNone:
      return 0;
    case HalfOpen::kEcnClassic:
      return wire::kEce;
    case HalfOpen::kEcnAccurate:
    case HalfOpen::kEcnAccurateNoEct:
      break;
  }
  if (half.retries > kSynAckRetries) return 0;
  return wire::ace_flags(kReflected[half.syn_ecn]);
}

bool ecn_on_repeated_syn(HalfOpen& half, const wire::Segment& s, const TcpOptions& options) {
  const EcnMode asked = answer_to(s, options);
  switch (half.ecn()) {
    case HalfOpen::kEcnNone:
      return true;
    case HalfOpen::kEcnClassic:
      if (asked == EcnMode::kNone) half.syn_ecn = HalfOpen::kClassicNoEct;
      return asked != EcnMode::kAccurate;
    case HalfOpen::kEcnAccurate:
    case HalfOpen::kEcnAccurateNoEct:
      if (asked == EcnMode::kNone) half.set_ecn(HalfOpen::kEcnAccurateNoEct);
      half.syn_ecn = s.ecn & 3;
      return asked != EcnMode::kClassic;
  }
  return true;
}

void ecn_fit_cookie(HalfOpen& half) {
  if (half.ecn() != HalfOpen::kEcnNone) half.set_ecn(HalfOpen::kEcnClassic);
  half.syn_ecn = 0;
}

wire::Flags ecn_half_open_flags(const HalfOpen& half) {
  const bool accurate =
      half.ecn() == HalfOpen::kEcnAccurate || half.ecn() == HalfOpen::kEcnAccurateNoEct;
  return accurate ? wire::ace_flags(kAceInitial) : wire::Flags{0};
}

void ecn_open_passive(Connection& c, const HalfOpen& half, const wire::Segment& s,
                      const Context& ctx) {
  switch (half.ecn()) {
    case HalfOpen::kEcnNone:
      return;
    case HalfOpen::kEcnClassic:
      enter(c, ctx, EcnMode::kClassic);
      if (half.syn_ecn == HalfOpen::kClassicNoEct) c.clear(kEct);
      return;
    case HalfOpen::kEcnAccurate:
    case HalfOpen::kEcnAccurateNoEct:
      break;
  }
  enter(c, ctx, EcnMode::kAccurate);
  // RFC 9768 section 3.1.5: a SYN or SYN-ACK without ECN may have put the client into another mode.
  if (half.ecn() == HalfOpen::kEcnAccurateNoEct || half.retries > kSynAckRetries) c.clear(kEct);
  ecn_on_first_ack(c, s, ctx);
}

wire::Flags ecn_flags_of_no_meaning(const Connection& c) {
  return c.has(kAccEcn) ? wire::ace_flags(kAceInitial) : wire::Flags{0};
}

void ecn_on_first_ack(Connection& c, const wire::Segment& s, const Context& ctx) {
  if (!c.has(kAccEcn)) return;
  const uint8_t ace = wire::ace_of(s.flags);
  const bool pure = s.payload_bytes == 0 && !s.has(wire::kFin) && s.sack_count == 0;
  if (ace == 0) {
    stop_believing(c, ctx);
    return;
  }
  if (pure) {  // table 4
    if (tells_of_mangling(ace)) stop_sending_ect(c, ctx);
    if (ace != kCeReflected) return;
    ctx.ace(c).delivered = kAceInitial + 1;
    count_delivered(ctx, 1);
    halve_initial_window(c);
    return;
  }
  c.clear(kAceUntested);
  const uint32_t marks = newly_marked(ace, kAceInitial, 0, false);
  if (marks == 0) return;
  ctx.ace(c).delivered = ace & 7;
  count_delivered(ctx, marks);
  halve_initial_window(c);
}

void ecn_on_repeated_syn_ack(Connection& c, const wire::Segment& s, const Context& ctx) {
  const bool repeated = c.has(kAccEcn) && s.has(wire::kAck) && s.seq + 1 == c.rcv_nxt;
  if (!repeated) return;
  // The field of the latest is what is reflected; a mark counts once (section 3.2.2.2).
  Ace& a = ctx.ace(c);
  a.syn_ecn = s.ecn & 3;
  if (s.ecn == wire::kCe && a.received == kAceInitial) a.received = kAceInitial + 1;
  c.set(kAceHandshake);
}

void ecn_acknowledge_syn_ack(Connection& c, const Context& ctx, wire::SegmentHeader& h,
                             bool of_text) {
  c.clear(kAceHandshake);
  if (of_text || h.sack_count != 0) return;
  h.flags = static_cast<wire::Flags>((h.flags & ~kEcnFlags) |
                                     wire::ace_flags(kReflected[ctx.ace(c).syn_ecn]));
}

// --- Receiving ----------------------------------------------------------------------------------

void ecn_on_arrival(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx) {
  const bool marked = s.ecn == wire::kCe;
  if (c.has(kEcn)) {
    // Data only (RFC 3168 section 6.1.3). CWR first: the mark on the same segment is a new one.
    if (s.payload_bytes == 0) return;
    if (s.has(wire::kCwr)) c.clear(kEceDue);
    if (!marked) return;
    c.set(kEceDue);
    return;
  }
  if (!c.has(kAccEcn)) return;
  if (!marked) {
    c.clear(kCeRecent);
    return;
  }
  Ace& a = ctx.ace(c);
  a.received = (a.received + 1) & 7;
  if (a.unreported < 7) ++a.unreported;
  // RFC 9768 section 3.2.2.5.1. More than 7 marks in one turn are still told by one
  // acknowledgement, as that section allows for segments that are processed as one event.
  const bool changed = !c.has(kCeRecent) && s.payload_bytes != 0;
  const bool unacknowledged = s.payload_bytes != 0 || c.rcv_nxt != c.last_ack_sent;
  c.set(kCeRecent);
  if (!changed && a.unreported < (unacknowledged ? 2 : 3)) return;
  c.set(kAckNow);
  fx.dirty = true;
}

// --- Sending ------------------------------------------------------------------------------------

namespace {

// The usual stretch of an acknowledgement, in segments: it follows the median, one step for each.
// Where acknowledgements of many segments are the rule, one of them is no sign that others were
// lost.
void learn_stretch(Ace& a, uint32_t segments) {
  if (segments > a.stretch && a.stretch < 7) {
    ++a.stretch;
  } else if (segments < a.stretch) {
    --a.stretch;
  }
}

bool accurate_congestion(Connection& c, const wire::Segment& s, const Context& ctx) {
  constexpr uint8_t kStretchUsual = 4;
  Ace& a = ctx.ace(c);
  if (a.disbelieved) return false;
  // Only an acknowledgement that brings news is surely not an old one (RFC 9768 appendix A.1).
  const uint32_t acked = s.ack - c.snd_una;
  if (acked == 0 && (s.sack_count == 0 || !c.has(kSack) || c.flight() == 0)) return false;
  const uint8_t ace = wire::ace_of(s.flags);
  if (c.has(kAceUntested)) {
    c.clear(kAceUntested);
    if (ace == 0) {
      stop_believing(c, ctx);
      return false;
    }
  }
  const uint32_t segments = (acked + c.snd_mss - 1) / c.snd_mss;
  // Section 3.2.2.5.2, under the prevailing conditions: a whole cycle has passed unseen only where
  // marks are being seen, and acknowledgements are usually closer together.
  const bool marking = ace != a.delivered || a.marking;
  const bool may_have_cycled = marking && a.stretch < kStretchUsual;
  const uint32_t marks = newly_marked(ace, a.delivered, segments, may_have_cycled);
  if (acked != 0) learn_stretch(a, segments);
  a.delivered = ace & 7;
  a.marking = marks != 0;
  if (marks == 0) return false;
  count_delivered(ctx, marks);
  return true;
}

}  // namespace

bool ecn_congestion(Connection& c, const wire::Segment& s, const Context& ctx) {
  if (c.has(kAccEcn)) return accurate_congestion(c, s, ctx);
  if (!s.has(wire::kEce) || c.flight() == 0) return false;
  count_delivered(ctx, 1);
  return true;
}

// --- For reports --------------------------------------------------------------------------------

EcnMode ecn_mode(const Connection& c) {
  if (c.has(kAccEcn)) return EcnMode::kAccurate;
  return c.has(kEcn) ? EcnMode::kClassic : EcnMode::kNone;
}

}  // namespace millrace::tcp
