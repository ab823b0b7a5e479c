// SPDX-License-Identifier: BSD-3-Clause
// `millrace load cps` and `millrace load rps`: options into a Generator on an engine, a line each
// second, the report at the end. On the loopback device a server runs in the same process.
#include "load/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/format.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/signals.h"
#include "load/report.h"
#include "serve/serve_program.h"

namespace millrace::load {
namespace {

// An option whose value is one of a few words.
template <class T>
void add_choice(CLI::App& command, const std::string& name, T& target,
                std::vector<std::pair<std::string, T>> choices, const std::string& description) {
  std::string words;
  for (const auto& [word, value] : choices) words += (words.empty() ? "" : "|") + word;
  cli::add_parsed(
      command, name, words,
      [&target, choices, words](const std::string& text) -> Result<void> {
        for (const auto& [word, value] : choices) {
          if (word != text) continue;
          target = value;
          return {};
        }
        return Error{"give one of " + words};
      },
      description)
      ->default_str(choices.front().first);
}

class LoadCommand final : public cli::Command {
 public:
  LoadCommand(CLI::App& load, Mode mode, const std::string& name, const std::string& description)
      : app_(*load.add_subcommand(name, description)), name_(name) {
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
    app_.option_defaults()->group("Load");
    cli::add_endpoint(app_, "-t,--target", target_, "whom to connect to");
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
    add_choice(app_, "--protocol", exchange_.protocol,
               {{"http", Protocol::kHttp}, {"echo", Protocol::kEcho}}, "what is said");
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
    add_choice(
        app_, "--close", plan_.close,
        {{"client", CloseBy::kClient}, {"server", CloseBy::kServer}, {"reset", CloseBy::kReset}},
        "who ends a connection, and how: our FIN, the server's, our RST");
    cli::add_parsed(
        app_, "--source", "A.B.C.D/LEN",
        [this](const std::string& text) -> Result<void> {
          const Result<Prefix> range = Prefix::parse(text);
          if (!range || !range->address.is_v4() || range->length < 8) {
            return Error{"give a range of IPv4 addresses, such as 10.0.1.0/24"};
          }
          plan_.sources.push_back(*range);
          return {};
        },
        "connect from all addresses of this range; may be given more than once")
        ->expected(1, 1000)
        ->allow_extra_args(false);
    cli::add_common_options(app_, common_);
    common_.duration = seconds(10);
    app_.get_option("--duration")->default_str("10s");
  }

  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> eal_args) override {
    if (Result<void> loaded = cli::load_config(app_, common_, "load"); !loaded) {
      return cli::fail(loaded.error());
    }
    if (common_.print_config) {
      cli::say(cli::config_to_toml(app_, "load"));
      return cli::kExitOk;
    }
    Result<EngineConfig> config = cli::to_engine_config(common_, std::move(eal_args));
    if (!config) return cli::fail(config.error());
    if (Result<void> planned = make_plan(*config); !planned) return cli::fail(planned.error());
    const Result<Exchange> exchange = Exchange::create(exchange_);
    if (!exchange) return cli::fail(exchange.error());

    cli::StopSignals signals;
    Generator generator(plan_, *exchange);
    const bool loopback = config->device.kind == DeviceKind::kLoopback;
    serve::ServeProgram server(loopback_server());
    std::unique_ptr<Engine> server_engine;
    std::unique_ptr<Engine> engine;
    if (loopback) {
      EngineConfig server_config = *config;
      server_config.shard.interface.addresses = {{plan_.target.address, common_.address->length}};
      server_config.shard.interface.source_ranges.clear();
      server_config.shard.interface.routes.clear();
      auto engines = Engine::create_loopback(server_config, server, *config, generator);
      if (!engines) return cli::fail(engines.error());
      server_engine = std::move(engines->first);
      engine = std::move(engines->second);
      if (Result<void> started = server_engine->start(); !started) {
        return cli::fail(started.error());
      }
    } else {
      Program* const programs[] = {&generator};
      Result<std::unique_ptr<Engine>> created = Engine::create(*config, programs);
      if (!created) return cli::fail(created.error());
      engine = std::move(*created);
    }
    if (Result<void> started = engine->start(); !started) return cli::fail(started.error());
    if (!common_.quiet && !common_.json) cli::say(engine->describe() + "\n");
    watch(*engine, generator, signals);
    engine->stop();
    const EngineReport report = engine->finish();
    std::string complaints;
    bool leaked = cli::leaked(report, complaints);
    if (server_engine != nullptr) {
      server_engine->stop();
      leaked = cli::leaked(server_engine->finish(), complaints) || leaked;
    }
    const cli::CounterTotals counters = cli::collect_counters(*engine);
    return say_result({plan_, exchange_.protocol, common_.device, generator, counters, report},
                      leaked, complaints);
  }

