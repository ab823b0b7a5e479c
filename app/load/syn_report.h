// SPDX-License-Identifier: BSD-3-Clause
// What a SYN flood sent and heard, for people and for programs. In: a program whose worker has
// ended.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/report.h"
#include "load/syn_flood.h"

namespace millrace::load {

struct SynOutcome {
  const SynPlan& plan;
  std::string device;
  const SynFlood& program;
  const cli::CounterTotals& counters;
  const EngineReport& engine;
};

[[nodiscard]] std::string to_text(const SynOutcome& outcome);
[[nodiscard]] nlohmann::json to_json(const SynOutcome& outcome);

// Whether anything was sent; that nobody answers may be just what was to be shown.
[[nodiscard]] bool succeeded(const SynOutcome& outcome);

}  // namespace millrace::load
