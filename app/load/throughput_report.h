// SPDX-License-Identifier: BSD-3-Clause
// What a run of `load throughput` moved, for people and for programs. In: a program whose worker
// has ended.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/report.h"
#include "load/interval_log.h"
#include "load/team.h"
#include "load/throughput.h"

namespace millrace::load {

struct ThroughputOutcome {
  const ThroughputPlan& plan;
  std::string device;
  const Team<Throughput>& program;
  const cli::CounterTotals& counters;
  const EngineReport& engine;
  const std::vector<Interval>* intervals = nullptr;
};

[[nodiscard]] std::string to_text(const ThroughputOutcome& outcome);
[[nodiscard]] nlohmann::json to_json(const ThroughputOutcome& outcome);

// Whether bytes were moved, and every connection ended as it was meant to.
[[nodiscard]] bool succeeded(const ThroughputOutcome& outcome);

// The same, whatever failed.
[[nodiscard]] bool sound(const ThroughputOutcome& outcome);

}  // namespace millrace::load
