// SPDX-License-Identifier: BSD-3-Clause
// What reports are made of: lines of a name, a total and a rate; failures by reason.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cli/format.h"
#include "load/tally.h"
#include "load/team.h"
#include "millrace/time.h"

namespace millrace::load {

inline double per_second(uint64_t count, Duration time) {
  return time.ns > 0 ? static_cast<double>(count) / time.seconds() : 0;
}

inline std::string figure_line(std::string_view name, uint64_t total, const std::string& rate) {
  return fmt::format("{:<18}{:>15}  {:>10}\n", name, cli::format_count(total), rate);
}

inline std::string figure_line_if_any(std::string_view name, uint64_t total) {
  return total == 0 ? "" : figure_line(name, total, "");
}

// How many connections failed, and why; nothing when none did.
inline std::string failure_lines(const TallySnapshot& totals) {
  std::string out = figure_line_if_any("  failed", totals.failed());
  for (size_t i = 0; i < kFailureCount; ++i) {
    out += figure_line_if_any(fmt::format("    {}", to_string(static_cast<Failure>(i))),
                              totals.failures[i]);
  }
  return out;
}

// {"timeout": 3, "peer-reset": 1}
inline nlohmann::json failures_json(const TallySnapshot& totals) {
  nlohmann::json json = nlohmann::json::object();
  for (size_t i = 0; i < kFailureCount; ++i) {
    if (totals.failures[i] == 0) continue;
    json[std::string(to_string(static_cast<Failure>(i)))] = totals.failures[i];
  }
  return json;
}

// Seconds of CLOCK_MONOTONIC; null when load was never offered.
inline nlohmann::json began_json(Instant began) {
  if (began == Instant::never()) return nullptr;
  return (began - Instant{}).seconds();
}

// Why connections could not be opened; nothing when they could.
template <class Load>
std::string connect_error_line(const Team<Load>& program) {
  const std::string error = program.connect_error();
  return error.empty() ? "" : fmt::format("\nconnections could not be opened: {}\n", error);
}

// "error": why there was no load at all; "connect_error"; each only if there is one.
template <class Load>
void add_errors(nlohmann::json& json, const Team<Load>& program) {
  if (!program.error().empty()) json["error"] = program.error();
  if (!program.connect_error().empty()) json["connect_error"] = program.connect_error();
}

}  // namespace millrace::load
