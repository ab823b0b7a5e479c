// SPDX-License-Identifier: BSD-3-Clause
#include "swarm.h"

#include <algorithm>
#include <utility>

namespace millrace::sim {
namespace {

constexpr uint32_t kBytesMax = 300'000;
constexpr uint64_t kTables = 0x7ab1e5;  // generators of their own: see random.h
constexpr uint64_t kOpens = 0x0be175;
constexpr uint64_t kPaths = 0x9a7435;
constexpr uint64_t kEcn = 0xec2;

EndPlan draw_end(Random& random, uint32_t bytes) {
  EndPlan end;
  end.bytes = bytes;
  switch (random.below(5)) {
    case 0:  // one byte at a time
      end.bytes = std::min<uint32_t>(bytes, 3000);
      end.write_max = 1;
      break;
    case 1:
      end.write_max = 100;
      break;
    case 2:
      end.write_max = 3000;
      break;
    default:
      end.write_min = 1000;
      end.write_max = kBytesMax;
      break;
  }
  if (random.chance(0.3)) {  // slowly, but not for longer than some seconds in all
    const int64_t writes = 1 + end.bytes / ((end.write_min + end.write_max) / 2 + 1);
    end.write_gap = random.duration(microseconds(1), seconds(5) / writes + microseconds(1));
  }
  end.send_static = random.chance(0.2);
  end.inside_callbacks = random.coin();
  end.use_close = random.coin();
  if (random.chance(0.3)) {
    end.take_less = random.pick({0.05, 0.3, 0.9});
    end.pause_max = random.pick({microseconds(100), milliseconds(5), milliseconds(30)});
  }
  if (random.chance(0.15)) {
    end.stall_at = static_cast<uint32_t>(random.below(kBytesMax / 3));
    end.stall = random.duration(milliseconds(10), seconds(8));
  }
  return end;
}

void draw_faults(Random& random, LinkConfig& link) {
  if (random.chance(0.5)) link.loss = random.pick({0.001, 0.01, 0.05, 0.2});
  if (random.chance(0.2)) {
    link.burst_begin = random.pick({0.002, 0.02});
    link.burst_end = random.pick({0.1, 0.5});
    link.burst_loss = random.pick({0.5, 1.0});
  }
  if (random.chance(0.4)) link.duplicate = random.pick({0.01, 0.1, 0.5});
  if (random.chance(0.4)) link.reorder = random.pick({0.01, 0.1, 0.5});
  link.reorder_extra = random.pick({microseconds(100), milliseconds(5), milliseconds(300)});
  if (random.chance(0.3)) link.corrupt = random.pick({0.005, 0.05});
  if (random.chance(0.2)) link.truncate = random.pick({0.005, 0.05});
  if (random.chance(0.2)) link.arp_loss = random.pick({0.1, 0.5});
  if (random.chance(0.2)) {
    const Instant begin = Instant{} + random.duration({}, seconds(5));
    link.outages.push_back({begin, begin + random.duration(milliseconds(1), seconds(3))});
  }
}

void draw_wire(Random& random, LinkConfig& link) {
  link.delay = random.pick(
      {microseconds(10), microseconds(500), milliseconds(5), milliseconds(40), milliseconds(150)});
  if (random.chance(0.4)) {
    link.bits_per_second = random.pick<uint64_t>({1'000'000, 10'000'000, 100'000'000});
    link.queue_frames = static_cast<uint32_t>(random.between(8, 120));
  }
}

// A hop that not every packet gets through: from the beginning, or at some time, or for a while.
// Where nobody tells the size it must be found by probing.
void draw_narrow_hop(Random& random, Scenario& scenario) {
  for (LinkConfig& link : scenario.links) {
    if (random.chance(0.3)) continue;
    link.path_mtu = static_cast<uint16_t>(random.between(576, 1499));
    link.narrow = random.pick({LinkConfig::Narrow::kTells, LinkConfig::Narrow::kTellsNoValue,
                               LinkConfig::Narrow::kSilent});
    if (random.coin()) link.narrow_from = Instant{} + random.duration({}, seconds(5));
    if (random.coin()) {
      link.narrow_until = link.narrow_from + random.duration(milliseconds(100), seconds(20));
    }
  }
  const auto probe = [&](TcpOptions& options) {
    options.mtu_probing = random.chance(0.3) ? MtuProbing::kAlways : MtuProbing::kBlackHole;
  };
  for (HostPlan& host : scenario.hosts) {
    for (TcpOptions& options : host.listeners) probe(options);
  }
  for (ConnectionPlan& plan : scenario.connections) probe(plan.options);
}

// Each bound is small or as it was.
void draw_tables(Random& random, ShardConfig& shard, size_t connections) {
  if (random.coin()) {
    shard.connections_max = static_cast<uint32_t>(random.between(1, connections + 2));
  }
  if (random.coin()) shard.half_open_max = static_cast<uint32_t>(random.between(1, 4));
  if (random.coin()) shard.time_wait_max = static_cast<uint32_t>(random.between(1, 4));
  if (random.coin()) shard.control_frames_max = static_cast<uint32_t>(random.between(2, 8));
  if (random.coin()) shard.neighbors_max = static_cast<uint32_t>(random.between(2, 4));
  if (random.coin()) shard.rst_per_second = static_cast<uint32_t>(random.between(1, 10));
}

// How handshakes are done.
void draw_opens(Random& random, ShardConfig& shard) {
  shard.syn_cookies = random.pick({SynCookies::kAuto, SynCookies::kAuto, SynCookies::kAuto,
                                   SynCookies::kNever, SynCookies::kAlways});
}

void draw_ecn(Random& random, Scenario& scenario, bool lossy) {
  const auto draw = [&](TcpOptions& options) {
    options.ecn = random.pick(
        {Ecn::kOff, Ecn::kPassive, Ecn::kClassic, Ecn::kClassic, Ecn::kAccurate, Ecn::kAccurate});
  };
  for (HostPlan& host : scenario.hosts) {
    for (TcpOptions& options : host.listeners) draw(options);
  }
  for (ConnectionPlan& plan : scenario.connections) draw(plan.options);
  if (!lossy) return;
  for (LinkConfig& link : scenario.links) {
    if (random.chance(0.4)) link.mark = random.pick({0.01, 0.1, 0.5, 1.0});
    link.clear_ect = random.chance(0.1);
    link.clear_ace = random.chance(0.1);
  }
}

void draw_fast_opens(Random& random, Scenario& scenario) {
  for (HostPlan& host : scenario.hosts) {
    host.shard.fast_open_key_period = random.pick({seconds(2), seconds(3600)});
    for (TcpOptions& listener : host.listeners) {
      listener.fast_open = random.chance(0.7);
      listener.fast_open_queue = random.pick({1u, 4u, 256u});
    }
  }
  for (ConnectionPlan& plan : scenario.connections) {
    plan.options.fast_open = random.chance(0.7);
    if (plan.options.fast_open && random.chance(0.7)) plan.ends[0].write_early = true;
  }
}

void draw_host(Random& random, HostPlan& host, bool lossy) {
  host.checksum_verdicts = random.chance(0.3);
  host.burst_max = random.pick<size_t>({1, 3, 64, 64});
  host.transmit_max = random.pick<size_t>({1, 3, 32, 32});
  host.turn_delay = random.pick({Duration{}, Duration{}, microseconds(50), milliseconds(1)});
  host.transmit_stall = random.pick({0.0, 0.0, 0.0, 0.1, 0.5});
  ShardConfig& shard = host.shard;
  shard.timers_per_turn = random.pick({1u, 16u, 1024u, 1024u});
  shard.frames_per_connection_per_turn = random.pick({1u, 4u, 64u, 64u});
  shard.interface.mtu = random.pick<uint16_t>({576, 1500, 1500, 1500, 9000});
  if (lossy) shard.arp_retries = 10;
  host.listeners.clear();
  for (int i = 0; i < 3; ++i) host.listeners.push_back(made_valid(draw_options(random)));
}

}  // namespace

TcpOptions draw_options(Random& random) {
  TcpOptions options;
  options.timestamps = random.chance(0.7);
  options.window_scale = random.chance(0.7);
  options.sack = random.chance(0.75);
  if (random.coin()) options.congestion = CongestionControl::kNewReno;
  options.nodelay = random.coin();
  options.delayed_ack = random.chance(0.8);
  if (random.chance(0.3)) options.delayed_ack_timeout = milliseconds(200);
  if (random.chance(0.5)) options.quick_acks = static_cast<uint8_t>(random.below(20));
  if (random.chance(0.4)) {
    options.receive_buffer_bytes = static_cast<uint32_t>(random.between(1000, 70'000));
  }
  if (random.chance(0.3)) options.receive_autotuning = false;
  if (random.chance(0.4)) {
    options.send_buffer_bytes = static_cast<uint32_t>(random.between(1000, 70'000));
  }
  if (random.chance(0.05)) {
    options.pacing_rate_max = static_cast<uint64_t>(random.between(50'000, 10'000'000));
  }
  if (random.chance(0.2)) options.mss_max = static_cast<uint16_t>(random.between(88, 1460));
  if (random.chance(0.2)) {
    options.keepalive = true;
    options.keepalive_idle = random.duration(seconds(1), seconds(10));
    options.keepalive_interval = seconds(1);
  }
  return options;
}

ConnectionPlan draw_connection(Random& random, uint32_t bytes_max) {
  ConnectionPlan plan;
  plan.options = draw_options(random);
  plan.listener = static_cast<uint8_t>(random.below(3));
  if (random.chance(0.3)) std::swap(plan.client_host, plan.server_host);
  for (EndPlan& end : plan.ends) {
    uint32_t bytes = static_cast<uint32_t>(random.skewed(bytes_max));
    if (random.chance(0.1)) bytes = 0;
    if (plan.options.mss_max != 0) bytes = std::min<uint32_t>(bytes, plan.options.mss_max * 300u);
    end = draw_end(random, bytes);
  }
  plan.ends[0].write_early = random.chance(0.2);
  if (random.chance(0.4) && plan.ends[0].bytes != 0 && plan.ends[1].bytes != 0) {
    plan.rounds = static_cast<uint32_t>(
        random.between(1, std::min({plan.ends[0].bytes, plan.ends[1].bytes, 30u})));
    for (EndPlan& end : plan.ends) end.bytes -= end.bytes % plan.rounds;
  }
  // At most one end waits for the other's FIN.
  const size_t first = random.below(2);
  plan.ends[first].close_when = random.pick({CloseWhen::kSent, CloseWhen::kReceived});
  plan.ends[1 - first].close_when =
      random.pick({CloseWhen::kSent, CloseWhen::kReceived, CloseWhen::kPeer, CloseWhen::kPeer});
  return plan;
}

Scenario swarm_scenario(uint64_t seed, Faults faults) {
  Scenario scenario = quiet_scenario("Swarm", seed);
  Random random = Random(seed).fork(0x5ca1ab1e);
  const bool lossy = faults == Faults::kDrawn;

  draw_wire(random, scenario.links[0]);
  scenario.links[1] = scenario.links[0];
  if (random.chance(0.3)) draw_wire(random, scenario.links[1]);
  if (lossy) {
    draw_faults(random, scenario.links[0]);
    if (random.coin()) {
      draw_faults(random, scenario.links[1]);
    } else {
      scenario.links[1].loss = scenario.links[0].loss;
    }
    scenario.faults_end = Instant{} + random.duration(milliseconds(100), seconds(15));
    if (random.chance(0.15)) scenario.noise = 0.03;
  }
  for (HostPlan& host : scenario.hosts) draw_host(random, host, lossy);
  if (random.chance(0.3)) {
    const Duration msl = random.duration(milliseconds(200), seconds(5));
    for (HostPlan& host : scenario.hosts) host.shard.msl = msl;
  }

  const size_t count = 1 + random.skewed(29);
  const bool all_at_once = random.coin();
  const bool aborts = lossy && random.chance(0.3);
  const bool odd_opens = random.chance(0.3);
  const uint32_t bytes_max = kBytesMax / static_cast<uint32_t>(count < 4 ? 1 : count / 2);
  for (size_t i = 0; i < count; ++i) {
    ConnectionPlan plan = draw_connection(random, bytes_max);
    plan.options = made_valid(plan.options);
    if (!all_at_once) plan.start = Instant{} + random.duration({}, seconds(6));
    if (odd_opens) {
      plan.refused = random.chance(0.1);
      plan.unreachable = !plan.refused && random.chance(0.1);
      plan.simultaneous = !plan.refused && !plan.unreachable && random.chance(0.3);
      if (plan.simultaneous) {
        plan.client_host = 0;
        plan.server_host = 1;
      }
    }
    if (aborts && random.chance(0.3)) {
      EndPlan& end = plan.ends[random.below(2)];
      end.abort_how = random.pick({AbortHow::kAbort, AbortHow::kClose});
      end.abort_after = random.duration({}, random.pick({milliseconds(1), seconds(1), seconds(5)}));
    }
    scenario.connections.push_back(plan);
  }
  if (random.chance(0.1)) {  // tuples are used again
    scenario.ports_scarce = true;
    for (HostPlan& host : scenario.hosts) {
      host.shard.port_first = 40000;
      host.shard.port_last = static_cast<uint16_t>(40000 + random.below(count + 4));
    }
  }
  if (lossy && random.chance(0.05)) {
    scenario.tight_memory = true;
    for (HostPlan& host : scenario.hosts) {
      host.shard.small_blocks_max = static_cast<uint32_t>(random.between(32, 512));
      host.shard.large_blocks_max = static_cast<uint32_t>(random.between(8, 64));
    }
  }
  Random ecn = Random(seed).fork(kEcn);
  draw_ecn(ecn, scenario, lossy);
  Random tables = Random(seed).fork(kTables);
  if (lossy && tables.chance(0.1)) {
    scenario.tight_tables = true;
    for (HostPlan& host : scenario.hosts) draw_tables(tables, host.shard, count);
  }
  Random opens = Random(seed).fork(kOpens);
  for (HostPlan& host : scenario.hosts) draw_opens(opens, host.shard);
  Random paths = Random(seed).fork(kPaths);
  if (lossy && paths.chance(0.15)) draw_narrow_hop(paths, scenario);
  if (opens.chance(0.3)) draw_fast_opens(opens, scenario);
  return scenario;
}

}  // namespace millrace::sim
