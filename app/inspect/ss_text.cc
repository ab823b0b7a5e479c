// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/ss_text.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cli/format.h"
#include "inspect/ss_filter.h"

namespace millrace::inspect {
namespace {

std::string ss_end(const IpAddress& address, uint16_t port) {
  const std::string number = port == 0 ? "*" : fmt::format("{}", port);
  if (address.is_unspecified()) return "*:" + number;
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), number)
                         : fmt::format("[{}]:{}", address.to_string(), number);
}

std::string_view timer_name(TimerKind kind) {
  switch (kind) {
    case TimerKind::kNone:
      return "off";
    case TimerKind::kRetransmit:
      return "on";
    case TimerKind::kPersist:
      return "persist";
    case TimerKind::kKeepalive:
      return "keepalive";
    case TimerKind::kTimeWait:
      return "timewait";
  }
  return "";
}

std::string_view congestion_name(CongestionControl congestion) {
  return congestion == CongestionControl::kCubic ? "cubic" : "newreno";
}

// Milliseconds, as short as they can be said: "0.25", "204".
std::string ms(Duration d) { return fmt::format("{:g}", static_cast<double>(d.ns) / 1e6); }

// ss counts segments where millrace counts bytes.
uint32_t segments(uint32_t bytes, uint16_t mss) {
  return mss == 0 ? bytes : (bytes + mss - 1) / mss;
}

// "1.2Gbps"
std::string bit_rate(uint64_t bytes_per_second) {
  const double bits = 8.0 * static_cast<double>(bytes_per_second);
  if (bits >= 1e9) return fmt::format("{:.1f}Gbps", bits / 1e9);
  if (bits >= 1e6) return fmt::format("{:.1f}Mbps", bits / 1e6);
  if (bits >= 1e3) return fmt::format("{:.1f}Kbps", bits / 1e3);
  return fmt::format("{:.0f}bps", bits);
}

void append_info(std::string& out, const TcpInfo& info) {
  const auto put = [&out](auto... parts) { fmt::format_to(std::back_inserter(out), parts...); };
  const auto number = [&](std::string_view name, uint64_t value) {
    if (value != 0) put(FMT_STRING(" {}:{}"), name, value);
  };
  if (info.timestamps) out += " ts";
  if (info.sack) out += " sack";
  if (info.ecn != EcnMode::kNone) out += info.ecn == EcnMode::kAccurate ? " accecn" : " ecn";
  const bool connection = info.state != State::kSynReceived && info.state != State::kTimeWait;
  if (connection) put(FMT_STRING(" {}"), congestion_name(info.congestion));
  if (info.window_scaling) put(FMT_STRING(" wscale:{},{}"), info.snd_wscale, info.rcv_wscale);
  if (info.rto.ns != 0) put(FMT_STRING(" rto:{}"), ms(info.rto));
  if (info.rtt.ns != 0) put(FMT_STRING(" rtt:{}/{}"), ms(info.rtt), ms(info.rttvar));
  number("mss", info.snd_mss);
  number("pmtu", info.pmtu);
  number("rcvmss", info.rcv_mss);
  if (connection) number("cwnd", segments(info.snd_cwnd, info.snd_mss));
  if (info.snd_ssthresh != UINT32_MAX)
    number("ssthresh", segments(info.snd_ssthresh, info.snd_mss));
  number("bytes_retrans", info.bytes_retrans);
  number("bytes_acked", info.bytes_acked);
  number("bytes_received", info.bytes_received);
  number("segs_out", info.segs_out);
  number("segs_in", info.segs_in);
  if (info.delivery_rate != 0) put(FMT_STRING(" delivery_rate {}"), bit_rate(info.delivery_rate));
  number("delivered_ce", info.ce_delivered);
  number("unacked", segments(info.unacked_bytes, info.snd_mss));
  if (info.retransmits != 0 || info.total_retrans != 0) {
    put(FMT_STRING(" retrans:{}/{}"), info.retransmits, info.total_retrans);
  }
  number("lost", segments(info.lost_bytes, info.snd_mss));
  number("sacked", segments(info.sacked_bytes, info.snd_mss));
  if (info.in_recovery) out += " recovery";
  if (info.reordering_seen) out += " reordering";
  if (info.rcv_rtt.ns != 0) put(FMT_STRING(" rcv_rtt:{}"), ms(info.rcv_rtt));
  number("rcv_space", info.rcv_space);
  number("rcv_ssthresh", info.rcv_ssthresh);
  number("notsent", info.unsent_bytes);
  if (info.min_rtt.ns != 0) put(FMT_STRING(" minrtt:{}"), ms(info.min_rtt));
  number("snd_wnd", info.snd_wnd);
  number("rcv_wnd", info.rcv_wnd);
  number("rcv_ooo", info.out_of_order_bytes);
}

