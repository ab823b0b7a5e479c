// SPDX-License-Identifier: BSD-3-Clause
// The transmission control block: data only. Behaviour lives in the files named for it (input,
// output, close, timeout, ...). Three cache lines: what receiving needs, what sending and timers
// need, what identifies. What only loss, reordering or a slow reader need is a side object.
// RFC 9293 section 3.3.1 names the variables.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/address.h"
#include "millrace/tcp_info.h"
#include "tcp/blocks.h"
#include "tcp/sender.h"
#include "timer/wheel.h"
#include "wire/segment.h"

namespace millrace::tcp {

// What each connection may still hold, in either direction, when blocks are scarce.
inline constexpr uint32_t kScarceShare = 0x10000;

// Connection::rcv_window of one that offers all of its receive buffer.
inline constexpr uint8_t kWholeBuffer = 0xff;

// Bits of Connection::flags.
enum ConnectionFlag : uint32_t {
  kTimestamps = 1 << 0,  // negotiated (RFC 7323)
  kAckNow = 1 << 1,      // the flush must send something that acknowledges
  kAckDelayed = 1 << 2,  // an acknowledgement is owed by ack_deadline
  kRetransmitArmed = 1 << 3,
  kPersist = 1 << 4,         // retransmit_deadline is the zero-window probe's
  kIdleArmed = 1 << 5,       // keep-alive, or FIN-WAIT-2's timeout
  kProbeNow = 1 << 6,        // the flush sends one probe (zero window, keep-alive)
  kSynDue = 1 << 7,          // the flush sends SYN, or SYN-ACK
  kFinQueued = 1 << 8,       // the application closed; FIN follows snd_end
  kFinSent = 1 << 9,         // snd_nxt counts it
  kNoReader = 1 << 10,       // close(): bytes that arrive are answered by RST
  kWantsWritable = 1 << 11,  // a send() took less than it was offered
  kPaused = 1 << 12,         // on_data took less than it was given; resume() ends it
  kAborting = 1 << 13,       // the flush sends RST and the connection ends
  kRttTiming = 1 << 14,      // rtt_seq is being timed (Karn: dropped on retransmission)
  kDirty = 1 << 15,          // on the shard's dirty or blocked list
  kSack = 1 << 16,           // negotiated (RFC 2018)
  kLossProbe = 1 << 17,      // retransmit_deadline is that of a tail loss probe (RFC 8985)
  kReorderTimer = 1 << 18,   // retransmit_deadline is RACK's for reordering
  kTailProbeNow = 1 << 19,   // the flush sends a tail loss probe
  kEcn = 1 << 20,            // classic feedback agreed on (RFC 3168); in SYN-SENT: asked for
  kAccEcn = 1 << 21,         // accurate feedback (RFC 9768), the same
  kEct = 1 << 22,            // new text leaves as ECT(0)
  kEceDue = 1 << 23,         // classic: whatever leaves says ECE
  kCwrDue = 1 << 24,         // classic: the next new text says CWR
  kAceHandshake = 1 << 25,   // the flush sends a pure ACK that reflects the SYN-ACK's ECN field
  kAceUntested = 1 << 26,    // no ACE field has been read yet
  kCeRecent = 1 << 27,       // accurate: the segment before was marked
  // Fast Open. In SYN-SENT: the first SYN says so. In SYN-RECEIVED: the SYN's data was taken, the
  // application knows of the connection, and snd_una stands behind our SYN already, as nobody can
  // acknowledge less.
  kFastOpen = 1 << 28,
  kUserTimeoutDue = 1 << 29,  // what leaves next announces the user timeout (RFC 5482)
  kFullSizePassed = 1 << 30,  // as much as a full segment was acknowledged at once
  kPaced = 1u << 31,          // segments leave at a rate (pacing.h)
};

// A receiver that holds bytes.
struct Inbox {
  uint32_t unread_head = kNil;  // in order, not yet taken by the application
  uint32_t unread_tail = kNil;
  uint32_t unread_bytes = 0;
  // Out of order, sorted by seq, not overlapping; where the last stretch begins, and the one that
  // was last added to.
  uint32_t gap_head = kNil;
  uint32_t gap_last = kNil;
  uint32_t gap_hint = kNil;
  uint32_t gap_bytes = 0;  // payload
  uint32_t gap_blocks = 0;
  SeqNum fin_seq;  // a FIN that arrived out of order stands here
  bool fin_known = false;

