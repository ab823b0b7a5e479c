// SPDX-License-Identifier: BSD-3-Clause
// `millrace serve`: options into a ServeProgram on an engine, a line each second, totals at the
// end.
#include "serve/command.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/format.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "serve/serve_program.h"

namespace millrace::serve {
namespace {

struct Totals {
  uint64_t accepted = 0;
  uint64_t failed = 0;
  uint64_t requests = 0;
  uint64_t refused = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

Totals read(const ServiceCounts& counts) {
  return {counts.accepted.get(), counts.failed.get(),   counts.requests.get(),
          counts.refused.get(),  counts.bytes_in.get(), counts.bytes_out.get()};
}

void print_now(const std::string& text) {
  fmt::print("{}", text);
  std::fflush(stdout);
}

class ServeCommand final : public cli::Command {
 public:
  explicit ServeCommand(CLI::App& root)
      : app_(*root.add_subcommand("serve", "HTTP, echo, discard and chargen on a device")) {
    app_.footer(
        "Examples:\n"
        "  millrace serve --device tap:mill0 --address 10.0.0.1/24 --http 80\n"
        "  millrace serve --device memif:/tmp/m.sock,server --address 10.0.0.1/24 --http 80\n"
        "  millrace serve --device pci:0000:3b:00.0 --address 10.0.0.1/24 --gateway 10.0.0.254 \\\n"
        "      --http 80 --echo 7 --cpu 2\n"
        "Sizes take k, m, g (powers of 1024); times take us, ms, s, m, h. Arguments after -- go "
        "to\n"
        "DPDK's EAL. SIGINT and SIGTERM close every connection, print totals, and end with 0.");
    app_.option_defaults()->group("Services (at least one)");
    cli::add_port(app_, "--http", config_.http_port,
                  "HTTP/1.1: / has --body-size bytes, /bytes/N has N");
    cli::add_port(app_, "--echo", config_.echo_port, "sends back what it receives (RFC 862)");
    cli::add_port(app_, "--discard", config_.discard_port, "reads and forgets (RFC 863)");
    cli::add_port(app_, "--chargen", config_.chargen_port, "sends without end (RFC 864)");
    cli::add_size(app_, "--body-size", config_.body_bytes, 0, uint64_t{1} << 40,
                  "bytes of body that / answers with");
    cli::add_flag(app_, "--nagle", nagle_, "let small segments wait for acknowledgements");
    cli::add_common_options(app_, common_);
  }

  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> eal_args) override {
    if (Result<void> loaded = cli::load_config(app_, common_, "serve"); !loaded) {
      return cli::fail(loaded.error());
    }
    if (common_.print_config) {
      print_now(cli::config_to_toml(app_, "serve"));
      return cli::kExitOk;
    }
    if (Result<void> valid = check_services(); !valid) return cli::fail(valid.error());
    Result<EngineConfig> engine_config = cli::to_engine_config(common_, std::move(eal_args));
    if (!engine_config) return cli::fail(engine_config.error());
    if (engine_config->device.kind == DeviceKind::kLoopback) {
      return cli::fail(
          {"serve on 'loopback' has nobody to talk to; loopback is for "
           "'millrace load', which brings its own server"});
    }
    config_.tcp = cli::to_tcp_options(common_, !nagle_);

    cli::StopSignals signals;
    ServeProgram program(config_);
    Program* const programs[] = {&program};
    Result<std::unique_ptr<Engine>> engine = Engine::create(*engine_config, programs);
    if (!engine) return cli::fail(engine.error());
    if (Result<void> started = (*engine)->start(); !started) return cli::fail(started.error());
    say_hello(**engine);
    const Instant began = cli::monotonic_now();
    serve_until_told(**engine, program, signals, began);
    (*engine)->stop();
    const EngineReport report = (*engine)->finish();
    const Duration took = cli::monotonic_now() - began;
    return say_goodbye(**engine, program, report, took);
  }

 private:
  struct Service {
    const char* name;
    uint16_t port;
  };
  [[nodiscard]] std::array<Service, 4> services() const {
    return {{{"http", config_.http_port},
             {"echo", config_.echo_port},
             {"discard", config_.discard_port},
             {"chargen", config_.chargen_port}}};
  }

