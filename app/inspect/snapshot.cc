// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/snapshot.h"

#include <string>
#include <utility>

#include "cli/signals.h"

namespace millrace::inspect {
namespace {

nlohmann::json counters_of(const Counters& counters) {
  nlohmann::json json;
  for (size_t i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    json[std::string(to_string(counter))] = counters.get(counter);
  }
  return json;
}

nlohmann::json worker_of(const WorkerStats& worker) {
  return {{"turns", worker.turns},
          {"busy_turns", worker.busy_turns},
          {"busy_us", worker.busy_time.microseconds()},
          {"frames_received", worker.frames_received},
          {"bursts", worker.bursts},
          {"late_turns", worker.late_turns},
          {"longest_gap_us", worker.longest_gap.microseconds()},
          {"longest_slice_ns", worker.longest_slice.ns},
          {"handed_in", worker.handed_in},
          {"handed_out", worker.handed_out},
          {"handing_failed", worker.handing_failed}};
}

nlohmann::json use_of(const ShardUse& use) {
  return {{"connections", use.connections},
          {"half_open", use.half_open},
          {"time_wait", use.time_wait},
          {"listeners", use.listeners},
          {"neighbors", use.neighbors},
          {"small_blocks", use.small_blocks},
          {"large_blocks", use.large_blocks},
          {"loss_records", use.loss_records},
          {"timers", use.timers},
          {"control_frames", use.control_frames},
          {"flow_entries", use.flow_entries}};
}

nlohmann::json device_of(const DeviceStats& device) {
  return {{"frames_in", device.frames_in},   {"frames_out", device.frames_out},
          {"missed", device.missed},         {"tx_full", device.tx_full},
          {"tx_dropped", device.tx_dropped}, {"no_buffers", device.no_buffers},
          {"mbufs", device.mbufs},           {"mbufs_in_use", device.mbufs_in_use}};
}

}  // namespace

nlohmann::json take_snapshot(const std::vector<Engine*>& engines, const ProgramFigures& program) {
  // The first engine's device; a loopback's other end has the same frames.
  nlohmann::json json = {{"time_us", (cli::monotonic_now() - Instant{}).microseconds()},
                         {"device", device_of(engines.front()->device_stats())},
                         {"program", program ? program() : nlohmann::json::object()},
                         {"shards", nlohmann::json::array()}};
  for (const Engine* engine : engines) {
    for (size_t i = 0; i < engine->shard_count(); ++i) {
      json["shards"].push_back({{"counters", counters_of(engine->counters(i))},
                                {"worker", worker_of(engine->worker_stats(i))},
                                {"use", use_of(engine->shard_use(i))}});
    }
  }
  return json;
}

void add_stats_verb(control::Verbs& verbs, std::vector<Engine*> engines, ProgramFigures program) {
  verbs.add("stats", [engines = std::move(engines),
                      program = std::move(program)](const nlohmann::json&) {
    return Result<std::unique_ptr<control::Answer>>(control::say(take_snapshot(engines, program)));
  });
}

}  // namespace millrace::inspect
