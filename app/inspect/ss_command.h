// SPDX-License-Identifier: BSD-3-Clause
// `millrace ss`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::inspect {

std::unique_ptr<cli::Command> add_ss_command(CLI::App& root);

}  // namespace millrace::inspect