void append_memory(std::string& out, const Listed& entry) {
  fmt::format_to(std::back_inserter(out), " skmem:(r{},rb{},t{},tb{},o{})",
                 entry.info.unread_bytes + entry.info.out_of_order_bytes,
                 entry.receive_buffer_bytes, entry.info.unacked_bytes + entry.info.unsent_bytes,
                 entry.send_buffer_bytes, entry.side_bytes);
}

}  // namespace

std::string ss_time(Duration left) {
  const int64_t ms_left = left.milliseconds();
  const int64_t seconds_left = ms_left / 1000;
  if (seconds_left == 0) return fmt::format("{}ms", ms_left);
  if (seconds_left < 10 && ms_left % 1000 != 0) {
    return fmt::format("{:g}sec", static_cast<double>(ms_left) / 1000);
  }
  if (seconds_left < 60) return fmt::format("{}sec", seconds_left);
  const int64_t minutes = seconds_left / 60;
  if (minutes > 9 || seconds_left % 60 == 0) return fmt::format("{}min", minutes);
  return fmt::format("{}min{}sec", minutes, seconds_left % 60);
}

std::string ss_header() {
  return fmt::format("{:<10} {:>7} {:>7} {:>24} {:>24}\n", "State", "Recv-Q", "Send-Q",
                     "Local Address:Port", "Peer Address:Port");
}

void append_ss_text(std::string& out, const Listed& entry, size_t shard, const SsColumns& columns) {
  const TcpInfo& info = entry.info;
  fmt::format_to(std::back_inserter(out), "{:<10} {:>7} {:>7} {:>24} {:>24}", ss_name(info.state),
                 entry.receive_queue, entry.send_queue, ss_end(info.key.local, info.key.local_port),
                 ss_end(info.key.peer, info.key.peer_port));
  if (columns.timers && entry.timer != TimerKind::kNone) {
    fmt::format_to(std::back_inserter(out), " timer:({},{},{})", timer_name(entry.timer),
                   ss_time(entry.timer_left), entry.timer_retries);
  }
  const bool more = info.state != State::kListen && (columns.info || columns.memory);
  if (more) out += "\n\t";
  if (more && columns.memory) append_memory(out, entry);
  if (more && columns.info) {
    append_info(out, info);
    fmt::format_to(std::back_inserter(out), " shard:{}", shard);
  }
  out += '\n';
}

