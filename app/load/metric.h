// SPDX-License-Identifier: BSD-3-Clause
// Figures of a report by name: what --require may ask for, and what two reports are compared by.
// In: the JSON that docs/load-json.md describes. So names work for every mode, and for merged
// reports.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::load {

enum class Unit : uint8_t { kCount, kRate, kBits, kTime, kNumber };

struct Metric {
  std::string name;  // "connect.p99"
  Unit unit = Unit::kCount;
  std::string meaning;
  bool more_is_better = false;
};

// All of them, those of one subject together.
const std::vector<Metric>& metrics();
// "connect.p99.9" is "connect.p99_9". nullptr: there is none of that name.
const Metric* find_metric(std::string_view name);
// What is nearest to a name that is none; empty: nothing is.
std::string nearest_metric(std::string_view name);

// In counts, per second, or microseconds. Nothing: the report does not have it, or nothing was
// measured.
std::optional<double> value_of(const Metric& metric, const nlohmann::json& report);
// "1.25 ms", "12,345", "1.20 M/s".
std::string format_value(Unit unit, double value);

// For --help-require.
std::string metrics_help();

}  // namespace millrace::load
