// SPDX-License-Identifier: BSD-3-Clause
#include "fields.h"

#include <limits>
#include <type_traits>
#include <variant>

namespace script {

using millrace::CongestionControl;
using millrace::Counter;
using millrace::Duration;
using millrace::Ecn;
using millrace::InterfaceConfig;
using millrace::MtuProbing;
using millrace::ShardConfig;
using millrace::ShardUse;
using millrace::SynCookies;
using millrace::TcpInfo;
using millrace::TcpOptions;

namespace {

template <class Struct>
struct Setting {
  const char* name;
  std::variant<uint8_t Struct::*, uint16_t Struct::*, uint32_t Struct::*, uint64_t Struct::*,
               bool Struct::*, Duration Struct::*, CongestionControl Struct::*, Ecn Struct::*,
               MtuProbing Struct::*, SynCookies Struct::*>
      member;
};

constexpr Setting<TcpOptions> kOptions[] = {
    {"send_buffer_bytes", &TcpOptions::send_buffer_bytes},
    {"receive_buffer_bytes", &TcpOptions::receive_buffer_bytes},
    {"receive_autotuning", &TcpOptions::receive_autotuning},
    {"mss_max", &TcpOptions::mss_max},
    {"window_scale", &TcpOptions::window_scale},
    {"timestamps", &TcpOptions::timestamps},
    {"sack", &TcpOptions::sack},
    {"time_wait", &TcpOptions::time_wait},
    {"nodelay", &TcpOptions::nodelay},
    {"delayed_ack", &TcpOptions::delayed_ack},
    {"quick_acks", &TcpOptions::quick_acks},
    {"cork", &TcpOptions::cork},
    {"delayed_ack_timeout", &TcpOptions::delayed_ack_timeout},
    {"congestion", &TcpOptions::congestion},
    {"ecn", &TcpOptions::ecn},
    {"mtu_probing", &TcpOptions::mtu_probing},
    {"initial_window_segments", &TcpOptions::initial_window_segments},
    {"dscp", &TcpOptions::dscp},
    {"pacing_rate_max", &TcpOptions::pacing_rate_max},
    {"rto_initial", &TcpOptions::rto_initial},
    {"rto_min", &TcpOptions::rto_min},
    {"rto_max", &TcpOptions::rto_max},
    {"syn_retries", &TcpOptions::syn_retries},
    {"synack_retries", &TcpOptions::synack_retries},
    {"data_retries", &TcpOptions::data_retries},
    {"user_timeout", &TcpOptions::user_timeout},
    {"user_timeout_option", &TcpOptions::user_timeout_option},
    {"keepalive", &TcpOptions::keepalive},
    {"keepalive_idle", &TcpOptions::keepalive_idle},
    {"keepalive_interval", &TcpOptions::keepalive_interval},
    {"keepalive_probes", &TcpOptions::keepalive_probes},
    {"fin_wait2_timeout", &TcpOptions::fin_wait2_timeout},
    {"backlog", &TcpOptions::backlog},
    {"fast_open", &TcpOptions::fast_open},
    {"fast_open_queue", &TcpOptions::fast_open_queue},
};

constexpr Setting<ShardConfig> kConfig[] = {
    {"connections_max", &ShardConfig::connections_max},
    {"half_open_max", &ShardConfig::half_open_max},
    {"syn_cookies", &ShardConfig::syn_cookies},
    {"syn_cookies_percent", &ShardConfig::syn_cookies_percent},
    {"time_wait_max", &ShardConfig::time_wait_max},
    {"listeners_max", &ShardConfig::listeners_max},
    {"neighbors_max", &ShardConfig::neighbors_max},
    {"paths_max", &ShardConfig::paths_max},
    {"path_mtu_lifetime", &ShardConfig::path_mtu_lifetime},
    {"min_pmtu", &ShardConfig::min_pmtu},
    {"profiles_max", &ShardConfig::profiles_max},
    {"small_blocks_max", &ShardConfig::small_blocks_max},
    {"large_blocks_max", &ShardConfig::large_blocks_max},
    {"flight_runs_max", &ShardConfig::flight_runs_max},
    {"control_frames_max", &ShardConfig::control_frames_max},
    {"timers_per_turn", &ShardConfig::timers_per_turn},
    {"events_max", &ShardConfig::events_max},
    {"frames_per_connection_per_turn", &ShardConfig::frames_per_connection_per_turn},
    {"rst_per_second", &ShardConfig::rst_per_second},
    {"challenge_ack_per_second", &ShardConfig::challenge_ack_per_second},
    {"icmp_per_second", &ShardConfig::icmp_per_second},
    {"msl", &ShardConfig::msl},
    {"time_wait_reuse", &ShardConfig::time_wait_reuse},
    {"port_first", &ShardConfig::port_first},
    {"port_last", &ShardConfig::port_last},
    {"arp_timeout", &ShardConfig::arp_timeout},
    {"arp_retries", &ShardConfig::arp_retries},
    {"arp_lifetime", &ShardConfig::arp_lifetime},
    {"seed", &ShardConfig::seed},
    {"statistics", &ShardConfig::statistics},
};

constexpr Setting<InterfaceConfig> kInterface[] = {
    {"mtu", &InterfaceConfig::mtu},
    {"ttl", &InterfaceConfig::ttl},
    {"gratuitous_arp", &InterfaceConfig::gratuitous_arp},
};

constexpr UseField kUse[] = {
    {"connections", &ShardUse::connections},
    {"half_open", &ShardUse::half_open},
    {"time_wait", &ShardUse::time_wait},
    {"listeners", &ShardUse::listeners},
    {"neighbors", &ShardUse::neighbors},
    {"small_blocks", &ShardUse::small_blocks},
    {"large_blocks", &ShardUse::large_blocks},
    {"loss_records", &ShardUse::loss_records},
    {"timers", &ShardUse::timers},
    {"control_frames", &ShardUse::control_frames},
    {"flow_entries", &ShardUse::flow_entries},
};

template <auto Member>
int64_t read(const TcpInfo& info) {
  if constexpr (std::is_same_v<decltype(Member), Duration TcpInfo::*>) {
    return (info.*Member).ns;
  } else {
    return static_cast<int64_t>(info.*Member);
  }
}

constexpr InfoField kInfo[] = {
    {"state", Kind::kState, read<&TcpInfo::state>},
    {"snd_una", Kind::kLocalSeq, read<&TcpInfo::snd_una>},
    {"snd_nxt", Kind::kLocalSeq, read<&TcpInfo::snd_nxt>},
    {"snd_wnd", Kind::kCount, read<&TcpInfo::snd_wnd>},
    {"rcv_nxt", Kind::kPeerSeq, read<&TcpInfo::rcv_nxt>},
    {"rcv_wnd", Kind::kCount, read<&TcpInfo::rcv_wnd>},
    {"rcv_ssthresh", Kind::kCount, read<&TcpInfo::rcv_ssthresh>},
    {"rcv_space", Kind::kCount, read<&TcpInfo::rcv_space>},
    {"rcv_rtt", Kind::kTime, read<&TcpInfo::rcv_rtt>},
    {"snd_cwnd", Kind::kCount, read<&TcpInfo::snd_cwnd>},
    {"snd_ssthresh", Kind::kCount, read<&TcpInfo::snd_ssthresh>},
    {"snd_mss", Kind::kCount, read<&TcpInfo::snd_mss>},
    {"pmtu", Kind::kCount, read<&TcpInfo::pmtu>},
    {"rcv_mss", Kind::kCount, read<&TcpInfo::rcv_mss>},
    {"snd_wscale", Kind::kCount, read<&TcpInfo::snd_wscale>},
    {"rcv_wscale", Kind::kCount, read<&TcpInfo::rcv_wscale>},
    {"timestamps", Kind::kSwitch, read<&TcpInfo::timestamps>},
    {"window_scaling", Kind::kSwitch, read<&TcpInfo::window_scaling>},
    {"sack", Kind::kSwitch, read<&TcpInfo::sack>},
    {"congestion", Kind::kCongestion, read<&TcpInfo::congestion>},
    {"retransmits", Kind::kCount, read<&TcpInfo::retransmits>},
    {"probes", Kind::kCount, read<&TcpInfo::probes>},
    {"total_retrans", Kind::kCount, read<&TcpInfo::total_retrans>},
    {"rtt", Kind::kTime, read<&TcpInfo::rtt>},
    {"rttvar", Kind::kTime, read<&TcpInfo::rttvar>},
    {"min_rtt", Kind::kTime, read<&TcpInfo::min_rtt>},
    {"rto", Kind::kTime, read<&TcpInfo::rto>},
    {"user_timeout", Kind::kTime, read<&TcpInfo::user_timeout>},
    {"unsent_bytes", Kind::kCount, read<&TcpInfo::unsent_bytes>},
    {"unacked_bytes", Kind::kCount, read<&TcpInfo::unacked_bytes>},
    {"unread_bytes", Kind::kCount, read<&TcpInfo::unread_bytes>},
    {"out_of_order_bytes", Kind::kCount, read<&TcpInfo::out_of_order_bytes>},
    {"ecn", Kind::kEcnMode, read<&TcpInfo::ecn>},
    {"ecn_ect", Kind::kSwitch, read<&TcpInfo::ecn_ect>},
    {"ce_received", Kind::kCount, read<&TcpInfo::ce_received>},
    {"ce_delivered", Kind::kCount, read<&TcpInfo::ce_delivered>},
    {"in_recovery", Kind::kSwitch, read<&TcpInfo::in_recovery>},
    {"reordering_seen", Kind::kSwitch, read<&TcpInfo::reordering_seen>},
    {"reordering_window", Kind::kTime, read<&TcpInfo::reordering_window>},
    {"sacked_bytes", Kind::kCount, read<&TcpInfo::sacked_bytes>},
    {"lost_bytes", Kind::kCount, read<&TcpInfo::lost_bytes>},
    {"bytes_acked", Kind::kCount, read<&TcpInfo::bytes_acked>},
    {"bytes_received", Kind::kCount, read<&TcpInfo::bytes_received>},
    {"bytes_retrans", Kind::kCount, read<&TcpInfo::bytes_retrans>},
    {"delivery_rate", Kind::kCount, read<&TcpInfo::delivery_rate>},
    {"segs_in", Kind::kCount, read<&TcpInfo::segs_in>},
    {"segs_out", Kind::kCount, read<&TcpInfo::segs_out>},
};

template <class Member>
constexpr Kind kind_of() {
  if (std::is_same_v<Member, bool>) return Kind::kSwitch;
  if (std::is_same_v<Member, Duration>) return Kind::kTime;
  if (std::is_same_v<Member, CongestionControl>) return Kind::kCongestion;
  if (std::is_same_v<Member, SynCookies>) return Kind::kCookies;
  if (std::is_same_v<Member, Ecn>) return Kind::kEcn;
  if (std::is_same_v<Member, MtuProbing>) return Kind::kProbing;
  return Kind::kCount;
}

// False when the value does not fit into the member.
template <class Member>
bool assign(Member& member, int64_t value) {
  if constexpr (std::is_same_v<Member, Duration>) {
    member = {value};
  } else if constexpr (std::is_enum_v<Member>) {
    member = static_cast<Member>(value);
  } else {
    using Limits = std::numeric_limits<Member>;
    if (value < 0 || static_cast<uint64_t>(value) > Limits::max()) return false;
    member = static_cast<Member>(value);
  }
  return true;
}

// Nothing when the table has no such name, else what set_field() returns.
template <class Struct, size_t kCount>
std::optional<std::optional<std::string>> set_in(const Setting<Struct> (&table)[kCount],
                                                 Struct& object, std::string_view name,
                                                 std::string_view text) {
  for (const Setting<Struct>& setting : table) {
    if (name != setting.name) continue;
    return std::visit(
        [&](auto member) -> std::optional<std::string> {
          using Member = std::remove_reference_t<decltype(object.*member)>;
          const Kind kind = kind_of<Member>();
          const std::optional<int64_t> value = parse(kind, text);
          if (!value) {
            return std::string(name) + " wants " + std::string(describe(kind)) + ", not '" +
                   std::string(text) + "'";
          }
          if (!assign(object.*member, *value)) {
            return std::string(name) + " cannot hold " + std::string(text);
          }
          return std::nullopt;
        },
        setting.member);
  }
  return std::nullopt;
}

template <class Row, size_t kCount>
const Row* find(const Row (&table)[kCount], std::string_view name) {
  for (const Row& row : table) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> set_field(ShardConfig& config, std::string_view name,
                                     std::string_view text) {
  auto done = set_in(kConfig, config, name, text);
  if (!done) done = set_in(kInterface, config.interface, name, text);
  return done ? *done : "there is no config field '" + std::string(name) + "'";
}

std::optional<std::string> set_field(TcpOptions& options, std::string_view name,
                                     std::string_view text) {
  const auto done = set_in(kOptions, options, name, text);
  return done ? *done : "there is no option '" + std::string(name) + "'";
}

const InfoField* find_info_field(std::string_view name) { return find(kInfo, name); }
const UseField* find_use_field(std::string_view name) { return find(kUse, name); }

std::optional<Counter> find_counter(std::string_view name) {
  for (size_t i = 0; i < millrace::kCounterCount; ++i) {
    if (name == to_string(static_cast<Counter>(i))) return static_cast<Counter>(i);
  }
  return std::nullopt;
}

std::string left_in_use(const ShardUse& use) {
  std::string text;
  for (const UseField& field : kUse) {
    const std::string_view name = field.name;
    if (use.*field.member == 0 || name == "listeners" || name == "neighbors") continue;
    text += (text.empty() ? "" : ", ") + std::to_string(use.*field.member) + " " + field.name;
  }
  return text;
}

}  // namespace script
