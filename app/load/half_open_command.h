// SPDX-License-Identifier: BSD-3-Clause
// `millrace load half-open`.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/command.h"
#include "load/half_open.h"

namespace millrace::load {

std::unique_ptr<cli::Command> make_half_open_command(CLI::App& load);

// What became of the SYNs of all of them: for people, and as "half_open" of a report.
[[nodiscard]] std::string half_open_lines(const std::vector<const SynFlood*>& floods);
[[nodiscard]] nlohmann::json half_open_json(const std::vector<const SynFlood*>& floods);

}  // namespace millrace::load
