// SPDX-License-Identifier: BSD-3-Clause
// The program: subcommands are declared, the one that is named on the command line runs.
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/print.h"
#include "control/command.h"
#include "inspect/command.h"
#include "inspect/ss_command.h"
#include "inspect/stats_command.h"
#include "load/command.h"
#include "load/files_command.h"
#include "selftest/command.h"
#include "serve/command.h"
#include "trace/command.h"

namespace {

// A program may be started with stdin, stdout or stderr closed; the next file to be opened, such as
// a device, would be taken for it then.
void open_missing_streams() {
  for (int stream = 0; stream <= 2; ++stream) {
    if (fcntl(stream, F_GETFD) == -1 && open("/dev/null", O_RDWR) == -1) return;
  }
}

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
  commands.push_back(millrace::load::add_merge_command(root));
  commands.push_back(millrace::load::add_compare_command(root));
  commands.push_back(millrace::inspect::add_ss_command(root));
  commands.push_back(millrace::inspect::add_stats_command(root));
  commands.push_back(millrace::inspect::add_top_command(root));
  commands.push_back(millrace::control::add_control_command(root));
  commands.push_back(millrace::inspect::add_explain_command(root));
  commands.push_back(millrace::trace::add_trace_command(root));
  commands.push_back(millrace::selftest::add_selftest_command(root));
  return millrace::cli::run_commands(root, commands,
                                     std::vector<std::string>(argv + 1, argv + argc));
}

}  // namespace

int main(int argc, char** argv) {
  open_missing_streams();
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    millrace::cli::complain("millrace: out of memory; lower --connections-max or the buffers\n");
    return millrace::cli::kExitUsage;
  } catch (const std::exception& error) {  // nobody foresaw it; devices are closed by now
    millrace::cli::complain(std::string("millrace: ") + error.what() + "; please report this\n");
    return millrace::cli::kExitFailed;
  }
}
