// SPDX-License-Identifier: BSD-3-Clause
// The program: subcommands are declared, the one that is named on the command line runs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/help.h"
#include "load/command.h"
#include "serve/command.h"

namespace {

int run(int argc, char** argv) {
  CLI::App root(
      "millrace: a TCP endpoint for DPDK. Serves and loads real networks from user space,\n"
      "on a NIC, or on wires that need none.",
      "millrace");
  root.formatter_fn([](const CLI::App* app, std::string name, CLI::AppFormatMode mode) {
    return millrace::cli::HelpFormatter().make_help(app, std::move(name), mode);
  });
  root.set_version_flag("--version", "millrace " MILLRACE_VERSION, "print the version, and end");
  root.set_help_flag("-h,--help", "print this, and end");
  root.require_subcommand(1);
  root.footer(
      "millrace COMMAND --help says more about each.\n"
      "\n"
      "Examples:\n"
      "  # a web server on a new TAP interface (as root)\n"
      "  millrace serve --device tap:mill0 --address 10.0.0.1/24\n"
      "  # a server and a load generator in two processes, over shared memory; no rights needed\n"
      "  millrace serve --device memif:/tmp/m.sock,server --address 10.0.0.1/24\n"
      "  millrace load rps --device memif:/tmp/m.sock --address 10.0.0.2/24 --target 10.0.0.1:80");
  std::vector<std::unique_ptr<millrace::cli::Command>> commands;
  commands.push_back(millrace::serve::add_serve_command(root));
  for (auto& command : millrace::load::add_load_commands(root)) {
    commands.push_back(std::move(command));
  }
  return millrace::cli::run_commands(root, commands,
                                     std::vector<std::string>(argv + 1, argv + argc));
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
