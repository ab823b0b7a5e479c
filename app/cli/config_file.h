// SPDX-License-Identifier: BSD-3-Clause
// TOML files as a second source of options. Keys are the options' long names, with - or _; a key
// stands at the top of the file, for every subcommand, or in a table named for one of them:
//
//     device = "memif:/tmp/m.sock,server"
//     address = "10.0.0.1/24"
//     [serve]
//     http = 80
//     body-size = "4k"
//     route = ["10.1.0.0/16=10.0.0.9"]
//
// Errors are one sentence beginning with file:line:column, naming the key and what to change.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "millrace/result.h"

namespace millrace::cli {

// Options that the command line gave are left alone: it wins. Tables of other subcommands are
// skipped; unknown keys and tables, wrong types and values out of range are errors.
Result<void> load_config_file(const std::string& path, std::string_view section, CLI::App& command);

// The same from text already in memory; `path` is only for messages.
Result<void> load_config_text(std::string_view text, const std::string& path,
                              std::string_view section, CLI::App& command);

// Every option of `command` with the value in force, as a TOML table that load_config_file reads.
[[nodiscard]] std::string config_to_toml(const CLI::App& command, std::string_view section);

// The name of `names` that is nearest to `name` by edit distance; empty when none is near.
[[nodiscard]] std::string nearest_name(std::string_view name,
                                       const std::vector<std::string>& names);

}  // namespace millrace::cli
