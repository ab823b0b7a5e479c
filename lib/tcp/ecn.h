// SPDX-License-Identifier: BSD-3-Clause
// Explicit congestion notification: what SYN, SYN-ACK and the ACK behind them agree on, what a mark
// on an arriving segment means, what goes into the headers of what is sent.
//
//   classic   RFC 3168: the receiver says ECE on everything until the sender says CWR, so one mark
//             is told per round trip
//   accurate  RFC 9768: the receiver counts marks; AE, CWR and ECE together are the ACE field, the
//             low three bits of that count
//
//     sender                         router                         receiver
//       | 1:1001, ECT(0) ------------> CE on it --------------------> |
//       | <----------------- classic: ECE   accurate: ACE one further |
//     reduce_once()                                                   |
//       | 1001:2001, ECT(0), classic: CWR --------------------------> |
//
// Only new text is sent as ECT(0): not SYN, RST, retransmissions, probes or empty segments (RFC
// 3168 sections 6.1.4 to 6.1.6). What RFC 8311 lets experiments change beside that is not used;
// marks that arrive on such segments are counted all the same.
//
// The AccECN option is neither sent nor read: it is optional (RFC 9768 section 3.2.3), and without
// it the ACE field and the rules of section 3.2.2.5 are all there is.
//
// Must hold: a connection stays in the mode that the first SYN or SYN-ACK put it in (RFC 9768
// section 3.1.5), whatever else arrives.
#pragma once

#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"
#include "tcp/half_open.h"
#include "wire/segment.h"

namespace millrace::tcp {

// --- SYN and SYN-ACK ----------------------------------------------------------------------------

// An active open asks for what its options say.
void ecn_open_active(Connection& c, const TcpOptions& options);
// What the SYN says, counted from c.total_retrans: asking is given up on the way, as some path may
// drop what asks (RFC 3168 section 6.1.1.1, RFC 9768 section 3.1.4.1).
wire::Flags ecn_syn_flags(const Connection& c, const Context& ctx);
// The answer to our SYN. Call when cwnd is set.
void ecn_on_syn_ack(Connection& c, const wire::Segment& s, const Context& ctx);
// Another SYN instead of an answer (RFC 9768 section 3.1.2), and what the SYN-ACK for it says.
void ecn_on_simultaneous_syn(Connection& c, const wire::Segment& s, const Context& ctx);
wire::Flags ecn_syn_ack_flags(const Connection& c, const Context& ctx);

// A SYN for a listener, and what the SYN-ACK for it says.
void ecn_remember_syn(HalfOpen& half, const wire::Segment& s, const TcpOptions& options);
wire::Flags ecn_syn_ack_flags(const HalfOpen& half);
// The same SYN again. When it does not ask any more, the mode stays and ECT is not sent. False: it
// asks for the other kind of feedback, and the peer is to be reset, as the ends could not know
// which SYN each of them goes by (RFC 9768 section 3.1.5).
[[nodiscard]] bool ecn_on_repeated_syn(HalfOpen& half, const wire::Segment& s,
                                       const TcpOptions& options);
// A SYN cookie has one bit for it, in the timestamp: RFC 3168 or nothing.
void ecn_fit_cookie(HalfOpen& half);
// What an acknowledgement from SYN-RECEIVED says beside its ACK bit.
wire::Flags ecn_half_open_flags(const HalfOpen& half);
// The first acknowledgement in SYN-RECEIVED (RFC 9768 section 3.2.2.1). Call when cwnd is set.
void ecn_on_first_ack(Connection& c, const wire::Segment& s, const Context& ctx);
// What to put in place of the ECN flags of a SYN-ACK that crossed ours: they answer nothing, as
// each end has gone by the other's SYN.
wire::Flags ecn_flags_of_no_meaning(const Connection& c);
// `s` completes the handshake of `half`. Call when cwnd is set.
void ecn_open_passive(Connection& c, const HalfOpen& half, const wire::Segment& s,
                      const Context& ctx);
// The peer's SYN-ACK again: our acknowledgement of it was lost (RFC 9768 section 3.2.2.1). What its
// flags say counts no more (section 3.1.5).
void ecn_on_repeated_syn_ack(Connection& c, const wire::Segment& s, const Context& ctx);

// --- Receiving ----------------------------------------------------------------------------------

// Whether ecn_on_arrival() has anything to do.
inline bool ecn_has_news(const Connection& c, const wire::Segment& s) {
  return s.ecn == wire::kCe || c.has(kEceDue | kCeRecent);
}
// An acceptable segment, as it arrived.
void ecn_on_arrival(Connection& c, const wire::Segment& s, Context& ctx, Effects& fx);

// --- Sending ------------------------------------------------------------------------------------

// Whether `s`, whose ACK is not old, says that what we sent met congestion. Call before snd_una
// moves.
[[nodiscard]] bool ecn_congestion(Connection& c, const wire::Segment& s, const Context& ctx);

// Marks newly reported by an ACE field: at least (ace - counted) modulo 8. When it could have gone
// around, as many times more as `segments` newly acknowledged allow (RFC 9768 appendix A.2.1).
constexpr uint32_t newly_marked(uint8_t ace, uint8_t counted, uint32_t segments,
                                bool may_have_cycled) {
  const uint32_t least = (uint32_t{ace} - counted) & 7;
  if (!may_have_cycled || segments <= least) return least;
  return segments - ((segments - least) & 7);
}

// A segment behind the handshake is about to leave: what it says to the peer's sender.
inline void ecn_give_feedback(const Connection& c, const Context& ctx, wire::SegmentHeader& h) {
  if (c.has(kAccEcn)) {
    Ace& ace = ctx.ace(c);
    h.flags |= wire::ace_flags(ace.received);
    ace.unreported = 0;
  } else if (c.has(kEceDue)) {
    h.flags |= wire::kEce;
  }
}
// It is the pure acknowledgement of a SYN-ACK (RFC 9768 section 3.2.2.1). `of_text`: and of what
// came behind that, so that the peer takes ACE for a count. Call after the above.
void ecn_acknowledge_syn_ack(Connection& c, const Context& ctx, wire::SegmentHeader& h,
                             bool of_text);

// It carries `bytes` of new text.
inline void ecn_mark_new_text(Connection& c, wire::SegmentHeader& h, uint32_t bytes) {
  if (bytes == 0) return;
  if (c.has(kEct)) h.ecn = wire::kEct0;
  if (c.has(kCwrDue)) {
    h.flags |= wire::kCwr;
    c.clear(kCwrDue);
  }
}

// The above carries the byte of a window probe: not ECT (RFC 3168 section 6.1.6), and as the peer
// need not take it, CWR waits for text that it must.
inline void ecn_unmark_probe(Connection& c, wire::SegmentHeader& h) {
  h.ecn = wire::kNotEct;
  if ((h.flags & wire::kCwr) == 0 || !c.has(kEcn)) return;
  h.flags &= static_cast<wire::Flags>(~wire::kCwr);
  c.set(kCwrDue);
}

// The window was reduced, for any reason (RFC 3168 section 6.1.2), or the reduction taken back.
inline void ecn_on_reduction(Connection& c) {
  if (c.has(kEcn)) c.set(kCwrDue);
}
inline void ecn_on_undo(Connection& c) { c.clear(kCwrDue); }

// --- For reports --------------------------------------------------------------------------------

EcnMode ecn_mode(const Connection& c);

}  // namespace millrace::tcp
