// SPDX-License-Identifier: BSD-3-Clause
// The bounds of every field of a configuration. Messages name the field, the value, and the range.
#include "millrace/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/slab.h"
#include "tcp/context.h"
#include "tcp/half_open.h"
#include "wire/nd.h"

namespace millrace {
namespace {

// The first complaint, if any; each check leaves an earlier one alone.
class Checker {
 public:
  void between(const char* name, uint64_t value, uint64_t low, uint64_t high) {
    if (complaint_ || (value >= low && value <= high)) return;
    complaint_ = Error{fmt::format("{} is {}; it must be from {} to {}", name, value, low, high)};
  }
  void between(const char* name, Duration value, Duration low, Duration high) {
    if (complaint_ || (value >= low && value <= high)) return;
    complaint_ = Error{fmt::format("{} is {} ms; it must be from {} to {} ms", name,
                                   value.milliseconds(), low.milliseconds(), high.milliseconds())};
  }
  void require(bool holds, std::string message) {
    if (!holds) complain(std::move(message));
  }
  void complain(std::string message) {
    if (!complaint_) complaint_ = Error{std::move(message)};
  }
  [[nodiscard]] Result<void> result() const {
    if (complaint_) return *complaint_;
    return {};
  }

 private:
  std::optional<Error> complaint_;
};

constexpr uint64_t kAddressesMax = 1024;     // each is looked at when it is checked
constexpr uint64_t kRangesMax = 65536;       // found by halving; each may be large
constexpr Duration kTick = milliseconds(1);  // nothing is timed more finely
constexpr Duration kLongest = seconds(7 * 24 * 3600);

void check_prefix(Checker& check, const char* name, const Prefix& prefix) {
  check.between(name, prefix.length, 0, prefix.address.is_v4() ? 32 : 128);
}

// Whether frames reach the gateway of `route`: another host of a network of ours, on its VLAN.
bool is_on_link(const InterfaceConfig& interface, const Route& route) {
  const IpAddress& gateway = route.gateway;
  const bool v6_link = !gateway.is_v4() && gateway.is_link_local();
  if (v6_link && !route.vlan) return interface.speaks_ipv6();
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const InterfaceAddress& own) {
                       if (route.vlan && own.vlan != *route.vlan) return false;
                       if (v6_link) return !own.address.is_v4();
                       return own.contains(gateway) && own.address != gateway;
                     });
}

// " on VLAN 100", or nothing.
std::string on_vlan(const std::optional<Vlan>& vlan) {
  return vlan && vlan->tagged() ? " on VLAN " + vlan->to_string() : "";
}

// An address that is on two VLANs would not say where its connections are.
void check_vlans(Checker& check, const InterfaceConfig& interface) {
  const auto& all = interface.addresses;
  for (size_t i = 0; i < all.size(); ++i) {
    const Vlan& vlan = all[i].vlan;
    check.require(
        vlan.outer() <= Vlan::kIdMax && vlan.inner() <= Vlan::kIdMax,
        fmt::format("address {}: a VLAN's id is from 1 to {}", all[i].to_string(), Vlan::kIdMax));
    const auto elsewhere = std::find_if(
        all.begin(), all.begin() + static_cast<ptrdiff_t>(i), [&](const InterfaceAddress& other) {
          return other.address == all[i].address && other.vlan != vlan;
        });
    check.require(elsewhere == all.begin() + static_cast<ptrdiff_t>(i),
                  fmt::format("address {} is on two VLANs; give it to one of them",
                              all[i].address.to_string()));
  }
}

