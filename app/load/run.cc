// SPDX-License-Identifier: BSD-3-Clause
#include "load/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "cli/format.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "control/server.h"
#include "control/verbs.h"
#include "inspect/snapshot.h"
#include "inspect/ss_verb.h"

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

namespace {

CLI::Option* add_target(CLI::App& command, Ends& ends, const std::string& description) {
  return cli::add_parsed(
      command, "-t,--target", "A.B.C.D:PORT",
      [&ends](const std::string& text) -> Result<void> {
        const Result<Target> target = Target::parse(text);
        if (!target) return target.error();
        ends.targets.push_back(*target);
        return {};
      },
      description);
}

}  // namespace

void add_target_option(CLI::App& command, Ends& ends) {
  add_target(command, ends, "whom to connect to");
}

void add_targets_option(CLI::App& command, Ends& ends) {
  add_target(command, ends,
             "whom to connect to; given more than once: each in turn, and as often as it weighs, "
             "such as 10.0.0.1:80=3")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_source_option(CLI::App& command, Ends& ends) {
  cli::add_parsed(
      command, "--source,--source-range", "ADDRESSES",
      [&ends](const std::string& text) -> Result<void> {
        const Result<AddressRange> range = cli::parse_range(text);
        if (!range) return range.error();
        ends.sources.push_back(*range);
        return {};
      },
      "connect from these in turn: 10.0.0.5, 10.0.1.1-10.0.9.99, 10.0.0.0/22 (its hosts), or IPv6 "
      "likewise, a million in all; may be given more than once; unless given, from those of an "
      "--address that names several")
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

namespace {

Result<void> check_target(const IpAddress& target, const std::string& name,
                          const InterfaceConfig& interface) {
  bool routed = interface.autoconfigure != Autoconfigure::kOff && !target.is_v4();
  for (const Prefix& network : interface.addresses) {
    if (network.address == target) {
      return Error{fmt::format("--target {} is our own address; give another host's", name)};
    }
    routed = routed || network.contains(target);
  }
  for (const AddressRange& range : interface.ranges) {
    if (!range.contains(target)) continue;
    return Error{fmt::format("--target {} is one of our own addresses, {}; give another host's",
                             name, range.to_string())};
  }
  for (const Route& route : interface.routes) {
    routed = routed || route.destination.contains(target);
  }
  if (routed) return {};
  return Error{fmt::format("--target {} is on no network of ours; add --gateway or --route", name)};
}

bool is_on_link(const InterfaceConfig& interface, const IpAddress& address) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const Prefix& network) { return network.contains(address); });
}

// Addresses of sources that no network of ours contains, if there are any.
const AddressRange* off_link(const Ends& ends, const InterfaceConfig& interface) {
  for (const AddressRange& range : ends.sources) {
    if (!is_on_link(interface, range.first) || !is_on_link(interface, range.last)) return &range;
  }
  return nullptr;
}

