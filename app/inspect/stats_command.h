// SPDX-License-Identifier: BSD-3-Clause
// `millrace stats` and `millrace top`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::inspect {

std::unique_ptr<cli::Command> add_stats_command(CLI::App& root);
std::unique_ptr<cli::Command> add_top_command(CLI::App& root);

}  // namespace millrace::inspect
