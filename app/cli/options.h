// SPDX-License-Identifier: BSD-3-Clause
// The options that every running subcommand has: the device, our place in the network, limits,
// and how to report. In: the command line and a TOML file. Out: an EngineConfig.
//
//     CommonOptions common;
//     CLI::App* command = root.add_subcommand("load", "...");
//     add_common_options(*command, common);
//     ... own options by cli/values.h ...
//   and when it runs:
//     if (auto r = load_config(*command, common, "load"); !r.ok()) return fail(r.error());
//     if (common.print_config) { print_config(*command, "load"); return kExitOk; }
//     auto config = to_engine_config(common, eal_args);
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/config_file.h"
#include "cli/values.h"
#include "millrace/config.h"
#include "millrace/engine.h"
#include "millrace/impairment.h"

namespace millrace::cli {

struct CommonOptions {
  // Device and network.
  std::string device;                       // checked when parsed; DeviceUri::parse() accepts it
  std::vector<InterfaceAddress> addresses;  // one at least, unless routers announce some
  std::vector<AddressRange> ranges;         // of those, where there were several in one
  std::vector<Route> gateways;              // of all networks
  std::vector<Route> routes;
  Qinq qinq = Qinq::k8021ad;
  FragmentHandling fragments = FragmentHandling::kReassemble;
  Autoconfigure autoconfigure = Autoconfigure::kOff;
  AddressCheck address_check = AddressCheck::kOptimistic;
  Redirects redirects = Redirects::kIpv6;
  bool arp_probe = false;
  MacAddress mac;  // zero: the device's own
  uint16_t mtu = 1500;
  int32_t cpu = -1;             // of the first worker; -1: the system's choice
  uint16_t workers = 1;         // --lcores
  std::vector<int32_t> lcores;  // the same as CPUs, when those were named
  uint16_t queues = 0;
  std::vector<uint8_t> rss_key;
  Idling idling = Idling::kYield;
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
  uint32_t mbufs = 0;      // 0: what the rings need
  uint32_t memory_mb = 0;  // 0: what the mbufs need
  Hugepages hugepages = Hugepages::kAuto;
  bool no_tso = false;
  Impairment impairment;

  // TCP.
  uint32_t connections_max = 1u << 20;
  uint32_t half_open_max = 1u << 16;
  SynCookies syn_cookies = SynCookies::kAuto;
  uint32_t backlog = 0;
  bool fast_open = false;
  uint32_t fast_open_queue = 256;
  uint32_t time_wait_max = 1u << 20;
  Duration msl = seconds(30);
  Duration drain_timeout = seconds(2);
  Duration keepalive;  // 0: off, else the idle time before the first probe
  Duration keepalive_interval = seconds(75);
  uint16_t keepalive_probes = 10;
  uint64_t send_buffer_bytes = 6u << 20;
  uint64_t receive_buffer_bytes = 6u << 20;
  bool fixed_window = false;
  uint16_t mss = 0;  // 0: what the MTU allows
  Duration rto_min = milliseconds(200);
  bool no_timestamps = false;
  bool no_window_scale = false;
  bool no_sack = false;
  Ecn ecn = Ecn::kPassive;
  bool no_delayed_ack = false;
  bool no_time_wait = false;
  bool no_events = false;
  uint16_t dscp = 0;
  uint16_t ttl = 64;
  CongestionControl congestion = CongestionControl::kCubic;
  MtuProbing mtu_probing = MtuProbing::kBlackHole;

  // The run and its report.
  Duration duration;  // 0: until stopped
  bool json = false;
  bool quiet = false;    // nothing but errors and the final report
  bool live = false;     // a line each second even when stdout is no terminal
  bool verbose = false;  // let EAL and drivers talk
  bool print_config = false;
  std::string config_path;
  std::string control;  // path of the control socket; empty: the usual place; "off": none
};

// Declares all of them on `command`. `options` must outlive it.
void add_common_options(CLI::App& command, CommonOptions& options);

// Reads --config, when given, into the options of `command` that the command line left alone.
// `section` is the command's name: keys stand at the top of the file or in that table.
Result<void> load_config(CLI::App& command, const CommonOptions& options, std::string_view section);

// Checks what no single option can: device and address are there, gateways are on our network.
Result<EngineConfig> to_engine_config(const CommonOptions& options,
                                      std::vector<std::string> eal_args);

// keepalive and buffer sizes applied to the defaults; nodelay as given.
[[nodiscard]] TcpOptions to_tcp_options(const CommonOptions& options, bool nodelay);

// Whether the live line is wanted: asked for, or stdout is a terminal; never with --quiet/--json.
[[nodiscard]] bool wants_live_line(const CommonOptions& options);

// "millrace: <message>" on stderr; returns kExitUsage.
int fail(const Error& error);

}  // namespace millrace::cli
