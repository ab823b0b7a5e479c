// SPDX-License-Identifier: BSD-3-Clause
#include "scenario.h"

#include <algorithm>
#include <utility>

namespace millrace::sim {

ShardConfig shard_config(size_t host, uint64_t seed) {
  ShardConfig config;
  config.interface.mac = host_mac(host);
  config.interface.addresses = {{IpAddress::v4(host_ip(host)), 24}};
  config.connections_max = 2048;
  config.half_open_max = 2048;
  config.time_wait_max = 4096;
  config.listeners_max = 16;
  config.neighbors_max = 16;
  config.profiles_max = 256;
  config.small_blocks_max = 1u << 15;
  config.large_blocks_max = 1u << 13;
  config.control_frames_max = 1024;
  config.seed = Random(seed).fork(100 + host).next() | 1;
  return config;
}

Scenario quiet_scenario(std::string name, uint64_t seed) {
  Scenario scenario;
  scenario.name = std::move(name);
  scenario.seed = seed;
  for (size_t i = 0; i < 2; ++i) {
    scenario.hosts[i].shard = shard_config(i, seed);
    scenario.hosts[i].listeners = {TcpOptions{}, TcpOptions{}, TcpOptions{}};
  }
  return scenario;
}

void fit_for_ipv6(Scenario& scenario) {
  constexpr uint16_t kLeast = 1260;
  constexpr uint16_t kMost = 8980;
  for (HostPlan& host : scenario.hosts) {
    uint16_t& mtu = host.shard.interface.mtu;
    mtu = std::clamp(mtu, kLeast, kMost);
  }
  for (LinkConfig& link : scenario.links) {
    if (link.path_mtu != 0) link.path_mtu = std::max(link.path_mtu, kLeast);
  }
}

TcpOptions made_valid(TcpOptions options) {
  for (int i = 0; i < 24 && !validate(options).ok(); ++i) {
    options.receive_buffer_bytes = std::min(options.receive_buffer_bytes * 2, 1u << 20);
    options.send_buffer_bytes = std::min(options.send_buffer_bytes * 2, 1u << 20);
    if (options.mss_max != 0) options.mss_max = std::min<uint16_t>(options.mss_max * 2, 1460);
  }
  return options;
}

}  // namespace millrace::sim
