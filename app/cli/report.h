// SPDX-License-Identifier: BSD-3-Clause
// What every run says at its end about the stack and the device: counters, drops by reason, what
// leaked. For people as text, for programs as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "millrace/counters.h"
#include "millrace/engine.h"

namespace millrace::cli {

inline constexpr int kReportSchema = 1;  // "schema" of every JSON report

// The counters of all shards added up, at one moment.
struct CounterTotals {
  std::array<uint64_t, kCounterCount> values{};

  [[nodiscard]] uint64_t get(Counter counter) const { return values[static_cast<size_t>(counter)]; }
  [[nodiscard]] uint64_t drops() const;
};
[[nodiscard]] CounterTotals collect_counters(const Engine& engine);

// Lines "  name   value" of what happened: segments, retransmissions, every drop reason that is
// not zero, frames the device lost, how busy the workers were.
[[nodiscard]] std::string format_stack_totals(const CounterTotals& totals,
                                              const EngineReport& report);

// Whether mbufs or anything of a shard were not given back. Each leak is one sentence in `out`,
// beginning with "millrace: ".
[[nodiscard]] bool leaked(const EngineReport& report, std::string& out);

// {"counters": {...non-zero...}, "drops": {...}, "device": {...}, "workers": [...], "leaks": {...}}
[[nodiscard]] nlohmann::json stack_totals_to_json(const CounterTotals& totals,
                                                  const EngineReport& report);

}  // namespace millrace::cli
