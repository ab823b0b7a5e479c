// SPDX-License-Identifier: BSD-3-Clause
// The program: subcommands are declared, CLI11 reads the command line, the one that was named runs.
// Whatever is wrong becomes one sentence on stderr and exit status 2.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "load/command.h"
#include "serve/command.h"

namespace {

using millrace::cli::Command;

// CLI11's messages end with lines of advice; the first one says it.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

int run(int argc, char** argv) {
  // What stands behind "--" is for DPDK's EAL.
  std::vector<std::string> words(argv + 1, argv + argc);
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> eal_args(dashes == words.end() ? dashes : dashes + 1, words.end());
  words.erase(dashes, words.end());
  std::reverse(words.begin(), words.end());  // as CLI11 wants them

  CLI::App root("millrace: a TCP endpoint for DPDK", "millrace");
  root.set_version_flag("--version", "millrace " MILLRACE_VERSION);
  root.require_subcommand(1);
  root.footer("millrace COMMAND --help says more about each.");
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(millrace::serve::add_serve_command(root));
  for (auto& command : millrace::load::add_load_commands(root)) {
    commands.push_back(std::move(command));
  }

  try {
    root.parse(words);
    for (const std::unique_ptr<Command>& command : commands) {
      if (command->app().parsed()) return command->run(std::move(eal_args));
    }
    return millrace::cli::kExitUsage;
  } catch (const CLI::Success& asked) {  // --help, --version
    return root.exit(asked);
  } catch (const CLI::RequiredError& error) {
    // A subcommand is missing; a word that stands in its place is what went wrong.
    const std::vector<std::string> unknown = root.remaining(true);
    const std::string what = unknown.empty()
                                 ? first_line(error.what())
                                 : fmt::format("there is no subcommand \"{}\"", unknown.front());
    fmt::print(stderr, "millrace: {}; see millrace --help\n", what);
    return millrace::cli::kExitUsage;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "millrace: {}; see millrace --help\n", first_line(error.what()));
    return millrace::cli::kExitUsage;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "millrace: out of memory; lower --connections-max or the buffers\n");
    return millrace::cli::kExitUsage;
  }
}
