// SPDX-License-Identifier: BSD-3-Clause
#include "load/report_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/format.h"
#include "load/figures.h"
#include "load/hdr_text.h"

namespace millrace::load {
namespace {

double microseconds_of(Duration d) { return static_cast<double>(d.ns) / 1e3; }

double per_connection(const TallySnapshot& totals, Count frames) {
  return static_cast<double>(totals.get(frames)) /
         static_cast<double>(totals.get(Count::kLaunched));
}

// "connect from schedule"
std::string spoken(Latency latency) {
  std::string name(to_string(latency));
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

}  // namespace

std::string latency_table(const Latencies& latencies) {
  std::string out = fmt::format("\n{:<24}{:>13}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "latency",
                                "count", "min", "p50", "p90", "p99", "p99.9", "max");
  for (size_t i = 0; i < kLatencyCount; ++i) {
    const auto latency = static_cast<Latency>(i);
    const Histogram& times = latencies.of(latency);
    const uint64_t count = times.count();
    if (count == 0) continue;
    fmt::format_to(std::back_inserter(out), "  {:<22}{:>13}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
                   spoken(latency), cli::format_count(count), cli::format_duration(times.min()),
                   cli::format_duration(times.percentile(50)),
                   cli::format_duration(times.percentile(90)),
                   cli::format_duration(times.percentile(99)),
                   cli::format_duration(times.percentile(99.9)), cli::format_duration(times.max()));
  }
  return out;
}

nlohmann::json to_json(const LatencySummary& summary) {
  nlohmann::json json = {{"count", summary.count},
                         {"min", microseconds_of(summary.min)},
                         {"mean", microseconds_of(summary.mean)},
                         {"max", microseconds_of(summary.max)}};
  for (size_t i = 0; i < kPercentNames.size(); ++i) {
    json[std::string(kPercentNames[i])] = microseconds_of(summary.percentiles[i]);
  }
  return json;
}

nlohmann::json latency_json(const Latencies& latencies) {
  nlohmann::json json;
  for (size_t i = 0; i < kLatencyCount; ++i) {
    const auto latency = static_cast<Latency>(i);
    json[std::string(to_string(latency))] = to_json(summarize(latencies.of(latency)));
  }
  return json;
}

nlohmann::json histograms_json(const Latencies& latencies) {
  nlohmann::json json = nlohmann::json::object();
  for (size_t i = 0; i < kLatencyCount; ++i) {
    const auto latency = static_cast<Latency>(i);
    const Histogram& times = latencies.of(latency);
    if (times.count() != 0) json[std::string(to_string(latency))] = encode_hdr(times);
  }
  return json;
}

nlohmann::json to_json(const Interval& interval) {
  const TallySnapshot& gained = interval.gained;
  nlohmann::json latency = nlohmann::json::object();
  for (size_t i = 0; i < kLatencyCount; ++i) {
    const LatencySummary& summary = interval.latencies[i];
    if (summary.count != 0)
      latency[std::string(to_string(static_cast<Latency>(i)))] = to_json(summary);
  }
  return {
      {"from", interval.from.seconds()},
      {"seconds", interval.length.seconds()},
      {"connections",
       {{"launched", gained.get(Count::kLaunched)},
        {"established", gained.get(Count::kEstablished)},
        {"completed", gained.get(Count::kCompleted)},
        {"failed", gained.failed()},
        {"drained", gained.get(Count::kDrained)},
        {"open", interval.open}}},
      {"requests",
       {{"sent", gained.get(Count::kRequests)},
        {"completed", gained.get(Count::kResponses)},
        {"failed", gained.get(Count::kRequestsFailed)},
        {"drained", gained.get(Count::kRequestsDrained)}}},
      {"arrivals", {{"scheduled", gained.get(Count::kScheduled)}, {"skipped", gained.skipped()}}},
      {"bytes",
       {{"sent", gained.get(Count::kBytesSent)}, {"received", gained.get(Count::kBytesReceived)}}},
      {"frames",
       {{"sent", gained.get(Count::kFramesSent)},
        {"received", gained.get(Count::kFramesReceived)}}},
      {"retransmissions", gained.get(Count::kRetransmissions)},
      {"syn_retransmissions", gained.get(Count::kSynRetransmissions)},
      {"latency_us", std::move(latency)}};
}

nlohmann::json frames_json(const TallySnapshot& totals) {
  if (totals.get(Count::kLaunched) == 0) return nullptr;
  return {{"out", per_connection(totals, Count::kFramesSent)},
          {"in", per_connection(totals, Count::kFramesReceived)}};
}

std::string frames_line(const TallySnapshot& totals) {
  if (totals.get(Count::kLaunched) == 0) return "";
  return fmt::format("{:<18}{:>15.2f} out, {:.2f} in\n", "frames/connection",
                     per_connection(totals, Count::kFramesSent),
                     per_connection(totals, Count::kFramesReceived));
}

void add_measured(nlohmann::json& json, const Reading& all, const std::vector<Interval>* intervals,
                  const Verdict& verdict, const cli::CounterTotals& counters,
                  const EngineReport& engine) {
  json["latency_us"] = latency_json(all.latencies);
  json["histograms"] = histograms_json(all.latencies);
  json["intervals"] = nlohmann::json::array();
  if (intervals != nullptr) {
    for (const Interval& interval : *intervals) json["intervals"].push_back(to_json(interval));
  }
  json["verdict"] = to_json(verdict);
  json["stack"] = cli::stack_totals_to_json(counters, engine);
}

}  // namespace millrace::load
