// SPDX-License-Identifier: BSD-3-Clause
// What happened between two snapshots (snapshot.h), drawn: a table of rates for a terminal, or one
// line for a pipe.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace millrace::inspect {

// Rows of figures, the sum first and then each shard, where there are several; below them each drop
// reason that was seen. `title` stands above. Requires: `now` is the later one, of the same
// process.
[[nodiscard]] std::string top_table(const std::string& title, const nlohmann::json& before,
                                    const nlohmann::json& now);
[[nodiscard]] std::string top_line(const nlohmann::json& before, const nlohmann::json& now);

}  // namespace millrace::inspect
