// SPDX-License-Identifier: BSD-3-Clause
// `millrace trace`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::trace {

std::unique_ptr<cli::Command> add_trace_command(CLI::App& root);

}  // namespace millrace::trace
