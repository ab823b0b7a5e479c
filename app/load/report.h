// SPDX-License-Identifier: BSD-3-Clause
// What a run measured, for people and for programs. In: a generator whose worker has ended.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/report.h"
#include "load/generator.h"
#include "load/interval_log.h"
#include "load/team.h"

namespace millrace::load {

struct Outcome {
  const Plan& plan;
  std::string device;
  const Team<Generator>& generator;
  const cli::CounterTotals& counters;
  const EngineReport& engine;
  const std::vector<Interval>* intervals = nullptr;
  std::vector<Outcome> parts = {};  // of a mix
};

[[nodiscard]] std::string to_text(const Outcome& outcome);
[[nodiscard]] nlohmann::json to_json(const Outcome& outcome);

// Whether every connection did what it was meant to, and every count is explained.
[[nodiscard]] bool succeeded(const Outcome& outcome);

// The same, whatever failed.
[[nodiscard]] bool sound(const Outcome& outcome);

}  // namespace millrace::load
