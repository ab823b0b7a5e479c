// SPDX-License-Identifier: BSD-3-Clause
// TOML files as a second source of options. Keys are the options' long names, with - or _. A key
// stands in the table of a command, in that of its group, or at the top of the file for everybody;
// the nearer to the command wins, and the command line over all of them:
//
//     address = "10.0.0.1/24"      # at the top: whichever command reads the file
//     [network]                    # device and network options
//     device = "memif:/tmp/m.sock,server"
//     route = ["10.1.0.0/16=10.0.0.9"]
//     [tcp]
//     msl = "5s"
//     [run]
//     duration = "1m"
//     [serve]                      # `millrace serve` alone; [load] is for `millrace load`
//     http = 80
//     body-size = "4k"
//
// Errors are one sentence beginning with file:line:column, naming the key and what to change.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/result.h"

namespace millrace::cli {

// Groups of options, as --help shows them, that have a table of their own.
inline constexpr const char* kNetworkGroup = "Device and network";
inline constexpr const char* kTcpGroup = "TCP";
inline constexpr const char* kRunGroup = "Run and report";

// Options that the command line gave are left alone: it wins. Tables of other subcommands are
// skipped; unknown keys and tables, wrong types and values out of range are errors.
Result<void> load_config_file(const std::string& path, std::string_view section, CLI::App& command);

// The same from text already in memory; `path` is only for messages.
Result<void> load_config_text(std::string_view text, const std::string& path,
                              std::string_view section, CLI::App& command);

// Every option of `command` with the value in force, as a TOML table that load_config_file reads.
[[nodiscard]] std::string config_to_toml(const CLI::App& command, std::string_view section);

// The long names of the options of `command` that a file may set.
[[nodiscard]] std::vector<std::string> option_names(const CLI::App& command);

// The name of `names` that is nearest to `name` by edit distance; empty when none is near.
[[nodiscard]] std::string nearest_name(std::string_view name,
                                       const std::vector<std::string>& names);

}  // namespace millrace::cli
