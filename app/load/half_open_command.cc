// SPDX-License-Identifier: BSD-3-Clause
#include "load/half_open_command.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "load/figures.h"
#include "load/generator_line.h"
#include "load/mode_command.h"
#include "load/report.h"
#include "load/syn_report.h"

namespace millrace::load {
namespace {

class HalfOpenCommand final : public ModeCommand {
 public:
  explicit HalfOpenCommand(CLI::App& load)
      : ModeCommand(load, "half-open",
                    "connections begun and never finished, while honest clients are measured") {
    app_.footer(
        "Examples:\n"
        "  # a thousand clients a second, beside 100,000 half-open connections from 10.1.0.0/16,\n"
        "  # which the server has behind a route to us:\n"
        "  # millrace serve ... --half-open-max 65536 --route 10.1.0.0/16=10.0.0.2\n"
        "  millrace load half-open --device memif:/tmp/m.sock --address 10.0.0.2/24 \\\n"
        "      --target 10.0.0.1:80 --source 10.1.0.0/16 --half-open 100000 --rate 1000 \\\n"
        "      --require 'connect.p99<5ms'\n"
        "Only for machines that you may overload. The exit status is that of the honest clients:\n"
        "0 when none failed, 1 when one did, 2 when an option was wrong. Arguments after -- go to\n"
        "DPDK's EAL.");
    add_target_option(app_, ends_);
    cli::add_number(app_, "--half-open", plan_.embryonic.count, uint64_t{1}, UINT64_MAX,
                    "SYNs to send, each from an address and port of its own, before clients come");
    cli::add_number(app_, "--open-rate", plan_.embryonic.rate, uint64_t{0}, kRateMax,
                    "of them per second; 0: as many as the device takes");
    cli::add_number(app_, "-c,--concurrency", plan_.clients.concurrency, 1u, 1u << 24,
                    "clients at a time, at most");
    cli::add_number(app_, "-r,--rate", plan_.clients.rate, uint64_t{0}, kRateMax,
                    "clients per second; 0: a new one when one has ended");
    cli::add_duration(app_, "--timeout", plan_.clients.timeout, milliseconds(1), seconds(3600),
                      "for each step of a client, and for the target's first answer");
    cli::add_choice(app_, "--protocol", "http|echo", exchange_.protocol, {"http", "echo"},
                    "what clients say");
    cli::add_text(app_, "--path", exchange_.paths.front(), "http: what to GET");
    add_source_option(app_, ends_);
    add_common_options();
  }

 private:
  int run_on(EngineConfig& config) override {
    if (ends_.sources.empty()) {
      return cli::fail({"half-open connections need addresses of their own; add --source"});
    }
    const IpAddress own = own_towards(config.shard.interface, ends_.target().address).address;
    for (const AddressRange& range : ends_.sources) {
      if (!range.contains(own)) continue;
      return cli::fail(
          {fmt::format("--source {} includes {}, which clients come from; leave it out",
                       range.to_string(), own.to_string())});
    }
    fill_in(plan_.embryonic);
    fill_in(plan_.clients);
    plan_.clients.sources.clear();
    plan_.embryonic.duration = {};
    plan_.embryonic.timeout = plan_.clients.timeout;
    plan_.embryonic.mss = syn_mss(plan_.embryonic.target);
    plan_.embryonic.seed = static_cast<uint64_t>(cli::monotonic_now().ns);
    config.shard.connections_max =
        std::max(config.shard.connections_max, plan_.clients.concurrency + 64);
    exchange_.host = plan_.clients.target.to_string();
    if (exchange_.protocol == Protocol::kEcho) exchange_.request_bytes = 64;
    const Result<Exchange> exchange = Exchange::create(exchange_);
    if (!exchange) return cli::fail(exchange.error());

    const Crew<HalfOpen> crew(divide(plan_, common_.workers), *exchange);
    const std::vector<HalfOpen*> members = crew.members();
    std::vector<Program*> programs(members.begin(), members.end());
    std::vector<Generator*> clients;
    std::vector<const SynFlood*> floods;
    for (HalfOpen* member : members) {
      clients.push_back(&member->clients());
      floods.push_back(&member->embryonic());
    }
    return run_team<Outcome>(config, loopback_server(), generator_line, plan_.clients,
                             Team<Generator>(std::move(clients)), programs,
                             [&](nlohmann::json& json, std::string& text) {
                               json["mode"] = "half-open";
                               json["half_open"] = half_open_json(floods);
                               text = half_open_lines(floods) + text;
                             });
  }

  [[nodiscard]] serve::ServeConfig loopback_server() const {
    serve::ServeConfig config;
    config.tcp = plan_.clients.tcp;
    (exchange_.protocol == Protocol::kHttp ? config.http_port : config.echo_port) =
        plan_.clients.target.port;
    return config;
  }

  HalfOpenPlan plan_{.embryonic = {.count = 10'000}, .clients = {}};
  ExchangeConfig exchange_;
};

SynTotals sum_up(const std::vector<const SynFlood*>& floods) {
  SynTotals all;
  for (const SynFlood* flood : floods) all += totals_of(*flood);
  return all;
}

}  // namespace

std::string half_open_lines(const std::vector<const SynFlood*>& floods) {
  const SynTotals all = sum_up(floods);
  std::string out = "\nhalf-open\n";
  out += figure_line("SYNs sent", all.sent, "");
  out += figure_line("  by SYN-ACK", all.syn_acks, "");
  out += figure_line_if_any("  by RST", all.resets);
  out += figure_line_if_any("unanswered", all.sent - all.syn_acks - all.resets);
  out += figure_line_if_any("repeated answers", all.repeated);
  return out;
}

nlohmann::json half_open_json(const std::vector<const SynFlood*>& floods) {
  const SynTotals all = sum_up(floods);
  return {{"sent", all.sent},
          {"syn_ack", all.syn_acks},
          {"rst", all.resets},
          {"none", all.sent - all.syn_acks - all.resets},
          {"repeated", all.repeated}};
}

std::unique_ptr<cli::Command> make_half_open_command(CLI::App& load) {
  return std::make_unique<HalfOpenCommand>(load);
}

}  // namespace millrace::load
