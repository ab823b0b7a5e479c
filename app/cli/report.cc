// SPDX-License-Identifier: BSD-3-Clause
#include "cli/report.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/format.h"

namespace millrace::cli {
namespace {

struct Named {
  const char* name;
  uint64_t value;
};

// What a shard still held, by the names of ShardUse. Neighbours and listeners are meant to stay,
// TIME-WAIT records outlive a run by design.
std::vector<Named> held(const ShardUse& use) {
  return {{"connections", use.connections},      {"half_open", use.half_open},
          {"small_blocks", use.small_blocks},    {"large_blocks", use.large_blocks},
          {"loss_records", use.loss_records},    {"timers", use.timers},
          {"control_frames", use.control_frames}};
}

std::vector<Named> device_losses(const DeviceStats& device) {
  return {{"missed", device.missed},
          {"tx_full", device.tx_full},
          {"tx_dropped", device.tx_dropped},
          {"no_buffers", device.no_buffers}};
}

// What a person can do something about: an address of ours that another host has, a gateway that
// does not answer.
std::string format_link_troubles(const ShardUse& use) {
  std::string out;
  const auto more = [](uint32_t count) {
    return count > 1 ? fmt::format(" (and {} more)", count - 1) : std::string();
  };
  if (use.addresses_duplicate != 0) {
    fmt::format_to(std::back_inserter(out),
                   "  address {}{} is another host's: it was not used; give one that is free\n",
                   use.address_duplicate.to_string(), more(use.addresses_duplicate));
  }
  if (use.gateways_lost != 0) {
    fmt::format_to(std::back_inserter(out),
                   "  gateway {}{} did not answer any more: check that it is up\n",
                   use.gateway_lost.to_string(), more(use.gateways_lost));
  }
  return out;
}

bool is_drop(size_t counter) { return counter >= static_cast<size_t>(kFirstDrop); }

// ", 17 frames from other workers, 20 to them".
std::string steering_text(const WorkerStats& worker) {
  std::string text = fmt::format(", {} frames from other workers, {} to them",
                                 format_count(worker.handed_in), format_count(worker.handed_out));
  if (worker.handing_failed != 0) {
    text += fmt::format(", {} dropped on the way", format_count(worker.handing_failed));
  }
  if (worker.hashes_wrong != 0) text += "; the device hashes otherwise than it was told";
  return text;
}

std::string_view name_of(size_t counter) { return to_string(static_cast<Counter>(counter)); }

}  // namespace

uint64_t CounterTotals::drops() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < kCounterCount; ++i) sum += is_drop(i) ? values[i] : 0;
  return sum;
}

CounterTotals collect_counters(const Engine& engine) {
  CounterTotals totals;
  for (size_t shard = 0; shard < engine.shard_count(); ++shard) {
    const Counters& counters = engine.counters(shard);
    for (size_t i = 0; i < kCounterCount; ++i) {
      totals.values[i] += counters.get(static_cast<Counter>(i));
    }
  }
  return totals;
}

