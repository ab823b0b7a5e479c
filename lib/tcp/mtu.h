// SPDX-License-Identifier: BSD-3-Clause
// Path MTU: how large a segment may be. In: ICMP claims, timeouts, acknowledgements. Out: snd_mss,
// and what was too large sent again in smaller pieces. The size is no sign of congestion, so the
// window stays as it is (RFC 4821 section 7.6.2, RFC 8899 section 3).
//
//      ICMP "fragmentation needed"                             RFC 1191, checked as RFC 5927 says
//        | believed                | full segments have passed
//        v                         v before: wait for a timeout
//      snd_mss shrinks <-------- claim holds if nothing was acknowledged since
//        ^         |
//        |         +--- ten minutes later, or at once if no ICMP was involved: a probe, text that
//        |              fills a larger segment; its delivery raises snd_mss, its loss ends the
//        |              search there (RFC 4821 section 7)
//      the same full segment timed out three times in a row: a black hole (RFC 4821 section 7.7)
//
// RFC 5927 in part. Section 4.1: the quoted sequence number is in flight. Section 7.2: a claim must
// be smaller than the packet it quotes; while packets of that size were getting through it has to
// wait until a timeout shows that they no longer do (MAXSEGRTO 1), and any progress refutes it.
// Sizes of packets other than the current full one are not remembered.
//
// What is known lives in the Sender, which a connection keeps for as long as snd_mss is less than
// the handshake allowed (Sender::mss_max is not 0).
#pragma once

#include <cstdint>

#include "tcp/connection.h"
#include "tcp/context.h"
#include "tcp/effects.h"
#include "tcp/flight.h"

namespace millrace::tcp {

// Where probing begins and what is left when a path swallows larger segments (RFC 4821 section
// 7.7: 1024 bytes).
inline constexpr uint16_t kBaseMss = 1024;
inline constexpr uint8_t kBlackHoleTimeouts = 3;
inline constexpr uint32_t kSearchAgainTicks = 600'000;  // RFC 1191 section 6.3
inline constexpr uint16_t kSearchStepMin = 16;          // a smaller gain is not worth a probe

// What an ICMP message says of a segment of ours.
struct TooBig {
  SeqNum seq;
  uint16_t next_hop_mtu = 0;  // 0: a router older than RFC 1191
  uint16_t packet_bytes = 0;  // of the packet it quotes
};

// IP packet bytes of a full-sized segment.
uint16_t packet_bytes(const Connection& c);
// RFC 1191 section 7.1: the next smaller MTU among those that networks have.
uint16_t plateau_below(uint16_t packet_bytes);

// The connection is open, nothing was sent: begins with what is known of the path (path_mtu, 0:
// nothing) and with TcpOptions::mtu_probing.
void begin_path(Connection& c, Context& ctx, uint16_t path_mtu);

// Requires: claim.seq is in flight, the connection is synchronized. Sets fx.path_mtu when the claim
// is believed now.
void on_too_big(Connection& c, Context& ctx, const TooBig& claim, Effects& fx);

// The retransmission timer fired. True when that proves a claim: then the segments go out again,
// and it was no timeout.
bool claim_holds(Connection& c, Context& ctx, Effects& fx);
// The retransmission timer fired, c.backoff counts it: perhaps segments are too large.
void shrink_in_black_hole(Connection& c, Context& ctx);

// --- Probes -------------------------------------------------------------------------------------

// How much text the next segment should carry to learn whether the path takes it; 0: not now.
uint32_t due_path_probe(Connection& c, Context& ctx);
inline uint32_t path_probe_bytes(Connection& c, Context& ctx) {
  if (c.sender == kNil || (*ctx.senders)[c.sender].mss_max == 0) [[likely]]
    return 0;
  return due_path_probe(c, ctx);
}
// Requires: the next new text is these bytes. note_new_text() gives them a run of their own.
inline void begin_path_probe(Connection& c, Context& ctx, uint32_t bytes) {
  Sender& r = open_sender(c, ctx);
  r.path_probe_bytes = static_cast<uint16_t>(bytes);
  r.path_probe_begin = c.snd_nxt;
}
// [begin, begin + bytes) is sent again: a probe that it is part of will tell nothing any more.
inline void forget_probe_if_resent(Sender& r, SeqNum begin, uint32_t bytes) {
  if (r.path_probe_bytes == 0) [[likely]]
    return;
  const bool touches =
      begin < r.path_probe_begin + r.path_probe_bytes && r.path_probe_begin < begin + bytes;
  if (touches) r.path_probe_bytes = 0;
}
// snd_una has moved: a probe may have arrived, a claim may be refuted.
void path_on_progress(Connection& c, Sender& r, Context& ctx);
inline void note_path_progress(Connection& c, Sender& r, Context& ctx) {
  if ((r.path_probe_bytes | r.claimed_mss) != 0) path_on_progress(c, r, ctx);
}
// Something is newly held for lost. True when that is a probe and nothing else: no congestion.
bool only_path_probe_lost(Connection& c, Sender& r, Context& ctx);

}  // namespace millrace::tcp
