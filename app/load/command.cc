// SPDX-License-Identifier: BSD-3-Clause
// `millrace load cps` and `millrace load rps`: options into a Generator.
#include "load/command.h"

#include <algorithm>

#include "cli/format.h"
#include "load/figures.h"
#include "load/mode_command.h"
#include "load/report.h"
#include "load/syn_command.h"
#include "load/throughput_command.h"

namespace millrace::load {
namespace {

std::string generator_line(const Interval& i) {
  const auto rate = [&](Count count) {
    return cli::format_rate(per_second(i.gained.get(count), i.length));
  };
  const LatencySummary& times = i.of(Latency::kResponse);
  return fmt::format("open {:>9}  connections {:>10}  requests {:>10}  failed {:>7}  p99 {:>8}",
                     cli::format_count(i.open), rate(Count::kCompleted), rate(Count::kResponses),
                     cli::format_count(i.gained.failed()),
                     cli::format_duration(times.percentiles[4]));
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
        "  millrace load {0} --device af_packet:eth1 --address 10.0.0.2/24 --rate 20000 \\\n"
        "      --target 10.0.0.1:8080 --path /index.html --duration 30s --json\n"
        "The exit status is 0 when every connection did what it was meant to, 1 when one failed,\n"
        "2 when an option was wrong. Arguments after -- go to DPDK's EAL.",
        name));
    const bool per_connection = mode == Mode::kCps;
    add_target_option(app_, ends_);
    cli::add_number(app_, "-c,--concurrency", plan_.concurrency, 1u, 1u << 24,
                    per_connection ? "connections at a time, at most" : "connections kept open");
    cli::add_number(app_, "-r,--rate", plan_.rate, uint64_t{0}, kRateMax,
                    per_connection
                        ? "connections to open per second; 0: a new one when one has ended"
                        : "requests per second; 0: each connection asks when it is answered");
    cli::add_number(app_, "-n,--count", plan_.count, uint64_t{0}, UINT64_MAX,
                    "connections to open, then end; 0: no limit");
    cli::add_duration(app_, "--timeout", plan_.timeout, milliseconds(1), seconds(3600),
                      "for each step of a connection, and for the target's first answer");
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
    cli::add_choice(app_, "--close", "client|server|reset", plan_.close,
                    {"client", "server", "reset"},
                    "who ends a connection, and how: our FIN, the server's, our RST");
    add_source_option(app_, ends_);
    add_common_options();
  }

 private:
  int run_on(EngineConfig& config) override {
    make_plan(config);
    const Result<Exchange> exchange = Exchange::create(exchange_);
    if (!exchange) return cli::fail(exchange.error());
    return run_and_report<Generator, Outcome>(config, loopback_server(), generator_line, plan_,
                                              *exchange);
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
    config.echo_closes = plan_.close == CloseBy::kServer;
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
  commands.push_back(make_throughput_command(*load));
  commands.push_back(make_syn_command(*load));
  return commands;
}

}  // namespace millrace::load