 private:
  // What no single option can judge.
  Result<void> make_plan(EngineConfig& config) {
    if (!target_) return Error{"no target was given; add --target, such as --target 10.0.0.1:80"};
    const IpAddress& target = target_->address;
    bool routed = false;
    for (const Prefix& network : config.shard.interface.addresses) {
      if (network.address == target) {
        return Error{fmt::format("--target {} is our own address; give another host's",
                                 target_->to_string())};
      }
      routed = routed || network.contains(target);
    }
    for (const Route& route : config.shard.interface.routes) {
      routed = routed || route.destination.contains(target);
    }
    if (!routed) {
      return Error{fmt::format("--target {} is on no network of ours; add --gateway or --route",
                               target_->to_string())};
    }
    if (!target.is_v4()) {
      return Error{
          fmt::format("--target {} is not IPv4; IPv6 is not supported yet", target_->to_string())};
    }
    plan_.target = *target_;
    plan_.duration = common_.duration;
    plan_.tcp = cli::to_tcp_options(common_, true);
    config.shard.interface.source_ranges = plan_.sources;
    config.shard.connections_max = std::max(config.shard.connections_max, plan_.concurrency + 64);
    exchange_.host = target_->to_string();
    exchange_.close = plan_.mode == Mode::kCps && plan_.close == CloseBy::kServer;
    if (exchange_.protocol == Protocol::kEcho && exchange_.request_bytes == 0) {
      exchange_.request_bytes = 64;
    }
    return {};
  }

  [[nodiscard]] serve::ServeConfig loopback_server() const {
    serve::ServeConfig config;
    config.tcp = plan_.tcp;
    (exchange_.protocol == Protocol::kHttp ? config.http_port : config.echo_port) =
        plan_.target.port;
    return config;
  }

  void watch(Engine& engine, const Generator& generator, const cli::StopSignals& signals) const {
    const bool live = cli::wants_live_line(common_);
    const Instant began = cli::monotonic_now();
    Instant last = began;
    TallySnapshot before = generator.tally().snapshot();
    Histogram seen;
    while (engine.running() && signals.count() == 0) {
      const Instant next = last + seconds(1);
      const Duration until_line = live ? next - cli::monotonic_now() : milliseconds(50);
      signals.sleep(std::clamp(until_line, milliseconds(1), milliseconds(50)));
      const Instant now = cli::monotonic_now();
      if (!live || now < next || !generator.running()) continue;
      TallySnapshot gained = generator.tally().snapshot();
      const TallySnapshot after = gained;
      gained -= before;
      Histogram all;
      all.merge(generator.response_times());
      Histogram recent;
      recent.merge(all);
      recent.subtract(seen);
      const double passed = (now - last).seconds();
      const auto rate = [&](Count count) {
        return cli::format_rate(static_cast<double>(gained.get(count)) / passed);
      };
      cli::say(fmt::format(
          "{:>8}  open {:>9}  connections {:>10}  requests {:>10}  failed {:>7}  p99 {:>8}\n",
          cli::format_duration(now - began), cli::format_count(after.open()),
          rate(Count::kCompleted), rate(Count::kResponses), cli::format_count(gained.failed()),
          cli::format_duration(recent.percentile(99))));
      seen = std::move(all);
      before = after;
      last = now;
    }
  }

  int say_result(const Outcome& outcome, bool leaked, const std::string& complaints) const {
    const std::string& error = outcome.generator.error();
    if (common_.json) {
      cli::say(to_json(outcome).dump(2) + "\n");
    } else if (error.empty()) {
      cli::say(to_text(outcome));
    }
    if (!error.empty()) cli::complain(fmt::format("millrace: {}\n", error));
    if (leaked) cli::complain(complaints);
    return succeeded(outcome) && !leaked ? cli::kExitOk : cli::kExitFailed;
  }

  CLI::App& app_;
  std::string name_;
  cli::CommonOptions common_;
  std::optional<Endpoint> target_;
  Plan plan_;
  ExchangeConfig exchange_;
};

}  // namespace

std::vector<std::unique_ptr<cli::Command>> add_load_commands(CLI::App& root) {
  CLI::App* load = root.add_subcommand("load", "offers load to a server and measures it");
  load->require_subcommand(1);
  load->footer("millrace load MODE --help says more about each.");
  std::vector<std::unique_ptr<cli::Command>> commands;
  commands.push_back(std::make_unique<LoadCommand>(
      *load, Mode::kCps, "cps", "connections per second: connect, request, response, close"));
  commands.push_back(std::make_unique<LoadCommand>(
      *load, Mode::kRps, "rps", "requests per second on connections that are kept open"));
  return commands;
}

}  // namespace millrace::load
