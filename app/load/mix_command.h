// SPDX-License-Identifier: BSD-3-Clause
// `millrace load mix`.
#pragma once

#include <memory>

#include "cli/command.h"

namespace CLI {
class App;
}

namespace millrace::load {

std::unique_ptr<cli::Command> make_mix_command(CLI::App& load);

}  // namespace millrace::load
