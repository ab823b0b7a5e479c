// SPDX-License-Identifier: BSD-3-Clause
#include "load/syn_command.h"

#include <algorithm>

#include "cli/signals.h"
#include "load/figures.h"
#include "load/mode_command.h"
#include "load/syn_report.h"

namespace millrace::load {
namespace {

std::string syn_line(const Interval& i) {
  const auto rate = [&](uint64_t count) { return cli::format_rate(per_second(count, i.length)); };
  return fmt::format("SYNs {:>10}  SYN-ACKs {:>10}  RSTs {:>10}",
                     rate(i.gained.get(Count::kLaunched)), rate(i.gained.get(Count::kEstablished)),
                     rate(i.gained.get(failure_of(CloseReason::kRefused))));
}

class SynCommand final : public ModeCommand {
 public:
  explicit SynCommand(CLI::App& load)
      : ModeCommand(load, "syn", "a flood of SYNs, and what is answered to them") {
    app_.footer(
        "Examples:\n"
        "  # a second of SYNs from 65,534 addresses, that the server has behind a route to us:\n"
        "  # millrace serve ... --syn-cookies always --route 10.1.0.0/16=10.0.0.2\n"
        "  millrace load syn --device memif:/tmp/m.sock --address 10.0.0.2/24 \\\n"
        "      --target 10.0.0.1:80 --source 10.1.0.0/16 --duration 1s\n"
        "  # 10,000 at 1,000 a second, and a RST for each SYN-ACK\n"
        "  millrace load syn --device af_packet:eth1 --address 10.0.0.2/24 \\\n"
        "      --target 10.0.0.1:80 --rate 1000 --count 10000 --reset\n"
        "Only for machines that you may overload. The exit status is 0 when SYNs were sent, 1 "
        "when\n"
        "none was, 2 when an option was wrong. Arguments after -- go to DPDK's EAL.");
    add_target_option(app_, ends_);
    cli::add_number(app_, "-r,--rate", plan_.rate, uint64_t{0}, kRateMax,
                    "SYNs per second; 0: as many as the device takes");
    cli::add_number(app_, "-n,--count", plan_.count, uint64_t{0}, UINT64_MAX,
                    "SYNs to send, then end; 0: no limit");
    cli::add_duration(app_, "--timeout", plan_.timeout, milliseconds(1), seconds(3600),
                      "for the target's first answer to ARP, and for its last to a SYN");
    cli::add_flag(app_, "--reset", plan_.reset,
                  "answer SYN-ACKs by RST, so that the target forgets them; not unless given");
    add_source_option(app_, ends_);
    add_common_options();
  }

 private:
  int run_on(EngineConfig& config) override {
    fill_in(plan_);
    if (common_.addresses.empty()) {
      return cli::fail({"no address was given to send from; add --address"});
    }
    plan_.address = own_towards(config.shard.interface, plan_.target.address).address;
    plan_.mss = syn_mss(plan_.target);
    plan_.seed = static_cast<uint64_t>(cli::monotonic_now().ns);
    if (plan_.reset) config.shard.rst_per_second = UINT32_MAX;
    return run_and_report<SynFlood, SynOutcome>(config, loopback_server(), syn_line, plan_);
  }

  [[nodiscard]] serve::ServeConfig loopback_server() const {
    serve::ServeConfig config;
    config.tcp = plan_.tcp;
    config.discard_port = plan_.target.port;
    return config;
  }

  SynPlan plan_;
};

}  // namespace

std::unique_ptr<cli::Command> make_syn_command(CLI::App& load) {
  return std::make_unique<SynCommand>(load);
}

}  // namespace millrace::load
