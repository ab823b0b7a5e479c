// SPDX-License-Identifier: BSD-3-Clause
// What a SYN flood sent and heard, for people and for programs. In: a program whose worker has
// ended.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/report.h"
#include "load/interval_log.h"
#include "load/syn_flood.h"
#include "load/team.h"

namespace millrace::load {

struct SynOutcome {
  const SynPlan& plan;
  std::string device;
  const Team<SynFlood>& program;
  const cli::CounterTotals& counters;
  const EngineReport& engine;
  const std::vector<Interval>* intervals = nullptr;
};

// What all workers counted, at one time.
struct SynTotals {
  uint64_t scheduled = 0;
  uint64_t skipped = 0;
  uint64_t sent = 0;
  uint64_t syn_acks = 0;
  uint64_t resets = 0;
  uint64_t repeated = 0;
  uint64_t foreign = 0;

  SynTotals& operator+=(const SynTotals& other);
};
[[nodiscard]] SynTotals totals_of(const SynFlood& flood);
[[nodiscard]] SynTotals sum_up(const Team<SynFlood>& team);

[[nodiscard]] std::string to_text(const SynOutcome& outcome);
[[nodiscard]] nlohmann::json to_json(const SynOutcome& outcome);

// Whether anything was sent; that nobody answers may be just what was to be shown.
[[nodiscard]] bool succeeded(const SynOutcome& outcome);

// The same, whatever failed.
[[nodiscard]] bool sound(const SynOutcome& outcome);

}  // namespace millrace::load
