// SPDX-License-Identifier: BSD-3-Clause
#include "load/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "cli/format.h"
#include "cli/print.h"
#include "cli/signals.h"

namespace millrace::load {
namespace {

// What happens meanwhile: the log of intervals, and a line for each.
void watch(const cli::CommonOptions& common, Engine& engine, const Watching& w,
           const cli::StopSignals& signals, IntervalLog& log) {
  const bool live = cli::wants_live_line(common) && !w.quiet;
  while (engine.running() && signals.count() == 0) {
    Instant now = cli::monotonic_now();
    signals.sleep(std::clamp(log.next() - now, milliseconds(1), milliseconds(50)));
    if (!w.observed.running()) continue;
    if (!log.started()) log.start(w.observed.began());
    now = cli::monotonic_now();
    if (now < log.next()) continue;
    const Interval& interval = log.take(now, w.observed.reading());
    w.json_lines.add(interval, log.last_latencies());
    if (!live) continue;
    cli::say(fmt::format("{:>8}  {}\n", cli::format_duration(interval.from + interval.length),
                         w.line(interval)));
  }
}

}  // namespace

void add_target_option(CLI::App& command, Ends& ends) {
  cli::add_endpoint(command, "-t,--target", ends.target, "whom to connect to");
}

void add_source_option(CLI::App& command, Ends& ends) {
  cli::add_parsed(
      command, "--source,--source-range", "ADDRESS/LEN",
      [&ends](const std::string& text) -> Result<void> {
        const Result<Prefix> range = Prefix::parse(text);
        if (!range || range->length < (range->address.is_v4() ? 8 : 64)) {
          return Error{
              "give a range of addresses, such as 10.0.1.0/24 (from /8 on) or 2001:db8:1::/112 "
              "(from /64 on)"};
        }
        ends.sources.push_back(*range);
        return {};
      },
      "connect from all addresses of this range; may be given more than once")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

const InterfaceAddress& own_towards(const InterfaceConfig& interface, const IpAddress& target) {
  const InterfaceAddress* best = nullptr;
  for (const InterfaceAddress& own : interface.addresses) {
    if (own.contains(target)) return own;
    if (best == nullptr && own.address.is_v4() == target.is_v4()) best = &own;
  }
  return best == nullptr ? interface.addresses.front() : *best;
}

Result<void> check_ends(const Ends& ends, EngineConfig& config) {
  if (!ends.target) {
    return Error{"no target was given; add --target, such as --target 10.0.0.1:80"};
  }
  const IpAddress& target = ends.target->address;
  if (config.device.kind == DeviceKind::kLoopback && config.shard.interface.addresses.empty()) {
    return Error{"there are no routers on the loopback device; add --address"};
  }
  bool routed = config.shard.interface.autoconfigure != Autoconfigure::kOff && !target.is_v4();
  for (const Prefix& network : config.shard.interface.addresses) {
    if (network.address == target) {
      return Error{fmt::format("--target {} is our own address; give another host's",
                               ends.target->to_string())};
    }
    routed = routed || network.contains(target);
  }
  for (const Route& route : config.shard.interface.routes) {
    routed = routed || route.destination.contains(target);
  }
  if (!routed) {
    return Error{fmt::format("--target {} is on no network of ours; add --gateway or --route",
                             ends.target->to_string())};
  }
  for (const Prefix& range : ends.sources) {
    if (range.address.is_v4() == target.is_v4()) continue;
    return Error{fmt::format("--source {} is of another family than --target {}; give both of one",
                             range.to_string(), ends.target->to_string())};
  }
  config.shard.interface.source_ranges = ends.sources;
  return {};
}

Result<Ended> run(const cli::CommonOptions& common, const EngineConfig& config,
                  const Endpoint& target, const serve::ServeConfig& server,
                  const std::vector<Program*>& programs, const Watching& watching) {
  cli::StopSignals signals;
  std::vector<std::unique_ptr<serve::ServeProgram>> servers;
  std::vector<Program*> server_programs;
  for (size_t i = 0; i < programs.size(); ++i) {
    servers.push_back(std::make_unique<serve::ServeProgram>(server));
    server_programs.push_back(servers.back().get());
  }
  std::unique_ptr<Engine> server_engine;
  std::unique_ptr<Engine> engine;
  if (config.device.kind == DeviceKind::kLoopback) {
    EngineConfig server_config = config;
    InterfaceConfig& interface = server_config.shard.interface;
    const InterfaceAddress& own = own_towards(config.shard.interface, target.address);
    interface.addresses = {{target.address, own.length, own.vlan}};
    interface.source_ranges.clear();
    interface.routes.clear();
    // Sources that are not on the server's network are behind the generator.
    for (const Prefix& range : config.shard.interface.source_ranges) {
      if (interface.addresses.front().contains(range.address)) continue;
      interface.routes.push_back({{range.network(), range.length}, own.address});
    }
    auto engines = Engine::create_loopback(server_config, server_programs, config, programs);
    if (!engines) return engines.error();
    server_engine = std::move(engines->first);
    engine = std::move(engines->second);
    if (Result<void> started = server_engine->start(); !started) return started.error();
  } else {
    Result<std::unique_ptr<Engine>> created = Engine::create(config, programs);
    if (!created) return created.error();
    engine = std::move(*created);
  }
  if (Result<void> started = engine->start(); !started) return started.error();
  if (!common.quiet && !common.json && !watching.quiet) cli::say(engine->describe() + "\n");
  IntervalLog log(watching.interval);
  watch(common, *engine, watching, signals, log);
  engine->stop();
  Ended ended;
  ended.engine = engine->finish();
  ended.leaked = cli::leaked(ended.engine, ended.complaints);
  if (server_engine != nullptr) {
    server_engine->stop();
    ended.leaked = cli::leaked(server_engine->finish(), ended.complaints) || ended.leaked;
  }
  ended.counters = cli::collect_counters(*engine);
  const Observed& observed = watching.observed;
  if (!log.started() && observed.began() != Instant::never()) log.start(observed.began());
  if (log.started()) {
    const Instant end = observed.began() + observed.ran_for();
    if (const Interval* rest = log.take_rest(end, observed.reading())) {
      watching.json_lines.add(*rest, log.last_latencies());
    }
  }
  ended.intervals = log.intervals();
  return ended;
}

}  // namespace millrace::load
