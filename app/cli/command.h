// SPDX-License-Identifier: BSD-3-Clause
// A subcommand of the program. main.cc makes them all, lets CLI11 parse, and runs the chosen one.
//
// Each part of the program offers one function for it, for example in load/command.h:
//
//     std::unique_ptr<Command> add_load_command(CLI::App& root);
//
// which does root.add_subcommand("load", ...) and keeps the parsed values in the object.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace millrace::cli {

// What a run ends with. Anything that is wrong before the first frame is kExitUsage.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // it ran, and something failed or leaked
inline constexpr int kExitUsage = 2;   // a wrong option, value, config file or device

class Command {
 public:
  virtual ~Command() = default;
  // The subcommand that CLI11 knows; main.cc asks it whether it was named.
  [[nodiscard]] virtual const CLI::App& app() const = 0;
  // Runs after a successful parse. `eal_args` is what stood after "--". Returns the exit status.
  // May throw CLI::ParseError, which main.cc prints as one sentence.
  virtual int run(std::vector<std::string> eal_args) = 0;
};

// Parses `words`, which are argv without the program's name, and runs the command that they name.
// Whatever is wrong becomes one sentence on stderr and kExitUsage. Requires: every command's app
// hangs below `root`.
int run_commands(CLI::App& root, const std::vector<std::unique_ptr<Command>>& commands,
                 std::vector<std::string> words);

}  // namespace millrace::cli