void append_ss_json(std::string& out, const Listed& entry, size_t shard) {
  const TcpInfo& info = entry.info;
  nlohmann::ordered_json line = {
      {"state", ss_name(info.state)},      {"recv_q", entry.receive_queue},
      {"send_q", entry.send_queue},        {"local", info.key.local.to_string()},
      {"local_port", info.key.local_port}, {"peer", info.key.peer.to_string()},
      {"peer_port", info.key.peer_port},   {"shard", shard}};
  if (entry.timer != TimerKind::kNone) {
    line["timer"] = {{"kind", timer_name(entry.timer)},
                     {"left_ms", entry.timer_left.milliseconds()},
                     {"retries", entry.timer_retries}};
  }
  if (info.state == State::kListen) {
    out += line.dump() + "\n";
    return;
  }
  const auto number = [&line](const char* name, uint64_t value) {
    if (value != 0) line[name] = value;
  };
  const auto time = [&](const char* name, Duration value) {
    number(name, static_cast<uint64_t>(value.microseconds()));
  };
  line["timestamps"] = info.timestamps;
  line["sack"] = info.sack;
  if (info.ecn != EcnMode::kNone) {
    line["ecn"] = info.ecn == EcnMode::kAccurate ? "accurate" : "classic";
  }
  if (info.window_scaling) {
    line["snd_wscale"] = info.snd_wscale;
    line["rcv_wscale"] = info.rcv_wscale;
  }
  line["snd_una"] = info.snd_una;
  line["snd_nxt"] = info.snd_nxt;
  line["rcv_nxt"] = info.rcv_nxt;
  number("snd_mss", info.snd_mss);
  if (info.state == State::kTimeWait) {
    out += line.dump() + "\n";
    return;
  }
  if (info.state != State::kSynReceived || info.snd_cwnd != 0) {
    line["congestion"] = congestion_name(info.congestion);
    line["snd_wnd"] = info.snd_wnd;
    line["rcv_wnd"] = info.rcv_wnd;
    line["snd_cwnd"] = info.snd_cwnd;
    if (info.snd_ssthresh != UINT32_MAX) line["snd_ssthresh"] = info.snd_ssthresh;
    line["memory"] = {{"receive_buffer", entry.receive_buffer_bytes},
                      {"send_buffer", entry.send_buffer_bytes},
                      {"side", entry.side_bytes}};
  }
  time("rto_us", info.rto);
  time("rtt_us", info.rtt);
  time("rttvar_us", info.rttvar);
  time("min_rtt_us", info.min_rtt);
  time("rcv_rtt_us", info.rcv_rtt);
  number("pmtu", info.pmtu);
  number("rcv_mss", info.rcv_mss);
  number("rcv_space", info.rcv_space);
  number("rcv_ssthresh", info.rcv_ssthresh);
  number("retransmits", info.retransmits);
  number("total_retrans", info.total_retrans);
  number("probes", info.probes);
  number("unsent_bytes", info.unsent_bytes);
  number("unacked_bytes", info.unacked_bytes);
  number("unread_bytes", info.unread_bytes);
  number("out_of_order_bytes", info.out_of_order_bytes);
  number("sacked_bytes", info.sacked_bytes);
  number("lost_bytes", info.lost_bytes);
  if (info.in_recovery) line["in_recovery"] = true;
  number("bytes_acked", info.bytes_acked);
  number("bytes_received", info.bytes_received);
  number("bytes_retrans", info.bytes_retrans);
  number("delivery_rate", info.delivery_rate);
  number("segs_in", info.segs_in);
  number("segs_out", info.segs_out);
  out += line.dump() + "\n";
}

std::string ss_summary_text(const StateCounts& counts) {
  std::string out;
  uint64_t total = 0;
  for (size_t i = static_cast<size_t>(State::kListen); i < kStateCount; ++i) {
    out += fmt::format("{:<10} {:>13}\n", ss_name(static_cast<State>(i)),
                       cli::format_count(counts[i]));
    total += counts[i];
  }
  return out + fmt::format("{:<10} {:>13}\n", "total", cli::format_count(total));
}

std::string ss_summary_json(const StateCounts& counts) {
  nlohmann::ordered_json line;
  uint64_t total = 0;
  for (size_t i = static_cast<size_t>(State::kListen); i < kStateCount; ++i) {
    line[std::string(ss_name(static_cast<State>(i)))] = counts[i];
    total += counts[i];
  }
  line["total"] = total;
  return line.dump() + "\n";
}

}  // namespace millrace::inspect
