// SPDX-License-Identifier: BSD-3-Clause
// `millrace control`: what a running process can be told.
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::control {

std::unique_ptr<cli::Command> add_control_command(CLI::App& root);

}  // namespace millrace::control