  static constexpr uint8_t kEndNone = 0;
  static constexpr uint8_t kEndClosed = 1;    // the protocol is done: CLOSED once all is read
  static constexpr uint8_t kEndTimeWait = 2;  // TIME-WAIT once all is read
  uint8_t end = kEndNone;
  bool announce_fin = false;  // on_peer_closed is owed once all is read

  // SACK: what arrived out of order, the latest first (RFC 2018 section 4), and a duplicate that
  // is still to be reported (RFC 2883).
  static constexpr uint8_t kRecentMax = 4;
  uint8_t recent_count = 0;
  bool duplicate_known = false;
  wire::SackBlock recent[kRecentMax];
  wire::SackBlock duplicate;
};

// Accurate ECN (RFC 9768 section 3.2): r.cep and s.cep modulo 8, and what goes with them. It lies
// outside of the connection, at the same index, as few have a use for it.
struct Ace {
  uint8_t received = 0;      // r.cep: marks on what the peer sent
  uint8_t unreported = 0;    // of these, since our last segment; at most 7
  uint8_t delivered = 0;     // s.cep: marks on what we sent, as the peer says
  uint8_t stretch = 0;       // segments that an acknowledgement usually covers; at most 7
  uint8_t syn_ecn = 0;       // the ECN field of the peer's SYN or SYN-ACK
  bool marking = false;      // the last acknowledgement reported marks
  bool disbelieved = false;  // the peer's ACE fields mean nothing
};

// What a growing receive window is measured by (autotune.h). It lies outside of the connection, at
// the same index, and is touched only where much arrives.
struct alignas(32) Autotune {
  uint32_t generation = 0;  // of the connection that this is about
  uint32_t rtt_us = 0;      // 0: not known
  // The round that is being measured: how far the application had read when it began.
  SeqNum began_at;
  uint32_t began_us = 0;
  uint32_t taken = 0;  // bytes, in the round before
  SeqNum edge;         // rcv_adv at edge_us
  uint32_t edge_us = 0;
};
static_assert(sizeof(Autotune) == 32);

struct alignas(64) Connection {
  // --- Line 0: receiving.
  uint32_t flags = 0;
  SeqNum rcv_nxt;
  SeqNum rcv_adv;  // right edge of the window that was announced
  SeqNum snd_una;
  SeqNum snd_nxt;        // one past the highest that was ever sent
  uint32_t snd_wnd = 0;  // bytes
  SeqNum snd_wl1;        // RFC 9293's SND.WL2 is never above snd_una, so it decides nothing
  uint32_t ts_recent = 0;
  uint32_t ts_recent_tick = 0;  // when it was stored (RFC 7323 section 5.5)
  SeqNum last_ack_sent;
  uint16_t snd_mss = 0;       // payload bytes of a full-sized segment, options taken off
  uint8_t window_shifts = 0;  // low 4 bits: the peer's; high 4: ours
  uint8_t backoff = 0;        // retransmission timeouts of the oldest segment, in a row
  uint32_t cwnd = 0;          // bytes
  uint32_t inbox = kNil;
  uint32_t generation = 0;
  uint16_t rcv_mss = 0;  // the largest segment seen
  uint16_t profile = 0;  // index of the TcpOptions in force
  State state = State::kClosed;
  uint8_t duplicate_acks = 0;
  uint8_t quick_acks = 0;         // segments that will still be acknowledged at once
  uint8_t peer_user_timeout = 0;  // what its option says, packed (user_timeout.h); 0: nothing

