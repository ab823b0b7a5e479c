// SPDX-License-Identifier: BSD-3-Clause
#include "load/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/config_file.h"
#include "cli/format.h"
#include "load/latency.h"

namespace millrace::load {
namespace {

constexpr std::array<std::string_view, kLatencyCount> kLatencyMeanings = {
    "SYN to SYN-ACK, repeated SYNs included",
    "a connection was due until its SYN-ACK (open loop)",
    "request to first byte of its response",
    "request to last byte of its response",
    "an arrival was due until the last byte of its response (open loop)",
    "FIN to last ACK",
    "an arrival was due until it left (open loop)"};

std::vector<Metric> make_metrics() {
  std::vector<Metric> all = {
      {"failures", Unit::kCount, "connections that failed; asked for, it takes the place of 0"},
      {"unexplained", Unit::kCount, "what the laws of the counts leave over"},
      {"skipped", Unit::kCount, "arrivals that were given up, for whatever reason"},
      {"retransmissions", Unit::kCount, "segments sent again"},
      {"syn_retransmissions", Unit::kCount, "of them, with SYN"},
      {"drops", Unit::kCount, "received frames that were not used, all reasons"},
      {"seconds", Unit::kNumber, "for how long load was offered"},
      {"connections.launched", Unit::kCount, "connections begun", true},
      {"connections.established", Unit::kCount, "handshakes completed", true},
      {"connections.completed", Unit::kCount, "connections that did what they were meant to", true},
      {"connections.drained", Unit::kCount, "cut short by the end of the run"},
      {"connections.per_second", Unit::kRate, "completed in a second", true},
      {"connections.frames_each.out", Unit::kNumber, "frames sent for a connection"},
      {"connections.frames_each.in", Unit::kNumber, "frames received for a connection"},
      {"requests.sent", Unit::kCount, "requests", true},
      {"requests.completed", Unit::kCount, "responses that were complete and good", true},
      {"requests.failed", Unit::kCount, "requests that went down with their connection"},
      {"requests.per_second", Unit::kRate, "completed in a second", true},
      {"arrivals.scheduled", Unit::kCount, "open loop: arrivals whose time came", true},
      {"bytes.sent", Unit::kCount, "of the application", true},
      {"bytes.received", Unit::kCount, "of the application", true},
      {"held.open", Unit::kCount, "cc, teardown: connections open when all were", true},
      {"held.built_seconds", Unit::kNumber, "cc, teardown: until all were open"},
      {"held.closes_per_second", Unit::kRate, "teardown: connections closed in a second", true},
      {"half_open.sent", Unit::kCount, "half-open: SYNs beside the clients", true},
      {"half_open.syn_ack", Unit::kCount, "half-open: of them answered by SYN-ACK", true},
      {"bits_per_second.up", Unit::kBits, "throughput: acknowledged", true},
      {"bits_per_second.down", Unit::kBits, "throughput: received", true},
      {"syns.sent", Unit::kCount, "syn: SYNs", true},
      {"syns.per_second", Unit::kRate, "syn: SYNs in a second", true},
      {"answers.syn_ack", Unit::kCount, "syn: answered by SYN-ACK", true},
      {"answers.rst", Unit::kCount, "syn: answered by RST"},
      {"answers.none", Unit::kCount, "syn: not answered"},
      {"answers.per_second", Unit::kRate, "syn: answers in a second", true},
  };
  for (size_t i = 0; i < kLatencyCount; ++i) {
    const std::string name(to_string(static_cast<Latency>(i)));
    const std::string meaning(kLatencyMeanings[i]);
    all.push_back({name + ".count", Unit::kCount, meaning, true});
    for (const std::string_view figure : {"min", "mean", "max"}) {
      all.push_back({fmt::format("{}.{}", name, figure), Unit::kTime, meaning});
    }
    for (const std::string_view percent : kPercentNames) {
      all.push_back({fmt::format("{}.{}", name, percent), Unit::kTime, meaning});
    }
  }
  return all;
}

const nlohmann::json* at(const nlohmann::json& report, std::string_view path) {
  const nlohmann::json* node = &report;
  while (!path.empty()) {
    const size_t dot = std::min(path.find('.'), path.size());
    const auto found =
        node->is_object() ? node->find(std::string(path.substr(0, dot))) : node->end();
    if (!node->is_object() || found == node->end()) return nullptr;
    node = &*found;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return node;
}

// The sum of an object's numbers whose names begin with `prefix`, without their signs.
std::optional<double> sum_of(const nlohmann::json* object, std::string_view prefix) {
  if (object == nullptr || !object->is_object()) return std::nullopt;
  double sum = 0;
  for (const auto& [name, value] : object->items()) {
    if (value.is_number() && name.starts_with(prefix)) sum += std::abs(value.get<double>());
  }
  return sum;
}

std::string with_underscores(std::string_view name) {
  std::string out(name);
  const size_t dot = out.rfind('.');
  const size_t percent = out.find(".p9");
  if (dot != std::string::npos && percent != std::string::npos && dot > percent) out[dot] = '_';
  return out;
}

}  // namespace

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> kAll = make_metrics();
  return kAll;
}

const Metric* find_metric(std::string_view name) {
  const std::string wanted = with_underscores(name);
  const auto found = std::find_if(metrics().begin(), metrics().end(),
                                  [&](const Metric& m) { return m.name == wanted; });
  return found == metrics().end() ? nullptr : &*found;
}

std::string nearest_metric(std::string_view name) {
  std::vector<std::string> names;
  for (const Metric& metric : metrics()) names.push_back(metric.name);
  return cli::nearest_name(name, names);
}

std::optional<double> value_of(const Metric& metric, const nlohmann::json& report) {
  if (metric.name == "failures") {
    const nlohmann::json* failed = at(report, "connections.failed");
    return failed == nullptr ? std::nullopt : std::optional(failed->get<double>());
  }
  if (metric.name == "unexplained") return sum_of(at(report, "unexplained"), "");
  if (metric.name == "skipped") return sum_of(at(report, "arrivals"), "skipped");
  if (metric.name == "drops") return sum_of(at(report, "stack.drops"), "");
  const bool latency = metric.unit == Unit::kTime || metric.name.ends_with(".count");
  const nlohmann::json* value =
      latency ? at(report, "latency_us." + metric.name) : at(report, metric.name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  if (metric.unit == Unit::kTime) {  // of nothing there is no time
    const std::string name = metric.name.substr(0, metric.name.find('.'));
    const nlohmann::json* count = at(report, "latency_us." + name + ".count");
    if (count == nullptr || *count == 0) return std::nullopt;
  }
  return value->get<double>();
}

std::string format_value(Unit unit, double value) {
  switch (unit) {
    case Unit::kCount:
      return cli::format_count(static_cast<uint64_t>(value));
    case Unit::kRate:
      return cli::format_rate(value);
    case Unit::kBits:
      return cli::format_bit_rate(value / 8);
    case Unit::kTime:
      return cli::format_duration({std::llround(value * 1000)});
    case Unit::kNumber:
      return fmt::format("{:.2f}", value);
  }
  return "";
}

std::string metrics_help() {
  std::string out =
      "--require 'NAME OP VALUE' with OP one of < <= > >= = !=. Times have a unit (2ms, 150us),\n"
      "counts and rates may have k, M or G (powers of 1000). Unless failures or "
      "connections.failed\n"
      "is asked for, none may fail. What was not measured meets no requirement.\n\n";
  for (const Metric& metric : metrics()) {
    if (metric.unit == Unit::kTime || metric.name.ends_with(".count")) continue;
    out += fmt::format("  {:<30}{}\n", metric.name, metric.meaning);
  }
  out +=
      "\nlengths of time, each with .count .min .mean .p50 .p75 .p90 .p95 .p99 .p99.9 .p99.99 "
      ".max\n\n";
  for (size_t i = 0; i < kLatencyCount; ++i) {
    out += fmt::format("  {:<30}{}\n", to_string(static_cast<Latency>(i)), kLatencyMeanings[i]);
  }
  return out;
}

}  // namespace millrace::load
