// SPDX-License-Identifier: BSD-3-Clause
// The intervals of a report as comma-separated values: a line of names, a line for each interval.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace millrace::load {

// In: the JSON that docs/load-json.md describes. A time that was not measured is an empty field.
[[nodiscard]] std::string to_csv(const nlohmann::json& report);

}  // namespace millrace::load