std::string format_stack_totals(const CounterTotals& totals, const EngineReport& report) {
  std::string out;
  const auto line = [&](std::string_view name, uint64_t value) {
    if (value != 0) {
      fmt::format_to(std::back_inserter(out), "  {:<26} {:>15}\n", name, format_count(value));
    }
  };
  for (const Counter counter :
       {Counter::kTcpInSegs, Counter::kTcpOutSegs, Counter::kTcpRetransSegs,
        Counter::kTcpExtTCPTimeouts, Counter::kTcpExtTCPFastRetrans, Counter::kTcpExtTCPSynRetrans,
        Counter::kTcpEstabResets, Counter::kTcpAttemptFails, Counter::kTcpOutRsts,
        Counter::kTcpExtListenOverflows, Counter::kTcpExtTCPTimeWaitOverflow,
        Counter::kArpConflicts, Counter::kNdConflicts, Counter::kAddressDuplicates,
        Counter::kGatewaysLost, Counter::kGatewaysBack}) {
    line(to_string(counter), totals.get(counter));
  }
  for (size_t i = 0; i < kCounterCount; ++i) {
    if (is_drop(i)) line(name_of(i), totals.values[i]);
  }
  for (const Named& loss : device_losses(report.device)) {
    line(fmt::format("device {}", loss.name), loss.value);
  }
  for (size_t i = 0; i < report.workers.size(); ++i) {
    const WorkerStats& worker = report.workers[i];
    fmt::format_to(
        std::back_inserter(out), "  worker {}: busy in {} of its turns, longest pause {}", i,
        format_share(worker.busy_turns, worker.turns), format_duration(worker.longest_gap));
    if (report.workers.size() > 1) out += steering_text(worker);
    out += '\n';
  }
  fmt::format_to(std::back_inserter(out), "  {:<26} {:>15}\n", "mbufs missing",
                 format_count(report.mbufs_missing));
  for (const ShardUse& use : report.left) out += format_link_troubles(use);
  if (!report.drained) {
    out += "  connections that did not close within --drain-timeout were reset\n";
  }
  return out;
}

bool leaked(const EngineReport& report, std::string& out) {
  const size_t before = out.size();
  if (report.mbufs_missing != 0) {
    fmt::format_to(std::back_inserter(out),
                   "millrace: {} mbufs were not given back; please report this\n",
                   report.mbufs_missing);
  }
  for (size_t shard = 0; shard < report.left.size(); ++shard) {
    for (const Named& kind : held(report.left[shard])) {
      if (kind.value == 0) continue;
      fmt::format_to(std::back_inserter(out),
                     "millrace: shard {} still holds {} {}; please report this\n", shard,
                     kind.value, kind.name);
    }
  }
  return out.size() != before;
}

nlohmann::json stack_totals_to_json(const CounterTotals& totals, const EngineReport& report) {
  nlohmann::json json;
  nlohmann::json& counters = json["counters"] = nlohmann::json::object();
  nlohmann::json& drops = json["drops"] = nlohmann::json::object();
  for (size_t i = 0; i < kCounterCount; ++i) {
    if (totals.values[i] == 0) continue;
    (is_drop(i) ? drops : counters)[std::string(name_of(i))] = totals.values[i];
  }
  json["device"] = {{"frames_in", report.device.frames_in},
                    {"frames_out", report.device.frames_out}};
  for (const Named& loss : device_losses(report.device)) json["device"][loss.name] = loss.value;
  json["workers"] = nlohmann::json::array();
  for (const WorkerStats& worker : report.workers) {
    json["workers"].push_back({{"turns", worker.turns},
                               {"busy_turns", worker.busy_turns},
                               {"busy_us", worker.busy_time.microseconds()},
                               {"frames_received", worker.frames_received},
                               {"late_turns", worker.late_turns},
                               {"handed_in", worker.handed_in},
                               {"handed_out", worker.handed_out},
                               {"handing_failed", worker.handing_failed},
                               {"hashes_checked", worker.hashes_checked},
                               {"hashes_wrong", worker.hashes_wrong},
                               {"longest_gap_us", worker.longest_gap.microseconds()}});
  }
  nlohmann::json leaks = {{"mbufs", report.mbufs_missing}};
  for (const ShardUse& use : report.left) {
    for (const Named& kind : held(use)) {
      leaks[kind.name] = leaks.value(kind.name, uint64_t{0}) + kind.value;
    }
  }
  json["leaks"] = std::move(leaks);
  json["duplicate_addresses"] = nlohmann::json::array();
  json["lost_gateways"] = nlohmann::json::array();
  for (const ShardUse& use : report.left) {
    if (use.addresses_duplicate != 0) {
      json["duplicate_addresses"].push_back(use.address_duplicate.to_string());
    }
    if (use.gateways_lost != 0) json["lost_gateways"].push_back(use.gateway_lost.to_string());
  }
  json["drained"] = report.drained;
  return json;
}

}  // namespace millrace::cli