Result<void> check_sources(const Ends& ends, const Endpoint& end,
                           const InterfaceConfig& interface) {
  const IpAddress& target = end.address;
  uint64_t count = 0;
  for (const AddressRange& range : ends.sources) {
    if (range.first.is_v4() != target.is_v4()) {
      return Error{
          fmt::format("--source {} is of another family than --target {}; give both of one",
                      range.to_string(), end.to_string())};
    }
    if (range.contains(target)) {
      return Error{fmt::format("--source {} includes the target {}; leave that out",
                               range.to_string(), target.to_string())};
    }
    const bool local = range.first.is_link_local() || range.last.is_link_local();
    if (local && !target.is_link_local() && !is_on_link(interface, target)) {
      return Error{fmt::format(
          "--source {} is of this link only, and --target {} behind a router, so no answer can "
          "come back; give addresses that are routed",
          range.to_string(), end.to_string())};
    }
    count += range.count();
  }
  if (count > cli::kAddressesMax) {
    return Error{fmt::format("--source names {} addresses in all; give {} at most", count,
                             cli::kAddressesMax)};
  }
  std::vector<AddressRange> sorted = ends.sources;
  std::sort(sorted.begin(), sorted.end(),
            [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
  const auto twice = std::adjacent_find(
      sorted.begin(), sorted.end(),
      [](const AddressRange& a, const AddressRange& b) { return a.overlaps(b); });
  if (twice == sorted.end()) return {};
  return Error{fmt::format("--source {} and --source {} have addresses in common; name each once",
                           twice->to_string(), std::next(twice)->to_string())};
}

}  // namespace

Result<void> check_ends(Ends& ends, EngineConfig& config) {
  if (ends.targets.empty()) {
    return Error{"no target was given; add --target, such as --target 10.0.0.1:80"};
  }
  InterfaceConfig& interface = config.shard.interface;
  if (config.device.kind == DeviceKind::kLoopback && interface.addresses.empty()) {
    return Error{"there are no routers on the loopback device; add --address"};
  }
  const Endpoint& first = ends.target();
  for (const Target& target : ends.targets) {
    const Endpoint& end = target.endpoint;
    if (auto ok = check_target(end.address, end.to_string(), interface); !ok) return ok;
    if (end.address.is_v4() != first.address.is_v4()) {
      return Error{fmt::format("--target {} is of another family than {}; load them one by one",
                               end.to_string(), first.to_string())};
    }
    if (config.device.kind == DeviceKind::kLoopback && end.port != first.port) {
      return Error{"the loopback's server has one port; give each --target the same"};
    }
  }
  const bool given = !ends.sources.empty();
  if (!given) {
    std::copy_if(interface.ranges.begin(), interface.ranges.end(), std::back_inserter(ends.sources),
                 [&](const AddressRange& r) { return r.first.is_v4() == first.address.is_v4(); });
  }
  for (const Target& target : ends.targets) {
    if (auto ok = check_sources(ends, target.endpoint, interface); !ok) return ok;
  }
  if (!given) return {};
  interface.ranges.insert(interface.ranges.end(), ends.sources.begin(), ends.sources.end());
  return {};
}

std::string advice_on_sources(const Ends& ends, const InterfaceConfig& interface) {
  const AddressRange* range = off_link(ends, interface);
  if (range == nullptr) return {};
  return fmt::format("; --source {} is on no network of ours: the target needs a route to it",
                     range->to_string());
}

Result<Ended> run(const cli::CommonOptions& common, const EngineConfig& config,
                  const std::vector<Target>& targets, const serve::ServeConfig& server,
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
    const IpAddress first = targets.front().endpoint.address;
    const InterfaceAddress& own = own_towards(config.shard.interface, first);
    interface.addresses.clear();
    for (const Target& target : targets) {
      const IpAddress& address = target.endpoint.address;
      const InterfaceAddress& near = own_towards(config.shard.interface, address);
      if (std::none_of(interface.addresses.begin(), interface.addresses.end(),
                       [&](const InterfaceAddress& known) { return known.address == address; })) {
        interface.addresses.emplace_back(address, near.length, near.vlan);
      }
    }
    interface.ranges.clear();
    // What is not on the server's network is behind the generator.
    const Prefix all{first.is_v4() ? IpAddress::v4(0) : IpAddress{}, 0};
    interface.routes = {{all, own.address}};
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
  control::Verbs verbs("load", common.device);
  std::vector<Engine*> engines = {engine.get()};
  if (server_engine != nullptr) engines.push_back(server_engine.get());
  inspect::add_ss_verb(verbs, engines);
  inspect::add_stats_verb(verbs, engines, {});
  auto control = control::open_control(common.control, std::move(verbs));
  if (!control) return control.error();
  if (Result<void> started = engine->start(); !started) return started.error();
  if (!common.quiet && !common.json && !watching.quiet)
    cli::say(watching.plan + engine->describe() + "\n");
  IntervalLog log(watching.interval);
  watch(common, *engine, watching, signals, log);
  engine->stop();
  while (engine->running()) signals.sleep(milliseconds(5));
  control->reset();
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
