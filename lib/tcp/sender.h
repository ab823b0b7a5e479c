// SPDX-License-Identifier: BSD-3-Clause
// What a sender knows beyond windows and one round-trip timer: a side object that a connection has
// only while it needs it, that is while segments sent at different times are in flight, or from its
// first loss on. Data only; flight.h, rack.h, recovery.h and congestion.h act on it.
#pragma once

#include <cstdint>

#include "base/slab.h"
#include "wire/seq.h"

namespace millrace::tcp {

using wire::SeqNum;

// A stretch of what is in flight: sent (or sent again) at one time, in one state. Runs of a
// connection are linked in the order of sequence space and cover all of [snd_una, snd_nxt): each
// ends where the next begins, the last one at snd_nxt. The segments of one flush are one run; when
// there are many, those of a small part of a round trip are.
struct Run {
  uint32_t next = base::kNil;
  SeqNum begin;
  uint32_t sent_us = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(Run) == 16);

// Bits of Run::flags.
enum RunFlag : uint32_t {
  kSacked = 1 << 0,
  kLost = 1 << 1,       // and not sent again since
  kResent = 1 << 2,     // at least once
  kMixed = 1 << 3,      // sent at several times: sent_us is the last of them, of its end
  kCut = 1 << 4,        // of a mixed one: it was longer once, so sent_us is not of its end either
  kPathProbe = 1 << 5,  // one segment, larger than the path is known to carry (mtu.h)
};

enum class Phase : uint8_t {
  kOpen,     // nothing is known to be lost
  kFast,     // fast recovery: PRR sets the window (RFC 9937)
  kReduced,  // marked by ECN, nothing is lost: PRR sets the window
  kTimeout,  // after a retransmission timeout: slow start over what was lost
};

constexpr bool repairs(Phase phase) { return phase == Phase::kFast || phase == Phase::kTimeout; }

// Bits of Sender::flags.
enum SenderFlag : uint8_t {
  kReorderingSeen = 1 << 0,  // RACK.reordering_seen
  kProbeOut = 1 << 1,        // a loss probe is unanswered: tlp_end is set
  kProbeResent = 1 << 2,     // it repeated a segment (TLP.is_retrans)
  kCanUndo = 1 << 3,         // prior_cwnd and prior_ssthresh may be restored
  kResentStamp = 1 << 4,     // resent_ts is set
  kForward = 1 << 5,         // F-RTO: the next acknowledgement tells (RFC 5682 step 2)
  kHasRecover = 1 << 6,      // recover was set once
  kInCss = 1 << 7,           // HyStart++: conservative slow start
};

struct alignas(64) Sender {
  // --- What is in flight.
  uint32_t head = base::kNil;
  uint32_t tail = base::kNil;
  uint32_t lost_cursor = base::kNil;    // no run before it is lost; kNil: not known
  uint32_t lost_previous = base::kNil;  // the run before lost_cursor
  uint32_t sack_hint = base::kNil;      // a sacked run, where the next blocks are looked for
  uint16_t runs = 0;
  Phase phase = Phase::kOpen;
  uint8_t flags = 0;
  uint32_t sacked_bytes = 0;  // without SACK: what duplicate acknowledgements say has left
  uint32_t lost_bytes = 0;
  SeqNum recover;           // snd_nxt when the phase began; acknowledging it ends the phase
  uint32_t began_tick = 0;  // when the oldest segment of a timeout was sent
  // When the first of the last run was sent, and of the run that was sent again last; whether no
  // other kind was sent since, so that more may join it; when that one was added to.
  uint32_t tail_began_us = 0;
  uint32_t resent_began_us = 0;
  uint32_t resent_us = 0;
  bool tail_grows = false;
  bool resent_grows = false;

  // --- RACK-TLP (RFC 8985).
  uint32_t rack_sent_us = 0;  // of the segment delivered that was sent last, and
  SeqNum rack_end;            // where it ended
  uint32_t rack_rtt_us = 0;   // 0: nothing was delivered yet
  uint32_t min_rtt_us = 0;
  SeqNum fack;  // the highest that was delivered
  SeqNum dsack_round;
  SeqNum tlp_end;
  uint32_t walked_us = 0;    // when all runs were last looked at
  uint32_t measured_us = 0;  // when a round trip was last measured
  uint8_t reo_wnd_mult = 1;
  uint8_t reo_wnd_persist = 0;

  uint32_t next_send_us = 0;  // pacing: no text leaves before

  // --- HyStart++ (RFC 9406).
  uint8_t rtt_samples = 0;
  uint8_t css_rounds = 0;
  SeqNum round_end;
  uint32_t round_rtt_us = 0;  // the least of this round; 0: none
  uint32_t last_round_rtt_us = 0;
  uint32_t css_rtt_us = 0;

  // --- PRR.
  uint32_t recover_fs = 0;
  uint32_t prr_delivered = 0;
  uint32_t prr_out = 0;

  // --- What a reduction that proves wrong takes back (RFC 3522, RFC 3708, RFC 5682).
  uint32_t prior_cwnd = 0;
  uint32_t prior_ssthresh = 0;
  uint32_t undo_bytes = 0;  // sent again, and not reported as duplicates
  uint32_t resent_ts = 0;   // timestamp of the first segment that was sent again
  SeqNum undo_end;          // kCanUndo holds until this is acknowledged, once the phase has ended
  SeqNum resent_begin;      // all that was sent again in this phase lies
  SeqNum resent_end;        // between these

  // --- CUBIC (RFC 9438), bytes and ticks.
  uint32_t w_max = 0;
  uint32_t prior_w_max = 0;
  uint64_t w_est_256 = 0;  // in 1/256 bytes: it grows by a few for each acknowledgement
  uint32_t k_ms = 0;
  uint32_t epoch_tick = 0;
  uint32_t epoch_cwnd = 0;    // 0: no epoch has begun
  uint32_t counted_tick = 0;  // until when time counts: not while little was sent
  uint32_t prior_k_ms = 0;
  uint32_t prior_epoch_tick = 0;
  uint32_t prior_epoch_cwnd = 0;
  uint64_t prior_w_est_256 = 0;

  // --- Path MTU (mtu.h), payload bytes of a segment.
  uint16_t mss_max = 0;           // what the handshake allows, while snd_mss is less; else 0
  uint16_t mss_limit = 0;         // segments of this size and more are lost; 0: not known
  uint16_t path_probe_bytes = 0;  // of the probe under way; 0: none is
  uint16_t claimed_mss = 0;       // by ICMP, to be proved by a timeout; 0: no claim
  SeqNum path_probe_begin;
  SeqNum claim_seq;
  uint32_t path_tick = 0;  // when snd_mss or mss_limit last changed

  [[nodiscard]] bool has(uint8_t bits) const { return (flags & bits) != 0; }
  void set(uint8_t bits) { flags = static_cast<uint8_t>(flags | bits); }
  void clear(uint8_t bits) { flags = static_cast<uint8_t>(flags & ~bits); }
};
static_assert(sizeof(Sender) == 256);

}  // namespace millrace::tcp
