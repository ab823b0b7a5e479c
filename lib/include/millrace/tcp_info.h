// SPDX-License-Identifier: BSD-3-Clause
// What can be asked of a connection and of a shard. Names follow Linux's tcp_info and the RFCs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/address.h"
#include "millrace/config.h"
#include "millrace/time.h"

namespace millrace {

// RFC 9293 section 3.3.2. LISTEN and CLOSED have no connection object, so are never reported for
// one.
enum class State : uint8_t {
  kClosed,
  kListen,
  kSynSent,
  kSynReceived,
  kEstablished,
  kFinWait1,
  kFinWait2,
  kCloseWait,
  kClosing,
  kLastAck,
  kTimeWait,
};
inline constexpr size_t kStateCount = 11;

// "ESTABLISHED", "FIN-WAIT-1", ... as the RFC writes them.
std::string_view to_string(State state);

// How the ends of a connection tell each other of congestion marks.
enum class EcnMode : uint8_t {
  kNone,
  kClassic,   // RFC 3168
  kAccurate,  // RFC 9768
};

// Units are bytes and segments. Sequence numbers are raw.
struct TcpInfo {
  State state = State::kClosed;
  FlowKey key;
  uint32_t snd_una = 0;
  uint32_t snd_nxt = 0;
  uint32_t snd_wnd = 0;  // scaled
  uint32_t rcv_nxt = 0;
  uint32_t rcv_wnd = 0;       // scaled
  uint32_t rcv_ssthresh = 0;  // the largest window that would be offered now
  uint32_t rcv_space = 0;     // what the application took in a round trip; 0 until measured, and
  Duration rcv_rtt;           // that round trip, as arrivals show it; only of a window that grows
  uint32_t snd_cwnd = 0;
  uint32_t snd_ssthresh = 0;  // UINT32_MAX until the first loss
  uint16_t snd_mss = 0;
  uint16_t rcv_mss = 0;  // the largest segment that arrived
  uint16_t pmtu = 0;     // IP packet that the path takes, as far as is known
  uint8_t snd_wscale = 0;
  uint8_t rcv_wscale = 0;
  // Options in force.
  bool timestamps = false;
  bool window_scaling = false;
  bool sack = false;
  EcnMode ecn = EcnMode::kNone;
  bool ecn_ect = false;  // what we send is open to marks
  CongestionControl congestion = CongestionControl::kCubic;

  uint8_t retransmits = 0;     // back-offs of the oldest segment in flight
  uint8_t probes = 0;          // unanswered zero-window or keep-alive probes
  uint32_t total_retrans = 0;  // segments
  Duration rtt;                // smoothed; 0 until measured
  Duration rttvar;
  Duration min_rtt;  // 0 until loss, or several segments at once in flight, made it worth knowing
  Duration rto;
  Duration user_timeout;  // in force, ours or the peer's (RFC 5482); 0: none
  uint32_t unsent_bytes = 0;
  uint32_t unacked_bytes = 0;
  uint32_t unread_bytes = 0;
  uint32_t out_of_order_bytes = 0;

  // Loss recovery (RFC 6675, RFC 8985).
  bool in_recovery = false;      // fast recovery, or slow start after a timeout
  bool reordering_seen = false;  // by RACK, on this path
  Duration reordering_window;    // how long RACK waits for what was overtaken
  uint32_t sacked_bytes = 0;
  uint32_t lost_bytes = 0;  // and not sent again yet

  // Sums since the connection began; 0 unless ShardConfig::statistics is on.
  uint64_t bytes_acked = 0;
  uint64_t bytes_received = 0;  // in order
  uint64_t bytes_retrans = 0;
  uint64_t delivery_rate = 0;  // bytes per second of the last round trip that was filled; 0: none
  uint32_t segs_in = 0;        // modulo 2^32
  uint32_t segs_out = 0;
  uint32_t ce_received = 0;   // segments that arrived with a congestion mark
  uint32_t ce_delivered = 0;  // marks on what we sent, as the peer says; RFC 3168: ACKs with ECE
};

// What is in use now. When a shard is drained all of it is 0, but for neighbours and listeners.
struct ShardUse {
  uint32_t connections = 0;
  uint32_t half_open = 0;
  uint32_t time_wait = 0;
  uint32_t listeners = 0;
  uint32_t neighbors = 0;
  uint32_t small_blocks = 0;
  uint32_t large_blocks = 0;
  uint32_t loss_records = 0;  // side objects of connections with loss, reordering or much in flight
  uint32_t timers = 0;
  uint32_t control_frames = 0;
  uint32_t flow_entries = 0;
  // Addresses that wait until nobody has objected, and those given up as somebody has; gateways
  // that do not answer. The first of either, for a message.
  uint32_t addresses_tentative = 0;
  uint32_t addresses_duplicate = 0;
  uint32_t gateways_lost = 0;
  IpAddress address_duplicate;
  IpAddress gateway_lost;
};

}  // namespace millrace
