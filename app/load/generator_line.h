// SPDX-License-Identifier: BSD-3-Clause
// What modes of connections and requests say of an interval while they run.
#pragma once

#include <string>

#include "load/interval_log.h"

namespace millrace::load {

// Connections and requests come and go.
[[nodiscard]] std::string generator_line(const Interval& interval);
// Connections are held.
[[nodiscard]] std::string hold_line(const Interval& interval);

}  // namespace millrace::load
