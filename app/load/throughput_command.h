// SPDX-License-Identifier: BSD-3-Clause
// `millrace load throughput`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::load {

std::unique_ptr<cli::Command> make_throughput_command(CLI::App& load);

}  // namespace millrace::load