// Addresses that are no host's, whatever the network (RFC 6890).
const std::vector<AddressRange>& nobodys() {
  static const std::vector<AddressRange> kNobodys = [] {
    std::vector<AddressRange> all;
    for (const char* text :
         {"0.0.0.0-0.255.255.255", "127.0.0.0-127.255.255.255", "224.0.0.0-239.255.255.255",
          "255.255.255.255", "::-::1", "ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
      all.push_back(AddressRange::parse(text).value());
    }
    return all;
  }();
  return kNobodys;
}

void check_range(Checker& check, const InterfaceConfig& interface, const AddressRange& range) {
  // Words only where there is something to say: there may be a million ranges.
  const auto complain = [&](const std::string& what) {
    check.complain(fmt::format("address range {} {}", range.to_string(), what));
  };
  if (range.first.is_v4() != range.last.is_v4()) {
    complain("begins in one family and ends in the other; give two addresses of one");
  }
  if (range.last < range.first) complain("ends before it begins; give the lower address first");
  const AddressRange all_v4{IpAddress::v4(0), IpAddress::v4(UINT32_MAX)};
  if (!range.first.is_v4() && range.overlaps(all_v4)) {
    complain("reaches into ::ffff:0:0/96, which is IPv4; leave that out");
  }
  for (const AddressRange& nobody : nobodys()) {
    if (!range.overlaps(nobody)) continue;
    complain(
        fmt::format("reaches into {}, which is no host's; leave that out", nobody.to_string()));
  }
  for (const Prefix& own : interface.addresses) {
    if (!own.address.is_v4() || own.length >= 31) continue;
    for (const IpAddress& edge : {own.network(), own.broadcast()}) {
      if (!range.contains(edge)) continue;
      complain(
          fmt::format("includes {}, which is the network's own or its broadcast address; "
                      "leave that out",
                      edge.to_string()));
    }
  }
  for (const Route& route : interface.routes) {
    if (route.gateway.is_unspecified() || !range.contains(route.gateway)) continue;
    complain(fmt::format("includes the gateway {}, which is another host; leave that out",
                         route.gateway.to_string()));
  }
}

void check_interface(Checker& check, const InterfaceConfig& interface) {
  check.require(!interface.mac.is_zero(), "interface.mac is all zero; give the device's address");
  check.require(!interface.mac.is_multicast(),
                fmt::format("interface.mac {} is a group address; the first byte must be even",
                            interface.mac.to_string()));
  check.between("interface.mtu", interface.mtu, 576, 9000);
  check.between("interface.ttl", interface.ttl, 1, 255);
  if (interface.speaks_ipv6()) {
    check.require(interface.mtu >= wire::kIpv6MtuMin,
                  fmt::format("interface.mtu is {}; IPv6 needs at least {}", interface.mtu,
                              wire::kIpv6MtuMin));
  }
  check.require(
      !interface.addresses.empty() || interface.autoconfigure == Autoconfigure::kAddresses,
      "interface.addresses is empty; give at least one address, as in 10.0.0.1/24, or let "
      "IPv6 routers announce some (autoconfigure)");
  check.between("interface.addresses", interface.addresses.size(), 0, kAddressesMax);
  for (const Prefix& prefix : interface.addresses) {
    check_prefix(check, "address", prefix);
    const IpAddress& a = prefix.address;
    check.require(
        !a.is_unspecified() && !a.is_multicast() && !a.is_loopback(),
        fmt::format("address {} cannot be a host's; give a unicast address", prefix.to_string()));
    if (!a.is_v4() || prefix.length >= 31) continue;
    check.require(a != prefix.network() && a != prefix.broadcast(),
                  fmt::format("address {} is the network's own or its broadcast address; give a "
                              "host's address within it",
                              prefix.to_string()));
  }
  check_vlans(check, interface);
  for (const Route& route : interface.routes) {
    check_prefix(check, "route", route.destination);
    if (route.gateway.is_unspecified()) continue;
    check.require(route.gateway.is_v4() == route.destination.address.is_v4(),
                  fmt::format("route {} by way of {}: a gateway forwards its own family only",
                              route.destination.to_string(), route.gateway.to_string()));
    check.require(is_on_link(interface, route),
                  fmt::format("gateway {} is on none of our networks{}; it must be another host "
                              "of an address's prefix",
                              route.gateway.to_string(), on_vlan(route.vlan)));
  }
  check.between("interface.ranges", interface.ranges.size(), 0, kRangesMax);
  for (const AddressRange& range : interface.ranges) check_range(check, interface, range);
}

}  // namespace

Result<void> validate(const Sharding& sharding) {
  Checker check;
  check.between("sharding.count", sharding.count, 1, 1024);
  check.between("sharding.index", sharding.index, 0, sharding.count - uint64_t{1});
  if (sharding.count == 1) return check.result();
  check.between("rss_key bytes", sharding.rss_key.size(), Sharding::kKeyBytesMin,
                Sharding::kKeyBytesMax);
  check.between("rss_table entries", sharding.rss_table.size(), 1, Sharding::kTableMax);
  for (const uint16_t shard : sharding.rss_table) {
    check.between("rss_table entry", shard, 0, sharding.count - uint64_t{1});
  }
  return check.result();
}

