// SPDX-License-Identifier: BSD-3-Clause
// `millrace load`: its modes, those of a Generator among them.
#include "load/command.h"

#include <algorithm>

#include "cli/format.h"
#include "load/forecast.h"
#include "load/generator_line.h"
#include "load/half_open_command.h"
#include "load/mix_command.h"
#include "load/mode_command.h"
#include "load/plan_options.h"
#include "load/report.h"
#include "load/syn_command.h"
#include "load/throughput_command.h"

namespace millrace::load {
namespace {

const char* example_of(Mode mode) {
  switch (mode) {
    case Mode::kCps:
    case Mode::kRps:
      return "  # at a rate, with a page of plots, and a status that says whether it was good "
             "enough\n"
             "  millrace load rps --device af_packet:eth1 --address 10.0.0.2/24 --rate 20000 \\\n"
             "      --target 10.0.0.1:8080 --path /index.html --duration 30s --html run.html \\\n"
             "      --require 'from_schedule.p99<5ms' --require failures=0\n";
    case Mode::kCc:
      return "  # a million connections that ask once a minute; a thousand are replaced each "
             "second\n"
             "  millrace load cc --device pci:0000:3b:00.0 --address 10.0.0.2/8 \\\n"
             "      --target 10.0.0.1:80 --source 10.1.0.0/24 --concurrency 1000000 \\\n"
             "      --open-rate 50000 --every 60s --churn 1000 --duration 10m\n";
    case Mode::kTeardown:
      return "  # 100,000 connections, and then 20,000 FINs a second\n"
             "  millrace load teardown --device memif:/tmp/m.sock --address 10.0.0.2/24 \\\n"
             "      --target 10.0.0.1:80 --source 10.0.0.128/28 --concurrency 100000 --rate "
             "20000\n";
  }
  return "";
}

// Names of the figures are those of RFC 9411 section 4.6.
Wanted wanted_of(Mode mode) {
  if (mode == Mode::kCps) {
    return {"rate", "connections/s", "TCP Connections Per Second", 0.98,
            [](const nlohmann::json& r) { return r["connections"]["per_second"].get<double>(); }};
  }
  if (mode == Mode::kRps) {
    return {"rate", "requests/s", "Application Transactions Per Second", 0.98,
            [](const nlohmann::json& r) { return r["requests"]["per_second"].get<double>(); }};
  }
  return {"concurrency", "connections", "Concurrent TCP Connections", 1,
          [](const nlohmann::json& r) { return r["held"]["open"].get<double>(); }};
}

class ExchangeCommand final : public ModeCommand {
 public:
  ExchangeCommand(CLI::App& load, Mode mode, const std::string& name,
                  const std::string& description)
      : ModeCommand(load, name, description) {
    options_.plan.mode = mode;
    app_.footer(fmt::format(
        "Examples:\n"
        "  millrace load {0} --device memif:/tmp/m.sock --address 10.0.0.2/24 \\\n"
        "      --target 10.0.0.1:80\n"
        "  millrace load {0} --device loopback --address 10.0.0.2/24 --target 10.0.0.1:80\n"
        "{1}"
        "The exit status is 0 when every connection did what it was meant to, 1 when one failed,\n"
        "2 when an option was wrong. Arguments after -- go to DPDK's EAL.",
        name, example_of(mode)));
    add_targets_option(app_, ends_);
    add_plan_options(app_, options_);
    add_source_option(app_, ends_);
    // A teardown ends when all are closed.
    add_common_options(mode == Mode::kTeardown ? Duration{} : seconds(10));
    if (mode != Mode::kTeardown) add_find_max(wanted_of(mode), mode == Mode::kCc ? 100 : 1000);
  }

 private:
  int run_on(EngineConfig& config) override {
    fill_in(options_.plan);
    const Result<Exchange> exchange = complete(options_);
    if (!exchange) return cli::fail(exchange.error());
    const Plan& plan = options_.plan;
    config.shard.connections_max = std::max(config.shard.connections_max, plan.concurrency + 64);
    const Forecast ahead = forecast(plan, config.shard);
    if (Result<void> possible = check(ahead); !possible) return cli::fail(possible.error());
    plan_text_ = to_text(ahead);
    const bool holds = plan.mode == Mode::kCc || plan.mode == Mode::kTeardown;
    return run_and_report<Generator, Outcome>(config, server_for(options_),
                                              holds ? hold_line : generator_line, plan, *exchange);
  }

  PlanOptions options_;
};

}  // namespace

std::vector<std::unique_ptr<cli::Command>> add_load_commands(CLI::App& root) {
  CLI::App* load = root.add_subcommand("load", "offers load to a server and measures it");
  load->require_subcommand(1);
  load->footer("millrace load MODE --help says more about each.");
  std::vector<std::unique_ptr<cli::Command>> commands;
  commands.push_back(std::make_unique<ExchangeCommand>(
      *load, Mode::kCps, "cps", "connections per second: connect, request, response, close"));
  commands.push_back(std::make_unique<ExchangeCommand>(
      *load, Mode::kRps, "rps", "requests per second on connections that are kept open"));
  commands.push_back(std::make_unique<ExchangeCommand>(
      *load, Mode::kCc, "cc", "concurrent connections: opened, held, asked on now and then"));
  commands.push_back(std::make_unique<ExchangeCommand>(
      *load, Mode::kTeardown, "teardown", "connections opened, then closed at a rate"));
  commands.push_back(make_mix_command(*load));
  commands.push_back(make_throughput_command(*load));
  commands.push_back(make_syn_command(*load));
  commands.push_back(make_half_open_command(*load));
  return commands;
}

}  // namespace millrace::load
