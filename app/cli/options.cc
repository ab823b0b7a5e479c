// SPDX-License-Identifier: BSD-3-Clause
#include "cli/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "cli/print.h"

namespace millrace::cli {
namespace {

// "10.0.0.254", "fe80::1@100": a default route.
Result<Route> parse_gateway(std::string_view text) {
  const size_t at = std::min(text.find('@'), text.size());
  const Result<IpAddress> gateway = IpAddress::parse(text.substr(0, at));
  if (!gateway) return gateway.error();
  Route route{{gateway->is_v4() ? IpAddress::v4(0) : IpAddress{}, 0}, *gateway};
  if (at == text.size()) return route;
  const Result<Vlan> vlan = Vlan::parse(text.substr(at + 1));
  if (!vlan) return vlan.error();
  route.vlan = *vlan;
  return route;
}

Result<Route> parse_route(const std::string& text) {
  const size_t equals = std::min(text.find('='), text.size());
  const Result<Prefix> destination = Prefix::parse(text.substr(0, equals));
  Result<Route> route = parse_gateway(text.substr(std::min(equals + 1, text.size())));
  if (!destination || !route) {
    return Error{
        "give a network and its gateway, such as 10.1.0.0/16=10.0.0.254, and where the gateway's "
        "address does not tell, its VLAN: 10.1.0.0/16=10.0.0.254@100"};
  }
  route->destination = *destination;
  return route;
}

constexpr uint16_t kLcoresMax = 127;  // as many threads as DPDK takes beside its own

// "2,3,8-11" as numbers; nothing when it is no such list.
std::optional<std::vector<int32_t>> parse_cpu_list(std::string_view text) {
  constexpr uint64_t kCpuMax = 1023;
  std::vector<int32_t> cpus;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    const size_t dash = std::min(item.find('-'), item.size());
    const std::optional<uint64_t> first = parse_number(item.substr(0, dash));
    const std::optional<uint64_t> last =
        dash == item.size() ? first : parse_number(item.substr(dash + 1));
    if (!first || !last || *first > *last || *last > kCpuMax) return std::nullopt;
    for (uint64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int32_t>(cpu));
    if (comma == text.size()) return cpus;
    text.remove_prefix(comma + 1);
  }
}

Result<void> read_lcores(const std::string& text, CommonOptions& o) {
  if (const std::optional<uint64_t> count = parse_number(text)) {
    if (*count < 1 || *count > kLcoresMax) {
      return Error{fmt::format("give a number from 1 to {}, or a list of CPUs", kLcoresMax)};
    }
    o.workers = static_cast<uint16_t>(*count);
    o.lcores.clear();
    return {};
  }
  const std::optional<std::vector<int32_t>> cpus = parse_cpu_list(text);
  if (!cpus || cpus->size() > kLcoresMax) {
    return Error{"give how many, such as 4, or a list of CPUs, such as 2,3,8-11"};
  }
  std::vector<int32_t> sorted = *cpus;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return Error{"name each CPU once"};
  }
  o.workers = static_cast<uint16_t>(cpus->size());
  o.lcores = *cpus;
  return {};
}

std::optional<std::vector<uint8_t>> parse_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const char* const end = text.data() + i + 2;
    const auto [rest, error] = std::from_chars(text.data() + i, end, byte, 16);
    if (error != std::errc{} || rest != end) return std::nullopt;
    bytes.push_back(byte);
  }
  return bytes;
}

// The CPUs that the workers are pinned to, as far as any were named.
Result<std::vector<int32_t>> choose_cpus(const CommonOptions& o) {
  if (!o.lcores.empty() && o.cpu >= 0) {
    return Error{"--lcores names CPUs, and --cpu another; give one of them"};
  }
  std::vector<int32_t> cpus = o.lcores;
  if (o.cpu >= 0) {
    for (int32_t i = 0; i < o.workers; ++i) cpus.push_back(o.cpu + i);
  }
  return cpus;
}

