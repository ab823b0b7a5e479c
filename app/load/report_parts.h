// SPDX-License-Identifier: BSD-3-Clause
// What the reports of all modes have in common, for people and for programs: latencies, intervals,
// what limited the run. docs/load-json.md describes the JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/report.h"
#include "load/interval_log.h"
#include "load/latency.h"
#include "load/verdict.h"

namespace millrace::load {

// A line for each length of time that was measured at all.
[[nodiscard]] std::string latency_table(const Latencies& latencies);

// {"connect": {"count": 3, "min": 9.5, ..., "max": 20.1}, ...} in microseconds, all of them.
[[nodiscard]] nlohmann::json latency_json(const Latencies& latencies);
[[nodiscard]] nlohmann::json to_json(const LatencySummary& summary);

// {"connect": "HISTFAAA...", ...} of those that were measured (load/hdr_text.h).
[[nodiscard]] nlohmann::json histograms_json(const Latencies& latencies);

[[nodiscard]] nlohmann::json to_json(const Interval& interval);

// {"out": 4.0, "in": 3.0}, of every connection that was launched; null when none was.
[[nodiscard]] nlohmann::json frames_json(const TallySnapshot& totals);
[[nodiscard]] std::string frames_line(const TallySnapshot& totals);

// "latency_us", "histograms", "intervals", "verdict" and "stack", which every mode's report has.
void add_measured(nlohmann::json& json, const Reading& all, const std::vector<Interval>* intervals,
                  const Verdict& verdict, const cli::CounterTotals& counters,
                  const EngineReport& engine);

}  // namespace millrace::load
