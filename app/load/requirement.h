// SPDX-License-Identifier: BSD-3-Clause
// What a run has to achieve: "connect.p99<2ms", "failures=0". A line of text comes in, whether a
// report meets it goes out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "load/metric.h"
#include "millrace/result.h"

namespace millrace::load {

struct Requirement {
  enum class Relation : uint8_t { kLess, kLessOrEqual, kMore, kMoreOrEqual, kEqual, kNotEqual };

  // Errors: a name, relation or value that is none; one sentence, without the text itself.
  static Result<Requirement> parse(std::string_view text);

  std::string text;
  const Metric* metric = nullptr;
  Relation relation = Relation::kEqual;
  double bound = 0;
};

struct Checked {
  Requirement requirement;
  std::optional<double> actual;  // nothing: not measured in this mode, or not once
  bool met = false;
};
std::vector<Checked> check(const std::vector<Requirement>& requirements,
                           const nlohmann::json& report);

// Whether any of them says how many connections may fail.
bool allow_failures(const std::vector<Requirement>& requirements);

[[nodiscard]] std::string to_text(const std::vector<Checked>& checked);
[[nodiscard]] nlohmann::json to_json(const std::vector<Checked>& checked);
[[nodiscard]] bool all_met(const std::vector<Checked>& checked);

}  // namespace millrace::load