void add_network_options(CLI::App& command, CommonOptions& o) {
  add_parsed(
      command, "-d,--device", "URI",
      [&o](const std::string& text) -> Result<void> {
        const Result<DeviceUri> device = DeviceUri::parse(text);
        if (!device) return device.error();
        o.device = text;
        return {};
      },
      "pci:ADDRESS, memif:PATH[,server], vhost:PATH, virtio-user:PATH, af_packet:IFACE, "
      "af_xdp:IFACE, tap:NAME, pcap:IN,OUT or loopback");
  add_own_addresses(command, "-a,--address", o.addresses, o.ranges,
                    "our address and network, such as 10.0.0.1/24 or 2001:db8::1/64, or a million "
                    "at most, as 10.0.0.1-10.0.9.99/16; with its VLAN if it is tagged: "
                    "10.0.0.1/24@100, or @100.200 of two tags; may be given more than once");
  add_parsed(
      command, "-g,--gateway", "ADDRESS[@VLAN]",
      [&o](const std::string& text) -> Result<void> {
        const Result<Route> route = parse_gateway(text);
        if (!route) {
          return Error{
              "give an IP address, such as 10.0.0.254, and where that does not tell, its VLAN: "
              "fe80::1@100"};
        }
        o.gateways.push_back(*route);
        return {};
      },
      "default gateway of its family, for the VLAN that has its network; of several the first that "
      "answers")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_parsed(
      command, "--route", "NET/LEN=GATEWAY[@VLAN]",
      [&o](const std::string& text) -> Result<void> {
        const Result<Route> route = parse_route(text);
        if (!route) return route.error();
        o.routes.push_back(*route);
        return {};
      },
      "a further route; may be given more than once")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_choice(command, "--qinq", "FORM", o.qinq, {"802.1ad", "802.1q"},
             "how the outer of two VLAN tags is written: 802.1ad: 88a8; 802.1q: 8100, as the inner "
             "one; either is read");
  add_choice(command, "--fragments", "WHAT", o.fragments, {"reassemble", "drop"},
             "what becomes of IP fragments; reassemble: within bounds of memory and time");
  add_choice(command, "--autoconfigure", "WHAT", o.autoconfigure, {"off", "routers", "addresses"},
             "what IPv6 routers may tell us; routers: that they are there, networks and the MTU; "
             "addresses: prefixes for addresses of ours, too (RFC 4862)");
  add_choice(command, "--redirects", "WHOSE", o.redirects, {"off", "ipv6", "all"},
             "whose ICMP redirects are followed; all: also of IPv4, which may come from anywhere");
  add_choice(command, "--address-check", "WHEN", o.address_check, {"off", "optimistic", "first"},
             "whether another host has an IPv6 address of ours; optimistic: asked while we use it "
             "(RFC 4429); first: a second before we do (RFC 4862); off: not asked");
  add_flag(command, "--arp-probe", o.arp_probe,
           "use IPv4 addresses only when nobody has answered three probes, 4s later (RFC 5227)");
  add_parsed(
      command, "--mac", "MAC",
      [&o](const std::string& text) -> Result<void> {
        const Result<MacAddress> mac = MacAddress::parse(text);
        if (!mac || mac->is_multicast() || mac->is_zero()) {
          return Error{"give the address of a single device, such as 02:00:00:00:00:01"};
        }
        o.mac = *mac;
        return {};
      },
      "our link-layer address; the device's own unless given");
  add_number(command, "--mtu", o.mtu, 576, 9000, "largest IP packet, in bytes");
  add_parsed(
      command, "--cpu", "N",
      [&o](const std::string& text) -> Result<void> {
        const std::optional<uint64_t> cpu = parse_number(text);
        if (!cpu || *cpu > 1023) return Error{"give the number of a CPU, from 0"};
        o.cpu = static_cast<int32_t>(*cpu);
        return {};
      },
      "pin the worker to this CPU, and of several the next ones to the next; the system chooses "
      "unless given");
  add_parsed(
      command, "--lcores", "N|LIST", [&o](const std::string& text) { return read_lcores(text, o); },
      "workers, each with a shard of the connections: how many, or the CPUs they are pinned to, "
      "such as 2,3,8-11")
      ->default_str("1");
  add_number(
      command, "--queues", o.queues, 0, kLcoresMax,
      "queue pairs of the device; 0: one for each worker, but one in all on memif, vhost and "
      "virtio-user, whose other end has to have as many");
  add_parsed(
      command, "--rss-key", "HEX",
      [&o](const std::string& text) -> Result<void> {
        const std::optional<std::vector<uint8_t>> key = parse_hex(text);
        if (!key || key->size() < Sharding::kKeyBytesMin || key->size() > Sharding::kKeyBytesMax) {
          return Error{"give 40 to 52 bytes as hexadecimal digits"};
        }
        o.rss_key = *key;
        return {};
      },
      "by which tuples find their worker; one is drawn unless given");
  add_choice(
      command, "--idle", "HOW", o.idling, {"poll", "yield", "sleep"},
      "without work: poll: never leave the CPU to others; yield: let them have it between "
      "polls; sleep: sleep until a frame comes, where the device can say so, else a quarter as "
      "long as nothing has come, 1ms at most, for a CPU that others need");
  add_number(command, "--rx-descriptors", o.rx_descriptors, 64, 32768,
             "frames that the device can hold for us; a power of two");
  add_number(command, "--tx-descriptors", o.tx_descriptors, 64, 32768,
             "frames that the device can take from us; a power of two");
  add_flag(command, "--no-tso", o.no_tso,
           "cut segments here even where the device could cut them out of larger frames");
  add_parsed(
      command, "--impair", "HOW",
      [&o](const std::string& text) -> Result<void> {
        const Result<Impairment> impairment = Impairment::parse(text);
        if (!impairment) return impairment.error();
        o.impairment = *impairment;
        return {};
      },
      "treat what is sent badly: loss=1%,delay=20ms,jitter=5ms,reorder=2%,duplicate=0.1%,seed=7, "
      "any of them; the other end has its own");
  add_number(command, "--mbufs", o.mbufs, 0, 16u << 20,
             "frame buffers; 0: what the descriptors need");
  add_number(command, "--memory", o.memory_mb, 0, 1u << 20,
             "MiB for DPDK to work in; 0: what the frame buffers need");
  add_choice(command, "--hugepages", "WHEN", o.hugepages, {"auto", "on", "off"},
             "reserved 2-MiB pages for frame buffers and tables: auto: where enough of them are "
             "free; on: end if not enough for the frame buffers are");
}

