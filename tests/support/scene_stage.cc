// SPDX-License-Identifier: BSD-3-Clause
#include <cstdlib>
#include <utility>

#include "support/scene.h"

namespace millrace::test {

Stage::Stage() {
  tcp.timestamps = false;
  tcp.window_scale = false;
  tcp.quick_acks = 0;
  tcp.congestion = CongestionControl::kNewReno;
  tcp.receive_buffer_bytes = 65535;
  tcp.receive_autotuning = false;
  tcp.send_buffer_bytes = 65536;
  shard.interface.mac = kLocalMac;
  shard.interface.addresses = {Prefix{IpAddress::v4(kLocalIp), 24}};
  shard.connections_max = 64;
  shard.half_open_max = 64;
  shard.time_wait_max = 64;
  shard.listeners_max = 8;
  shard.neighbors_max = 16;
  shard.profiles_max = 8;
  shard.small_blocks_max = 1024;
  shard.large_blocks_max = 256;
  shard.control_frames_max = 64;
  const char* seed = std::getenv("MILLRACE_SEED");
  shard.seed = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
}

Stage& Stage::timestamps() { return tcp.timestamps = true, *this; }
Stage& Stage::window_scale(int peer_shift) {
  tcp.window_scale = true;
  peer_window_shift = peer_shift;
  return *this;
}
Stage& Stage::keepalive(int64_t idle_ms, int64_t interval_ms, uint8_t probes) {
  tcp.keepalive = true;
  tcp.keepalive_idle = milliseconds(idle_ms);
  tcp.keepalive_interval = milliseconds(interval_ms);
  tcp.keepalive_probes = probes;
  return *this;
}

Stage server() { return {}; }
Stage client() {
  Stage setup;
  setup.active = true;
  setup.local_port = 40000;
  setup.peer_port = 80;
  return setup;
}
Stage established() { return in_state("ESTABLISHED"); }
Stage established_client() {
  Stage setup = client();
  setup.state = "ESTABLISHED";
  return setup;
}
Stage in_state(std::string state) {
  Stage setup;
  if (state == "SYN-SENT" || state == "SYN-RECEIVED-SIMULTANEOUS") setup = client();
  setup.state = std::move(state);
  return setup;
}

}  // namespace millrace::test
