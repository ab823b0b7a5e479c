// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/stats_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "control/client.h"
#include "inspect/stats_text.h"
#include "inspect/top_text.h"

namespace millrace::inspect {
namespace {

using nlohmann::json;

// What a verb without arguments answers: one object.
Result<json> ask_for(const std::string& socket, const char* verb) {
  json answer;
  const Result<void> asked =
      control::ask_process(socket, {{"verb", verb}}, [&answer](std::string_view line) {
        answer = json::parse(line, nullptr, false);
        return true;
      });
  if (!asked) return asked.error();
  if (!answer.is_object()) return Error{"the process answered what this millrace cannot read"};
  return answer;
}

class StatsCommand final : public cli::Command {
 public:
  explicit StatsCommand(CLI::App& root)
      : app_(*root.add_subcommand("stats", "all counters of a running process, like nstat")) {
    app_.footer(
        "Examples:\n"
        "  millrace stats                    # what is not zero, in all and of each shard\n"
        "  millrace stats --json | jq '.shards[0].counters.TcpRetransSegs'\n"
        "  millrace stats --openmetrics > /var/lib/node_exporter/millrace.prom\n"
        "millrace explain NAME says what a counter means.");
    cli::add_flag(app_, "-z,--zeros", zeros_, "what is zero, too");
    auto* const as_json = cli::add_flag(app_, "--json", json_, "as one JSON object");
    cli::add_flag(app_, "--openmetrics", metrics_, "as Prometheus reads it")->excludes(as_json);
    control::add_target_options(app_, target_);
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> /*eal_args*/) override {
    const Result<std::string> socket = control::find_socket(target_);
    if (!socket) return cli::fail(socket.error());
    const Result<nlohmann::json> snapshot = ask_for(*socket, "stats");
    if (!snapshot) return cli::fail(snapshot.error());
    cli::say(json_      ? snapshot->dump(2) + "\n"
             : metrics_ ? open_metrics(*snapshot)
                        : stats_text(*snapshot, zeros_));
    return cli::kExitOk;
  }

 private:
  CLI::App& app_;
  control::Target target_;
  bool zeros_ = false;
  bool json_ = false;
  bool metrics_ = false;
};

class TopCommand final : public cli::Command {
 public:
  explicit TopCommand(CLI::App& root)
      : app_(*root.add_subcommand("top", "a running process, live: rates, drops, population")) {
    app_.footer(
        "Examples:\n"
        "  millrace top\n"
        "  millrace top --count 10 --interval 5s | tee top.log    # a line each time in a pipe\n"
        "SIGINT ends it.");
    cli::add_duration(app_, "--interval", interval_, milliseconds(100), seconds(3600),
                      "between two looks");
    cli::add_number(app_, "--count", count_, uint32_t{0}, UINT32_MAX, "of looks; 0: until stopped");
    cli::add_flag(app_, "--table", table_, "the whole table each time, in a pipe, too");
    control::add_target_options(app_, target_);
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> /*eal_args*/) override {
    const Result<std::string> socket = control::find_socket(target_);
    if (!socket) return cli::fail(socket.error());
    const Result<json> about = ask_for(*socket, "about");
    if (!about) return cli::fail(about.error());
    const std::string title = fmt::format("millrace {} {}, process {}", about->value("command", ""),
                                          about->value("device", ""), about->value("pid", 0));
    Result<json> before = ask_for(*socket, "stats");
    if (!before) return cli::fail(before.error());
    const bool terminal = isatty(STDOUT_FILENO) != 0;
    cli::StopSignals signals;
    for (uint32_t looks = 0; count_ == 0 || looks < count_; ++looks) {
      const Instant next = cli::monotonic_now() + interval_;
      while (signals.count() == 0 && cli::monotonic_now() < next) {
        signals.sleep(std::min(next - cli::monotonic_now(), milliseconds(100)));
      }
      if (signals.count() != 0) break;
      Result<json> now = ask_for(*socket, "stats");
      if (!now) return cli::fail(now.error());
      if (terminal) cli::say("\x1b[H\x1b[2J");
      cli::say(terminal || table_ ? top_table(title, *before, *now) : top_line(*before, *now));
      before = std::move(now);
    }
    return cli::kExitOk;
  }

 private:
  CLI::App& app_;
  control::Target target_;
  Duration interval_ = seconds(1);
  uint32_t count_ = 0;
  bool table_ = false;
};

}  // namespace

std::unique_ptr<cli::Command> add_stats_command(CLI::App& root) {
  return std::make_unique<StatsCommand>(root);
}

std::unique_ptr<cli::Command> add_top_command(CLI::App& root) {
  return std::make_unique<TopCommand>(root);
}

}  // namespace millrace::inspect