void add_tcp_options(CLI::App& command, CommonOptions& o) {
  add_number(
      command, "--connections-max", o.connections_max, 1, 1u << 28,
      "connections of each worker at a time; memory is reserved for all of them, and touched "
      "on use");
  add_number(command, "--half-open-max", o.half_open_max, 1, 1u << 28,
             "SYNs of each worker whose handshake is not through, at a time");
  add_number(command, "--backlog", o.backlog, 0, 1u << 28,
             "the same for each port that is listened on; 0: no bound of its own");
  add_choice(command, "--syn-cookies", "MODE", o.syn_cookies, {"auto", "always", "never"},
             "auto: past three quarters of --half-open-max and past --backlog, a SYN is answered "
             "without being remembered (RFC 4987); never: it is dropped when there is no room; "
             "always: none is remembered");
  add_flag(command, "--fast-open", o.fast_open,
           "data may come with a SYN (RFC 7413): for services to which a request that comes twice "
           "does no harm");
  add_number(command, "--fast-open-queue", o.fast_open_queue, 1, 1u << 28,
             "connections that data on a SYN began and whose handshake is not through, for each "
             "port");
  add_number(command, "--time-wait-max", o.time_wait_max, 1, 1u << 28,
             "TIME-WAIT records of each worker; past that the oldest gives way");
  add_duration(command, "--msl", o.msl, milliseconds(1), seconds(600),
               "maximum segment lifetime; TIME-WAIT lasts two of them");
  add_duration(command, "--keepalive", o.keepalive, Duration{}, seconds(604'800),
               "idle time before the first keep-alive probe; 0s: no keep-alive");
  add_duration(command, "--keepalive-interval", o.keepalive_interval, milliseconds(1),
               seconds(604'800), "between keep-alive probes");
  add_number(command, "--keepalive-probes", o.keepalive_probes, 1, 255,
             "unanswered probes before a connection is dead");
  add_size(command, "--send-buffer", o.send_buffer_bytes, 4096, 1u << 30,
           "bytes per connection that are sent and not yet acknowledged, or wait to be sent; above "
           "256k only as far as the congestion window asks for it");
  add_size(command, "--receive-buffer", o.receive_buffer_bytes, 1024, 1u << 29,
           "bytes per connection that wait to be read; the largest window that is offered");
  add_flag(
      command, "--fixed-window", o.fixed_window,
      "offer all of --receive-buffer from the start, and not a window that begins with 64k and "
      "grows with what is taken in a round trip");
  add_number(command, "--mss", o.mss, 0, 8960,
             "largest segment's payload that we announce and send, in bytes; 0: what the MTU "
             "allows");
  add_choice(
      command, "--mtu-probing", "WHEN", o.mtu_probing, {"off", "black-hole", "always"},
      "whether segments look for what the path takes (RFC 4821): black-hole: after full ones "
      "timed out three times in a row; always: from 1024 bytes on upwards");
  add_duration(command, "--rto-min", o.rto_min, milliseconds(1), seconds(60),
               "least retransmission timeout (RFC 6298 says 1s; hosts use 200ms)");
  add_flag(command, "--no-timestamps", o.no_timestamps, "do not offer timestamps (RFC 7323)");
  add_flag(command, "--no-window-scale", o.no_window_scale,
           "do not offer window scaling (RFC 7323)");
  add_flag(command, "--no-sack", o.no_sack,
           "do not offer selective acknowledgement (RFC 2018); no RACK-TLP then");
  add_choice(command, "--ecn", "MODE", o.ecn, {"off", "passive", "classic", "accurate"},
             "congestion marks instead of losses; classic: asked for and agreed to (RFC 3168); "
             "passive: only agreed to; accurate: RFC 9768 where the peer knows it");
  add_flag(command, "--no-delayed-ack", o.no_delayed_ack, "acknowledge each burst at once");
  add_flag(command, "--no-time-wait", o.no_time_wait,
           "forget what we closed first at once, where both sides have timestamps: its ports are "
           "free again, and a FIN that the peer repeats is reset");
  add_flag(
      command, "--no-events", o.no_events,
      "do not remember what happened to connections; else serve tells it of those that end badly");
  add_number(command, "--dscp", o.dscp, 0, 63,
             "differentiated services code point of what is sent (RFC 2474)");
  add_number(command, "--ttl", o.ttl, 1, 255, "time to live, or hop limit, of what is sent");
  add_choice(command, "--congestion", "NAME", o.congestion, {"newreno", "cubic"},
             "congestion control: cubic (RFC 9438, with HyStart++) or newreno (RFC 6582)");
}

void add_run_options(CLI::App& command, CommonOptions& o) {
  add_duration(command, "--duration", o.duration, Duration{}, seconds(604'800),
               "stop after this long; 0s: run until stopped");
  add_duration(command, "--drain-timeout", o.drain_timeout, Duration{}, seconds(600),
               "at the end, how long open connections have to close before they are reset");
  add_flag(command, "--json", o.json, "print the final report as one JSON object");
  add_flag(command, "-q,--quiet", o.quiet, "print nothing but errors and the final report");
  add_flag(command, "--live", o.live, "a line each second even when stdout is no terminal");
  add_flag(command, "--verbose", o.verbose, "let DPDK and its drivers talk");
  command.add_option("--config", o.config_path, "TOML file with any of these options")
      ->type_name("FILE");
  command
      .add_option("--control", o.control,
                  "where to listen for ss, stats, top and the like: a socket that only we may use, "
                  "or off; unless given, PID.sock in /run/millrace (root), "
                  "$XDG_RUNTIME_DIR/millrace or /tmp/millrace-UID")
      ->type_name("FILE");
  add_flag(command, "--print-config", o.print_config,
           "print the options in force as TOML, and end");
}

}  // namespace

void add_common_options(CLI::App& command, CommonOptions& options) {
  command.option_defaults()->group(kNetworkGroup);
  add_network_options(command, options);
  command.option_defaults()->group(kTcpGroup);
  add_tcp_options(command, options);
  command.option_defaults()->group(kRunGroup);
  add_run_options(command, options);
  command.option_defaults()->group("Options");
}

Result<void> load_config(CLI::App& command, const CommonOptions& options,
                         std::string_view section) {
  if (options.config_path.empty()) return {};
  return load_config_file(options.config_path, section, command);
}

Result<EngineConfig> to_engine_config(const CommonOptions& options,
                                      std::vector<std::string> eal_args) {
  if (options.device.empty()) {
    return Error{"no device was given; add --device, for example --device tap:mill0"};
  }
  if (options.addresses.empty() && options.autoconfigure != Autoconfigure::kAddresses) {
    return Error{"no address was given; add --address, for example --address 10.0.0.1/24"};
  }
  const Result<DeviceUri> device = DeviceUri::parse(options.device);
  if (!device) return device.error();

  EngineConfig config;
  config.device = *device;
  config.eal_args = std::move(eal_args);
  config.verbose = options.verbose;
  const Result<std::vector<int32_t>> cpus = choose_cpus(options);
  if (!cpus) return cpus.error();
  config.cpus = *cpus;
  config.queues = options.queues;
  config.rss_key = options.rss_key;
  config.idling = options.idling;
  config.rx_descriptors = options.rx_descriptors;
  config.tx_descriptors = options.tx_descriptors;
  config.mbufs = options.mbufs;
  config.hugepages = options.hugepages;
  config.impairment = options.impairment;
  config.segmentation_offload = !options.no_tso;
  config.memory_mb = options.memory_mb;
  config.drain_timeout = options.drain_timeout;
  config.shard.connections_max = options.connections_max;
  config.shard.half_open_max = options.half_open_max;
  config.shard.syn_cookies = options.syn_cookies;
  config.shard.time_wait_max = options.time_wait_max;
  config.shard.msl = options.msl;
  if (options.no_events) config.shard.events_max = 0;
  config.shard.fragments = options.fragments;
  InterfaceConfig& interface = config.shard.interface;
  interface.mac = options.mac;
  interface.mtu = options.mtu;
  interface.ttl = static_cast<uint8_t>(options.ttl);
  interface.addresses = options.addresses;
  interface.ranges = options.ranges;
  interface.routes = options.routes;
  interface.routes.insert(interface.routes.end(), options.gateways.begin(), options.gateways.end());
  interface.qinq = options.qinq;
  interface.autoconfigure = options.autoconfigure;
  interface.address_check = options.address_check;
  interface.arp_probe = options.arp_probe;
  interface.redirects = options.redirects;

  // The device's own address is not known yet; everything else can be judged now.
  ShardConfig judged = config.shard;
  if (judged.interface.mac.is_zero()) judged.interface.mac = {{2, 0, 0, 0, 0, 1}};
  if (Result<void> valid = validate(judged); !valid) return valid.error();
  if (Result<void> valid = validate(to_tcp_options(options, false)); !valid) {
    return valid.error();
  }
  return config;
}

TcpOptions to_tcp_options(const CommonOptions& options, bool nodelay) {
  TcpOptions tcp;
  tcp.nodelay = nodelay;
  tcp.send_buffer_bytes = static_cast<uint32_t>(options.send_buffer_bytes);
  tcp.receive_buffer_bytes = static_cast<uint32_t>(options.receive_buffer_bytes);
  tcp.receive_autotuning = !options.fixed_window;
  tcp.mss_max = options.mss;
  tcp.rto_min = options.rto_min;
  tcp.backlog = options.backlog;
  tcp.fast_open = options.fast_open;
  tcp.fast_open_queue = options.fast_open_queue;
  tcp.timestamps = !options.no_timestamps;
  tcp.window_scale = !options.no_window_scale;
  tcp.sack = !options.no_sack;
  tcp.time_wait = !options.no_time_wait;
  tcp.dscp = static_cast<uint8_t>(options.dscp);
  tcp.congestion = options.congestion;
  tcp.ecn = options.ecn;
  tcp.mtu_probing = options.mtu_probing;
  tcp.delayed_ack = !options.no_delayed_ack;
  tcp.keepalive = options.keepalive.ns != 0;
  if (tcp.keepalive) tcp.keepalive_idle = options.keepalive;
  tcp.keepalive_interval = options.keepalive_interval;
  tcp.keepalive_probes = static_cast<uint8_t>(options.keepalive_probes);
  return tcp;
}

bool wants_live_line(const CommonOptions& options) {
  if (options.quiet || options.json) return false;
  return options.live || isatty(STDOUT_FILENO) != 0;
}

int fail(const Error& error) {
  complain(fmt::format("millrace: {}\n", error.message));
  return kExitUsage;
}

}  // namespace millrace::cli
