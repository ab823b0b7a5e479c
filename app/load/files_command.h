// SPDX-License-Identifier: BSD-3-Clause
// `millrace merge` and `millrace compare`: reports of `millrace load` in, one of them all or what
// changed out.
#pragma once

#include <memory>

#include "cli/command.h"

namespace millrace::load {

std::unique_ptr<cli::Command> add_merge_command(CLI::App& root);
std::unique_ptr<cli::Command> add_compare_command(CLI::App& root);

}  // namespace millrace::load
