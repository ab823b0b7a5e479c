// SPDX-License-Identifier: BSD-3-Clause
// `millrace selftest`: whether this installation works, in a few seconds and without a NIC.
#pragma once

#include <memory>

#include "cli/command.h"

namespace CLI {
class App;
}

namespace millrace::selftest {

std::unique_ptr<cli::Command> add_selftest_command(CLI::App& root);

}  // namespace millrace::selftest
