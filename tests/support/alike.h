// SPDX-License-Identifier: BSD-3-Clause
// Whether a connection is what it was, by all that can be asked of it, but for what depends on the
// memory that its shard has left.
#pragma once

#include <tuple>

#include "millrace/tcp_info.h"

namespace millrace::test {

inline bool alike(const TcpInfo& a, const TcpInfo& b) {
  const auto window = [](const TcpInfo& i) {
    return std::tie(i.state, i.key, i.snd_una, i.snd_nxt, i.snd_wnd, i.rcv_nxt, i.rcv_wnd,
                    i.rcv_space, i.rcv_rtt, i.snd_cwnd, i.snd_ssthresh, i.snd_mss, i.rcv_mss,
                    i.pmtu, i.snd_wscale, i.rcv_wscale);
  };
  const auto options = [](const TcpInfo& i) {
    return std::tie(i.timestamps, i.window_scaling, i.sack, i.ecn, i.ecn_ect, i.congestion,
                    i.user_timeout);
  };
  const auto progress = [](const TcpInfo& i) {
    return std::tie(i.retransmits, i.probes, i.total_retrans, i.rtt, i.rttvar, i.min_rtt, i.rto,
                    i.unsent_bytes, i.unacked_bytes, i.unread_bytes, i.out_of_order_bytes,
                    i.in_recovery, i.reordering_seen, i.reordering_window, i.sacked_bytes,
                    i.lost_bytes);
  };
  const auto sums = [](const TcpInfo& i) {
    return std::tie(i.bytes_acked, i.bytes_received, i.bytes_retrans, i.delivery_rate, i.segs_in,
                    i.segs_out, i.ce_received, i.ce_delivered);
  };
  return window(a) == window(b) && options(a) == options(b) && progress(a) == progress(b) &&
         sums(a) == sums(b);
}

}  // namespace millrace::test
