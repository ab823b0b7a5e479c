// SPDX-License-Identifier: BSD-3-Clause
// `millrace load syn`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::load {

std::unique_ptr<cli::Command> make_syn_command(CLI::App& load);

}  // namespace millrace::load