  [[nodiscard]] Result<void> check_services() const {
    bool any = false;
    const auto all = services();
    for (size_t i = 0; i < all.size(); ++i) {
      any = any || all[i].port != 0;
      for (size_t j = 0; j < i; ++j) {
        if (all[i].port == 0 || all[i].port != all[j].port) continue;
        return Error{fmt::format("--{} and --{} both name port {}; give each its own", all[j].name,
                                 all[i].name, all[i].port)};
      }
    }
    if (any) return {};
    return Error{"no service was named; add --http, --echo, --discard or --chargen with a port"};
  }

  void say_hello(const Engine& engine) const {
    if (common_.quiet || common_.json) return;
    std::string ports;
    for (const Service& service : services()) {
      if (service.port == 0) continue;
      ports +=
          fmt::format("{}{} on port {}", ports.empty() ? "" : ", ", service.name, service.port);
    }
    print_now(fmt::format("{}\nserving {} of {}\n", engine.describe(), ports,
                          common_.address->address.to_string()));
  }

  void serve_until_told(Engine& engine, const ServeProgram& program,
                        const cli::StopSignals& signals, Instant began) const {
    const bool live = cli::wants_live_line(common_);
    const Instant end = common_.duration.ns == 0 ? Instant::never() : began + common_.duration;
    Totals before = read(program.counts());
    Instant last = began;
    while (signals.count() == 0 && engine.running()) {
      const Instant now = cli::monotonic_now();
      if (now >= end) return;
      signals.sleep(std::min(end - now, seconds(1)));
      if (!live) continue;
      const Totals totals = read(program.counts());
      const Instant then = cli::monotonic_now();
      const double passed = (then - last).seconds();
      print_now(fmt::format(
          "{:>8}  open {:>9}  accepted {:>10}  requests {:>10}  out {:>11}\n",
          cli::format_duration(then - began), cli::format_count(program.counts().open.get()),
          rate(totals.accepted - before.accepted, passed),
          rate(totals.requests - before.requests, passed),
          cli::format_bit_rate(static_cast<double>(totals.bytes_out - before.bytes_out) / passed)));
      before = totals;
      last = then;
    }
  }

  static std::string rate(uint64_t count, double passed) {
    return cli::format_rate(static_cast<double>(count) / passed);
  }

  int say_goodbye(const Engine& engine, const ServeProgram& program, const EngineReport& report,
                  Duration took) const {
    const Totals totals = read(program.counts());
    const cli::CounterTotals counters = cli::collect_counters(engine);
    std::string complaints;
    const bool leaked = cli::leaked(report, complaints);
    if (common_.json) {
      nlohmann::json json = {
          {"schema", cli::kReportSchema},
          {"command", "serve"},
          {"seconds", took.seconds()},
          {"connections", {{"accepted", totals.accepted}, {"failed", totals.failed}}},
          {"requests", {{"answered", totals.requests}, {"refused", totals.refused}}},
          {"bytes", {{"in", totals.bytes_in}, {"out", totals.bytes_out}}},
          {"stack", cli::stack_totals_to_json(counters, report)}};
      print_now(json.dump(2) + "\n");
    } else {
      print_now(fmt::format(
          "served for {}: {} connections ({} failed), {} requests ({} refused), {} in, {} out\n{}",
          cli::format_duration(took), cli::format_count(totals.accepted),
          cli::format_count(totals.failed), cli::format_count(totals.requests),
          cli::format_count(totals.refused), cli::format_bytes(totals.bytes_in),
          cli::format_bytes(totals.bytes_out), cli::format_stack_totals(counters, report)));
    }
    if (!leaked) return cli::kExitOk;
    fmt::print(stderr, "{}", complaints);
    return cli::kExitFailed;
  }

  CLI::App& app_;
  cli::CommonOptions common_;
  ServeConfig config_;
  bool nagle_ = false;
};

}  // namespace

std::unique_ptr<cli::Command> add_serve_command(CLI::App& root) {
  return std::make_unique<ServeCommand>(root);
}

}  // namespace millrace::serve
