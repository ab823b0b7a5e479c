// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <vector>

#include "cli/command.h"

namespace millrace::load {

// Declares `millrace load` with its modes; each mode is a command.
std::vector<std::unique_ptr<cli::Command>> add_load_commands(CLI::App& root);

}  // namespace millrace::load
