// SPDX-License-Identifier: BSD-3-Clause
#include "load/compare.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

namespace millrace::load {

double Difference::share() const {
  if (before == after) return 0;
  return before == 0 ? std::numeric_limits<double>::infinity() : (after - before) / before;
}

std::vector<Difference> compare(const nlohmann::json& before, const nlohmann::json& after) {
  std::vector<Difference> differences;
  for (const Metric& metric : metrics()) {
    if (metric.name == "seconds") continue;  // neither better nor worse
    const std::optional<double> old_value = value_of(metric, before);
    const std::optional<double> new_value = value_of(metric, after);
    if (!old_value || !new_value || (*old_value == 0 && *new_value == 0)) continue;
    differences.push_back({&metric, *old_value, *new_value});
  }
  return differences;
}

std::string to_text(const std::vector<Difference>& differences, double noteworthy) {
  std::string out = fmt::format("{:<30}{:>16}{:>16}{:>10}\n", "", "before", "after", "change");
  for (const Difference& d : differences) {
    const double share = d.share();
    const std::string change = std::isinf(share) ? "new" : fmt::format("{:+.1f} %", 100 * share);
    const bool marked = std::abs(share) >= noteworthy;
    out += fmt::format("{:<30}{:>16}{:>16}{:>10}{}\n", d.metric->name,
                       format_value(d.metric->unit, d.before),
                       format_value(d.metric->unit, d.after), change,
                       !marked      ? ""
                       : d.better() ? "  better"
                                    : "  worse");
  }
  return out;
}

nlohmann::json to_json(const std::vector<Difference>& differences) {
  nlohmann::json json = nlohmann::json::object();
  for (const Difference& d : differences) {
    json[d.metric->name] = {{"before", d.before}, {"after", d.after}, {"better", d.better()}};
    if (!std::isinf(d.share())) json[d.metric->name]["change"] = d.share();
  }
  return json;
}

}  // namespace millrace::load