Result<void> validate(const ShardConfig& config) {
  if (Result<void> valid = validate(config.sharding); !valid) return valid;
  Checker check;
  check_interface(check, config.interface);
  constexpr uint64_t kRecordsMax = 1u << 28;
  check.between("connections_max", config.connections_max, 1, kRecordsMax);
  check.between("half_open_max", config.half_open_max, 1, kRecordsMax);
  check.between("syn_cookies_percent", config.syn_cookies_percent, 1, 100);
  check.between("time_wait_max", config.time_wait_max, 1, kRecordsMax);
  check.between("fast_open_cookies_max", config.fast_open_cookies_max, 1, 1u << 20);
  check.between("fast_open_key_period", config.fast_open_key_period, seconds(1), kLongest);
  check.between("listeners_max", config.listeners_max, 1, 4096);
  check.between("neighbors_max", config.neighbors_max, 1, 1u << 20);
  check.between("profiles_max", config.profiles_max, 1, 65535);
  check.between("paths_max", config.paths_max, 1, 1u << 20);
  check.between("small_blocks_max", config.small_blocks_max, 1, kRecordsMax);
  check.between("large_blocks_max", config.large_blocks_max, 1, kRecordsMax);
  check.between("flight_runs_max", config.flight_runs_max, 1, kRecordsMax);
  check.between("control_frames_max", config.control_frames_max, 1, 1u << 20);
  check.between("fragmented_max", config.fragmented_max, 1, 1024);
  check.between("fragmented_per_source_max", config.fragmented_per_source_max, 1, 1024);
  check.between("reassembly_timeout", config.reassembly_timeout, kTick, seconds(600));
  check.between("reassembly_timeout_v6", config.reassembly_timeout_v6, kTick, seconds(600));
  check.between("timers_per_turn", config.timers_per_turn, 1, 1u << 20);
  check.between("frames_per_connection_per_turn", config.frames_per_connection_per_turn, 1,
                1u << 20);
  check.require(config.events_max <= 1u << 24 && (config.events_max & (config.events_max - 1)) == 0,
                fmt::format("events_max is {}; it must be 0 or a power of two up to {}",
                            config.events_max, 1u << 24));
  check.between("tso_bytes_max", config.tso_bytes_max, 0, ShardConfig::kTsoBytesMax);
  check.between("msl", config.msl, kTick, seconds(600));
  check.between("port_first", config.port_first, 1, 65535);
  check.between("port_last", config.port_last, config.port_first, 65535);
  check.between("min_pmtu", config.min_pmtu, 128, config.interface.mtu);
  check.between("path_mtu_lifetime", config.path_mtu_lifetime, kTick, kLongest);
  check.between("arp_timeout", config.arp_timeout, kTick, seconds(60));
  check.between("arp_retries", config.arp_retries, 1, 255);
  check.between("arp_lifetime", config.arp_lifetime, kTick, kLongest);
  check.between("nd_reachable_time", config.nd_reachable_time, kTick, kLongest);
  return check.result();
}

Result<void> validate(const TcpOptions& options) {
  Checker check;
  constexpr uint64_t kBufferMax = uint64_t{65535} << 14;  // RFC 7323 section 2.3
  check.between("send_buffer_bytes", options.send_buffer_bytes, 1, kBufferMax);
  check.between("receive_buffer_bytes", options.receive_buffer_bytes, 1, kBufferMax);
  if (options.mss_max != 0) {
    check.between("mss_max", options.mss_max, 64, 8960);
  }
  check.between("delayed_ack_timeout", options.delayed_ack_timeout, kTick, milliseconds(499));
  check.between("initial_window_segments", options.initial_window_segments, 1, 1000);
  check.between("rto_min", options.rto_min, kTick, seconds(60));
  check.between("rto_max", options.rto_max, options.rto_min, kLongest);
  check.between("rto_initial", options.rto_initial, kTick, options.rto_max);
  check.between("synack_retries", options.synack_retries, 0, tcp::HalfOpen::kRetriesMax);
  check.between("data_retries", options.data_retries, 1, 255);
  check.between("user_timeout", options.user_timeout, Duration{}, kLongest);
  check.between("dscp", options.dscp, 0, 63);
  if (options.pacing_rate_max != 0) {
    check.between("pacing_rate_max", options.pacing_rate_max, 1000, 1'000'000'000'000);
  }
  check.between("keepalive_idle", options.keepalive_idle, kTick, kLongest);
  check.between("keepalive_interval", options.keepalive_interval, kTick, kLongest);
  check.between("keepalive_probes", options.keepalive_probes, 1, 255);
  check.between("fast_open_queue", options.fast_open_queue, 1, 1u << 28);
  check.between("fin_wait2_timeout", options.fin_wait2_timeout, kTick, kLongest);
  return check.result();
}

}  // namespace millrace
