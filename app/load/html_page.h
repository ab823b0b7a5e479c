// SPDX-License-Identifier: BSD-3-Clause
// A report as one page that needs nothing else: figures, rate and latency over time, percentile
// curves, and the JSON itself, so that the page is also the data.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace millrace::load {

// In: the JSON that docs/load-json.md describes. Requires: its histograms are ours.
[[nodiscard]] std::string to_html(const nlohmann::json& report);

}  // namespace millrace::load
