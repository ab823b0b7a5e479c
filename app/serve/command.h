// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::serve {

// Declares `millrace serve`.
std::unique_ptr<cli::Command> add_serve_command(CLI::App& root);

}  // namespace millrace::serve