  // --- Line 1: sending and timers.
  uint32_t ssthresh = 0;
  uint32_t srtt_us8 = 0;    // smoothed RTT in eighths of a microsecond; 0: not measured
  uint32_t rttvar_us4 = 0;  // quarters of a microsecond
  SeqNum rtt_seq;
  uint32_t rtt_began_us = 0;
  uint32_t retransmit_deadline = 0;  // ticks
  uint32_t ack_deadline = 0;
  uint32_t idle_deadline = 0;
  timer::Node timer;
  uint32_t dirty_next = kNil;
  uint32_t send_head = kNil;  // block that holds snd_una
  uint32_t send_tail = kNil;
  uint32_t send_cursor = kNil;  // a block at or before snd_nxt: where to look first
  SeqNum snd_end;               // one past the last byte queued; FIN's number when there is one

  // --- Line 2: identity, and what is rarely touched.
  FlowKey key;
  uint32_t neighbor = kNil;
  uint64_t cookie = 0;
  uint32_t sender = kNil;
  uint16_t app = 0;
  uint8_t probes = 0;                      // unanswered, zero-window or keep-alive
  uint8_t snd_wnd_max_log2 = 0;            // the largest window seen, for silly-window avoidance
  uint32_t total_retrans : 24 = 0;         // segments, modulo 2^24
  uint32_t rcv_window : 8 = kWholeBuffer;  // packed (base/eighths.h): bytes that may be promised
  uint32_t ts_offset = 0;                  // ours (RFC 7323 section 5.4)

  [[nodiscard]] bool has(uint32_t bits) const { return (flags & bits) != 0; }
  void set(uint32_t bits) { flags |= bits; }
  void clear(uint32_t bits) { flags &= ~bits; }

  [[nodiscard]] uint8_t snd_wscale() const { return window_shifts & 0xf; }
  [[nodiscard]] uint8_t rcv_wscale() const { return window_shifts >> 4; }
  void set_window_shifts(uint8_t peer, uint8_t ours) {
    window_shifts = static_cast<uint8_t>(peer | (ours << 4));
  }
  [[nodiscard]] bool opened_fast() const { return state == State::kSynReceived && has(kFastOpen); }
  // Bytes in flight, SYN and FIN included.
  [[nodiscard]] uint32_t flight() const { return snd_nxt - snd_una; }
  // Bytes queued and never sent; FIN not included.
  [[nodiscard]] uint32_t unsent() const {
    const int32_t n = SeqNum::distance(snd_nxt, snd_end);
    return n > 0 ? static_cast<uint32_t>(n) : 0;
  }
  // FIN is queued and was never sent.
  [[nodiscard]] bool fin_unsent() const { return (flags & (kFinQueued | kFinSent)) == kFinQueued; }
  // Text or FIN wait to be sent for the first time.
  [[nodiscard]] bool has_unsent() const { return unsent() != 0 || fin_unsent(); }
};
static_assert(sizeof(Connection) == 192);
static_assert(offsetof(Connection, ssthresh) == 64, "line 1 begins with sending");
static_assert(offsetof(Connection, key) == 128, "line 2 begins with identity");

// Whether the peer's FIN has been received, so that nothing can follow.
constexpr bool peer_has_closed(State state) {
  return state == State::kCloseWait || state == State::kClosing || state == State::kLastAck ||
         state == State::kTimeWait;
}

// ESTABLISHED and all that closing leads through, but for TIME-WAIT.
constexpr bool is_open(State state) {
  static_assert(static_cast<int>(State::kLastAck) - static_cast<int>(State::kEstablished) == 5);
  return static_cast<uint8_t>(static_cast<uint8_t>(state) -
                              static_cast<uint8_t>(State::kEstablished)) <= 5;
}

// Tick arithmetic: milliseconds modulo 2^32, compared by signed distance.
constexpr bool tick_reached(uint32_t now, uint32_t deadline) {
  return static_cast<int32_t>(now - deadline) >= 0;
}

}  // namespace millrace::tcp
