// SPDX-License-Identifier: BSD-3-Clause
#include "load/mix_command.h"

#include <algorithm>
#include <string>
#include <utility>

#include "load/generator_line.h"
#include "load/mix.h"
#include "load/mode_command.h"

namespace millrace::load {
namespace {

class MixCommand final : public ModeCommand {
 public:
  explicit MixCommand(CLI::App& load)
      : ModeCommand(load, "mix", "several of cps, rps and cc at once, by weight") {
    app_.footer(
        "Examples:\n"
        "  # three new connections for each request on kept ones, and a thousand that only stay\n"
        "  millrace load mix --device memif:/tmp/m.sock --address 10.0.0.2/24 \\\n"
        "      --target 10.0.0.1:80 --rate 20000 --part 'cps --weight 3 --close reset' \\\n"
        "      --part 'rps --pipeline 4' --part 'cc --concurrency 1000 --every 10s'\n"
        "In a file: part = [\"cps --weight 3\", \"rps\"]. The options of a part are those of its\n"
        "mode; what they leave open comes from here. The exit status is that of cps. Arguments\n"
        "after -- go to DPDK's EAL.");
    add_targets_option(app_, ends_);
    cli::add_parsed(
        app_, "--part", "'MODE [OPTIONS]'",
        [this](const std::string& text) -> Result<void> {
          auto part = parse_mix_part(text);
          if (!part) return part.error();
          parts_.push_back(std::move(*part));
          return {};
        },
        "cps, rps or cc with options of its own, and its --weight (default 1) beside the others; "
        "given once for each")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    cli::add_number(app_, "-c,--concurrency", whole_.concurrency, 1u, 1u << 24,
                    "connections of all parts that do not say how many");
    cli::add_number(app_, "-r,--rate", whole_.rate, uint64_t{0}, kRateMax,
                    "arrivals per second of all parts that do not say how many; 0: as many as go");
    add_source_option(app_, ends_);
    add_common_options();
  }

 private:
  int run_on(EngineConfig& config) override {
    if (parts_.empty()) return cli::fail({"there is nothing to mix; add --part, such as 'cps'"});
    if (Result<void> weighed = weigh(whole_, parts_); !weighed) return cli::fail(weighed.error());
    fill_in(whole_);
    whole_.concurrency = 0;
    whole_.rate = 0;
    std::vector<Exchange> exchanges;
    for (const auto& part : parts_) {
      fill_in(part->options.plan);
      whole_.concurrency += part->options.plan.concurrency;
      whole_.rate += part->options.plan.rate;
      Result<Exchange> exchange = complete(part->options);
      if (!exchange) return cli::fail(exchange.error());
      exchanges.push_back(std::move(*exchange));
    }
    config.shard.connections_max = std::max(config.shard.connections_max, whole_.concurrency + 64);
    const serve::ServeConfig server = server_for(parts_.front()->options);
    if (config.device.kind == DeviceKind::kLoopback) {
      for (const auto& part : parts_) {
        const serve::ServeConfig other = server_for(part->options);
        if (other.http_port == server.http_port && other.closing == server.closing) continue;
        return cli::fail(
            {"the loopback's server is one: give parts one --protocol, and let "
             "none of them or all be closed by it"});
      }
    }
    return run_parts(config, server, exchanges);
  }

  int run_parts(const EngineConfig& config, const serve::ServeConfig& server,
                const std::vector<Exchange>& exchanges) {
    MixPlan plan{whole_, {}};
    std::vector<Crew<Generator>> crews;
    std::vector<Generator*> all;
    std::vector<std::vector<Generator*>> of_worker(common_.workers);
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Plan& part = parts_[i]->options.plan;
      crews.emplace_back(divide(part, common_.workers), exchanges[i]);
      const std::vector<Generator*> members = crews.back().members();
      for (size_t w = 0; w < members.size(); ++w) of_worker[w].push_back(members[w]);
      all.insert(all.end(), members.begin(), members.end());
      plan.parts.push_back({&part, crews.back().team()});
    }
    std::vector<std::unique_ptr<Mix>> mixes;
    std::vector<Program*> programs;
    for (const std::vector<Generator*>& members : of_worker) {
      if (members.empty()) continue;
      mixes.push_back(std::make_unique<Mix>(members));
      programs.push_back(mixes.back().get());
    }
    return run_team<MixOutcome>(config, server, generator_line, plan,
                                Team<Generator>(std::move(all)), programs,
                                [](nlohmann::json&, std::string&) {});
  }

  Plan whole_;
  std::vector<std::unique_ptr<MixPart>> parts_;
};

}  // namespace

std::unique_ptr<cli::Command> make_mix_command(CLI::App& load) {
  return std::make_unique<MixCommand>(load);
}

}  // namespace millrace::load
