// SPDX-License-Identifier: BSD-3-Clause
// What can be asked of one connection.
#include <algorithm>

#include "stack/impl.h"
#include "tcp/autotune.h"
#include "tcp/ecn.h"
#include "tcp/mtu.h"
#include "tcp/rack.h"
#include "tcp/rtt.h"
#include "tcp/user_timeout.h"

namespace millrace {

std::optional<TcpInfo> Shard::Impl::info(ConnectionId id) const {
  if (find(id) == nullptr) return std::nullopt;
  return info_of(id.index);
}

TcpInfo Shard::Impl::info_of(uint32_t index) const {
  const Connection& c = connections_[index];
  TcpInfo info;
  info.state = c.state;
  info.key = c.key;
  info.snd_una = c.snd_una.raw();
  info.snd_nxt = c.snd_nxt.raw();
  info.snd_wnd = c.snd_wnd;
  info.rcv_nxt = c.rcv_nxt.raw();
  info.rcv_wnd = c.rcv_adv - c.rcv_nxt;
  info.rcv_ssthresh = std::min(tcp::receive_limit(c, ctx_), 0xffffu << c.rcv_wscale());
  const tcp::Autotune rate = tcp::receive_rate(c, ctx_);
  info.rcv_rtt = microseconds(rate.rtt_us);
  info.rcv_space = rate.taken;
  info.snd_cwnd = c.cwnd;
  info.snd_ssthresh = c.ssthresh;
  info.snd_mss = c.snd_mss;
  info.rcv_mss = c.rcv_mss;
  const bool reduced = c.sender != kNil && senders_[c.sender].mss_max != 0;
  info.pmtu = reduced ? tcp::packet_bytes(c) : config_.interface.mtu;
  info.snd_wscale = c.snd_wscale();
  info.rcv_wscale = c.rcv_wscale();
  info.timestamps = c.has(tcp::kTimestamps);
  info.window_scaling = c.window_shifts != 0;
  info.sack = c.has(tcp::kSack);
  if (c.state > State::kSynSent) info.ecn = tcp::ecn_mode(c);
  info.ecn_ect = c.has(tcp::kEct);
  info.congestion = ctx_.options(c).congestion;
  info.retransmits = c.backoff;
  info.probes = c.probes;
  info.total_retrans = c.total_retrans;
  info.rtt = microseconds(c.srtt_us8 >> 3);
  info.rttvar = microseconds(c.rttvar_us4 >> 2);
  info.rto = milliseconds(tcp::rto_ticks(c, ctx_));
  info.user_timeout = milliseconds(tcp::user_timeout_ticks(c, ctx_));
  // SYN and FIN take sequence numbers and are no bytes.
  const bool opening =
      c.state == State::kSynSent || (c.state == State::kSynReceived && !c.opened_fast());
  const bool syn_sent = c.snd_nxt != c.snd_una;
  info.unsent_bytes = c.unsent() - (opening && !syn_sent ? 1 : 0);
  info.unacked_bytes = c.flight() - (opening && syn_sent ? 1 : 0) -
                       (c.has(tcp::kFinSent) && c.flight() != 0 ? 1 : 0);
  if (c.inbox != kNil) {
    info.unread_bytes = inboxes_[c.inbox].unread_bytes;
    info.out_of_order_bytes = inboxes_[c.inbox].gap_bytes;
  }
  if (c.sender != kNil) {
    const tcp::Sender& r = senders_[c.sender];
    info.min_rtt = microseconds(r.min_rtt_us);
    info.in_recovery = tcp::repairs(r.phase);
    info.reordering_seen = r.has(tcp::kReorderingSeen);
    info.reordering_window = microseconds(tcp::reordering_window_us(c, r));
    info.sacked_bytes = r.sacked_bytes;
    info.lost_bytes = r.lost_bytes;
  }
  if (statistics_) {
    const stack::ConnectionStatistics& sums = statistics(index);
    info.bytes_acked = sums.bytes_acked;
    info.bytes_received = sums.bytes_received;
    info.bytes_retrans = sums.bytes_retrans;
    info.delivery_rate = sums.delivery_rate;
    info.segs_in = sums.segs_in;
    info.segs_out = sums.segs_out;
    info.ce_received = sums.ce_received;
    info.ce_delivered = sums.ce_delivered;
  }
  return info;
}

State Shard::Impl::state_of(const FlowKey& key) {
  const uint32_t value = find_flow(key, flow_hash(key));
  if (value == kNil) return listener_for(key) == nullptr ? State::kClosed : State::kListen;
  switch (stack::flow_kind(value)) {
    case FlowKind::kConnection:
      return connections_[stack::flow_index(value)].state;
    case FlowKind::kHalfOpen:
      return State::kSynReceived;
    case FlowKind::kTimeWait:
      return State::kTimeWait;
  }
  return State::kClosed;
}

}  // namespace millrace
