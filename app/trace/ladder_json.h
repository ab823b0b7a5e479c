// SPDX-License-Identifier: BSD-3-Clause
// A ladder for programs.
#pragma once

#include <nlohmann/json.hpp>

#include "trace/ladder.h"

namespace millrace::trace {

// {"ends": [{"name", "address", "port"}, ...], "rows": [...], "rows_left_out": N}
[[nodiscard]] nlohmann::ordered_json ladder_json(const Ladder& ladder);

}  // namespace millrace::trace
