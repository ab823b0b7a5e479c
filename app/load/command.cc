// SPDX-License-Identifier: BSD-3-Clause
// `millrace load cps` and `millrace load rps`: options into a Generator.
#include "load/command.h"

#include <algorithm>

#include "cli/format.h"
#include "load/generator_line.h"
#include "load/half_open_command.h"
#include "load/mode_command.h"
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

class ExchangeCommand final : public ModeCommand {
 public:
  ExchangeCommand(CLI::App& load, Mode mode, const std::string& name,
                  const std::string& description)
      : ModeCommand(load, name, description) {
    plan_.mode = mode;
    app_.footer(fmt::format(
        "Examples:\n"
        "  millrace load {0} --device memif:/tmp/m.sock --address 10.0.0.2/24 \\\n"
        "      --target 10.0.0.1:80\n"
        "  millrace load {0} --device loopback --address 10.0.0.2/24 --target 10.0.0.1:80\n"
        "{1}"
        "The exit status is 0 when every connection did what it was meant to, 1 when one failed,\n"
        "2 when an option was wrong. Arguments after -- go to DPDK's EAL.",
        name, example_of(mode)));
    add_target_option(app_, ends_);
    cli::add_number(
        app_, "-c,--concurrency", plan_.concurrency, 1u, 1u << 24,
        mode == Mode::kCps ? "connections at a time, at most" : "connections that are kept open");
    add_pace();
    cli::add_duration(app_, "--timeout", plan_.timeout, milliseconds(1), seconds(3600),
                      "for each step of a connection, and for the target's first answer");
    if (mode != Mode::kTeardown) add_exchange();
    add_close();
    add_source_option(app_, ends_);
    // A teardown ends when all are closed.
    add_common_options(mode == Mode::kTeardown ? Duration{} : seconds(10));
  }

 private:
  // What comes when.
  void add_pace() {
    const Mode mode = plan_.mode;
    if (mode == Mode::kCps || mode == Mode::kRps) {
      cli::add_number(app_, "-r,--rate", plan_.rate, uint64_t{0}, kRateMax,
                      mode == Mode::kCps
                          ? "connections to open per second; 0: a new one when one has ended"
                          : "requests per second; 0: each connection asks when it is answered");
      cli::add_number(app_, "-n,--count", plan_.count, uint64_t{0}, UINT64_MAX,
                      "connections to open, then end; 0: no limit");
    } else {
      cli::add_number(app_, "--open-rate", plan_.open_rate, uint64_t{0}, kRateMax,
                      "connections to open per second at first; 0: as fast as it goes");
    }
    if (mode == Mode::kCc) {
      cli::add_duration(app_, "--every", plan_.every, Duration{}, seconds(86'400),
                        "from a request of a connection to its next; 0s: none");
      cli::add_number(app_, "--churn", plan_.churn, uint64_t{0}, kRateMax,
                      "connections to close per second, each replaced by a new one");
      return;
    }
    if (mode == Mode::kTeardown) {
      cli::add_number(app_, "-r,--rate", plan_.rate, uint64_t{0}, kRateMax,
                      "connections to close per second, once all are open; 0: as fast as it goes");
    }
    cli::add_choice(app_, "--arrivals", "even|poisson|burst", plan_.pattern.arrivals,
                    {"even", "poisson", "burst"},
                    "with --rate: evenly, at random as if many did not know of each other, or "
                    "several at a time");
    cli::add_number(app_, "--burst", plan_.pattern.burst, 1u, 1u << 20,
                    "arrivals at a time, with --arrivals burst");
    cli::add_duration(app_, "--ramp", plan_.pattern.ramp, Duration{}, seconds(86'400),
                      "how long the rate takes to grow from 0 to --rate, evenly");
  }

  // What is said.
  void add_exchange() {
    cli::add_choice(app_, "--protocol", "http|echo", exchange_.protocol, {"http", "echo"},
                    "what is said");
    cli::add_text(app_, "--path", exchange_.path, "http: what to GET");
    cli::add_number(app_, "--request-size", exchange_.request_bytes, 0u, 1u << 20,
                    "bytes of a request; http: padded up to it, 0: what it takes; echo: 64");
    cli::add_parsed(
        app_, "--response-size", "SIZE",
        [this](const std::string& text) -> Result<void> {
          const std::optional<uint64_t> size = cli::parse_size(text);
          if (!size) return Error{"give a size, such as 4096 or 4k"};
          exchange_.response_bytes = *size;
          return {};
        },
        "http: a body of another length is a failure");
  }

  // How a connection ends.
  void add_close() {
    if (plan_.mode == Mode::kCps) {
      cli::add_choice(app_, "--close", "HOW", plan_.close,
                      {"client", "server", "reset", "half", "server-reset", "none"},
                      "client: our FIN; server: its FIN; reset: our RST; half: our FIN behind the "
                      "request, its FIN behind the response; server-reset: its RST; none: they "
                      "stay until the end. That the target does otherwise is a failure, "
                      "close-mismatch");
      return;
    }
    cli::add_parsed(
        app_, "--close", "client|reset",
        [this](const std::string& text) -> Result<void> {
          if (text != "client" && text != "reset") return Error{"give client or reset"};
          plan_.close = text == "client" ? CloseBy::kClient : CloseBy::kReset;
          return {};
        },
        "how a connection ends: by our FIN or our RST")
        ->default_str("client");
  }

  int run_on(EngineConfig& config) override {
    make_plan(config);
    const Result<Exchange> exchange = Exchange::create(exchange_);
    if (!exchange) return cli::fail(exchange.error());
    const bool holds = plan_.mode == Mode::kCc || plan_.mode == Mode::kTeardown;
    return run_and_report<Generator, Outcome>(config, loopback_server(),
                                              holds ? hold_line : generator_line, plan_, *exchange);
  }

  void make_plan(EngineConfig& config) {
    fill_in(plan_);
    config.shard.connections_max = std::max(config.shard.connections_max, plan_.concurrency + 64);
    exchange_.host = plan_.target.to_string();
    exchange_.close = plan_.mode == Mode::kCps && plan_.close == CloseBy::kServer;
    if (exchange_.protocol == Protocol::kEcho && exchange_.request_bytes == 0) {
      exchange_.request_bytes = 64;
    }
  }

  [[nodiscard]] serve::ServeConfig loopback_server() const {
    serve::ServeConfig config;
    config.tcp = plan_.tcp;
    (exchange_.protocol == Protocol::kHttp ? config.http_port : config.echo_port) =
        plan_.target.port;
    if (plan_.close == CloseBy::kServer) config.closing = serve::Closing::kFin;
    if (plan_.close == CloseBy::kServerReset) config.closing = serve::Closing::kReset;
    return config;
  }

  Plan plan_;
  ExchangeConfig exchange_;
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
  commands.push_back(make_throughput_command(*load));
  commands.push_back(make_syn_command(*load));
  commands.push_back(make_half_open_command(*load));
  return commands;
}

}  // namespace millrace::load
