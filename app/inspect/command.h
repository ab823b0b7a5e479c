// SPDX-License-Identifier: BSD-3-Clause
// `millrace explain`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::inspect {

std::unique_ptr<cli::Command> add_explain_command(CLI::App& root);

}  // namespace millrace::inspect
