// SPDX-License-Identifier: BSD-3-Clause
#include "control/command.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "cli/print.h"
#include "control/client.h"

namespace millrace::control {
namespace {

class ControlCommand final : public cli::Command {
 public:
  explicit ControlCommand(CLI::App& root)
      : app_(*root.add_subcommand("control", "tells a running process what to do")),
        stop_(*app_.add_subcommand("stop", "end as by SIGTERM: connections are closed first")),
        workers_(*app_.add_subcommand("workers", "serve: how many of its --lcores are to work")) {
    app_.footer(
        "Examples:\n"
        "  millrace control workers 2\n"
        "  millrace control stop --pid 24607");
    app_.require_subcommand(1);
    workers_.add_option("N", count_, "so many")->required()->check(CLI::Range(1, 128));
    for (CLI::App* verb : {&stop_, &workers_}) add_target_options(*verb, target_);
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> /*eal_args*/) override {
    const Result<std::string> socket = find_socket(target_);
    if (!socket) return cli::fail(socket.error());
    nlohmann::json request = {{"verb", "stop"}};
    if (workers_.parsed()) request = {{"verb", "workers"}, {"count", count_}};
    const Result<void> asked = ask_process(*socket, request, [](std::string_view line) {
      cli::say(std::string(line) + "\n");
      return true;
    });
    return asked ? cli::kExitOk : cli::fail(asked.error());
  }

 private:
  CLI::App& app_;
  CLI::App& stop_;
  CLI::App& workers_;
  Target target_;
  uint32_t count_ = 0;
};

}  // namespace

std::unique_ptr<cli::Command> add_control_command(CLI::App& root) {
  return std::make_unique<ControlCommand>(root);
}

}  // namespace millrace::control
