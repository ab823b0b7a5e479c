// SPDX-License-Identifier: BSD-3-Clause
// Two reports side by side: what changed, by how much, and whether for the better.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "load/metric.h"

namespace millrace::load {

struct Difference {
  const Metric* metric = nullptr;
  double before = 0;
  double after = 0;

  // (after - before) / before; infinite where it was 0.
  [[nodiscard]] double share() const;
  [[nodiscard]] bool better() const { return metric->more_is_better == (after > before); }
};

// Of every figure that both have, and that is not 0 in both.
std::vector<Difference> compare(const nlohmann::json& before, const nlohmann::json& after);

// A line for each; those that changed by `noteworthy` (0.05: 5 %) or more are marked.
std::string to_text(const std::vector<Difference>& differences, double noteworthy);
nlohmann::json to_json(const std::vector<Difference>& differences);

}  // namespace millrace::load
