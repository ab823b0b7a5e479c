// SPDX-License-Identifier: BSD-3-Clause
#include "load/throughput_command.h"

#include <algorithm>

#include "load/figures.h"
#include "load/mode_command.h"
#include "load/throughput_report.h"

namespace millrace::load {
namespace {

std::string throughput_line(const Interval& i) {
  const auto rate = [&](Count count) {
    return cli::format_bit_rate(per_second(i.gained.get(count), i.length));
  };
  return fmt::format("open {:>9}  up {:>11}  down {:>11}  failed {:>7}", cli::format_count(i.open),
                     rate(Count::kBytesSent), rate(Count::kBytesReceived),
                     cli::format_count(i.gained.failed()));
}

class ThroughputCommand final : public ModeCommand {
 public:
  explicit ThroughputCommand(CLI::App& load)
      : ModeCommand(load, "throughput", "bytes per second on connections that are kept open") {
    app_.footer(
        "Examples:\n"
        "  # to a server that reads and forgets: millrace serve ... --discard 9\n"
        "  millrace load throughput --device memif:/tmp/m.sock --address 10.0.0.2/24 \\\n"
        "      --target 10.0.0.1:9\n"
        "  # from one that sends without end: millrace serve ... --chargen 19\n"
        "  millrace load throughput --device loopback --address 10.0.0.2/24 \\\n"
        "      --target 10.0.0.1:19 --direction down --concurrency 64\n"
        "The exit status is 0 when bytes were moved and no connection failed, 1 when one did, 2\n"
        "when an option was wrong. Arguments after -- go to DPDK's EAL.");
    add_targets_option(app_, ends_);
    cli::add_choice(app_, "--direction", "up|down|both", plan_.direction, {"up", "down", "both"},
                    "up: to a server that reads; down: from one that sends unasked; both: to one "
                    "that echoes, and what comes back is compared");
    cli::add_number(app_, "-c,--concurrency", plan_.concurrency, 1u, 1u << 24, "connections");
    cli::add_number(app_, "-r,--rate", rate_, uint64_t{0}, UINT64_MAX,
                    "bits per second to send, on all connections together; 0: as many as go");
    cli::add_duration(app_, "--timeout", plan_.timeout, milliseconds(1), seconds(3600),
                      "a connection has failed when it made no progress for so long");
    add_source_option(app_, ends_);
    add_common_options();
    add_find_max({"rate", "bit/s", "Inspected Throughput", 0.97,
                  [](const nlohmann::json& r) { return r["bits_per_second"]["up"].get<double>(); }},
                 10'000'000);
  }

 private:
  int run_on(EngineConfig& config) override {
    fill_in(plan_);
    if (rate_ != 0 && plan_.direction == Direction::kDown) {
      return cli::fail({"--rate is of what we send; the target decides what it sends"});
    }
    plan_.tcp.pacing_rate_max =
        rate_ == 0 ? 0 : std::max<uint64_t>(rate_ / 8 / plan_.concurrency, 1);
    config.shard.connections_max = std::max(config.shard.connections_max, plan_.concurrency + 64);
    return run_and_report<Throughput, ThroughputOutcome>(config, loopback_server(), throughput_line,
                                                         plan_);
  }

  [[nodiscard]] serve::ServeConfig loopback_server() const {
    serve::ServeConfig config;
    config.tcp = plan_.tcp;
    switch (plan_.direction) {
      case Direction::kUp:
        config.discard_port = plan_.target.port;
        break;
      case Direction::kDown:
        config.chargen_port = plan_.target.port;
        break;
      case Direction::kBoth:
        config.echo_port = plan_.target.port;
        break;
    }
    return config;
  }

  ThroughputPlan plan_;
  uint64_t rate_ = 0;
};

}  // namespace

std::unique_ptr<cli::Command> make_throughput_command(CLI::App& load) {
  return std::make_unique<ThroughputCommand>(load);
}

}  // namespace millrace::load
