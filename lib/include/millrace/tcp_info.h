// SPDX-License-Identifier: BSD-3-Clause
// What can be asked of a connection and of a shard. Names follow Linux's tcp_info and the RFCs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/address.h"
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

struct TcpInfo {
  State state = State::kClosed;
  FlowKey key;
  uint32_t snd_una = 0;  // raw sequence numbers
  uint32_t snd_nxt = 0;
  uint32_t snd_wnd = 0;  // bytes, scaled
  uint32_t rcv_nxt = 0;
  uint32_t rcv_wnd = 0;       // bytes, scaled
  uint32_t snd_cwnd = 0;      // bytes
  uint32_t snd_ssthresh = 0;  // bytes; UINT32_MAX until the first loss
  uint16_t snd_mss = 0;
  uint16_t rcv_mss = 0;  // what we announced
  uint8_t snd_wscale = 0;
  uint8_t rcv_wscale = 0;
  bool timestamps = false;
  bool window_scaling = false;
  uint8_t retransmits = 0;     // back-offs of the oldest segment in flight
  uint8_t probes = 0;          // unanswered zero-window or keep-alive probes
  uint32_t total_retrans = 0;  // segments
  Duration rtt;                // smoothed; 0 until measured
  Duration rttvar;
  Duration rto;
  uint32_t unsent_bytes = 0;
  uint32_t unacked_bytes = 0;
  uint32_t unread_bytes = 0;
  uint32_t out_of_order_bytes = 0;
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
};

}  // namespace millrace
