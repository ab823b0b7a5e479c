// SPDX-License-Identifier: BSD-3-Clause
// A load generator against a server, in virtual time.
#pragma once

#include <string>
#include <utility>

#include "load/generator.h"
#include "load/report.h"
#include "unit/app/program_pair.h"

namespace millrace::load {

// What a pair's generator is made of, and so outlives it.
struct GeneratorParts {
  GeneratorParts(const Plan& plan, const ExchangeConfig& config)
      : plan_(with_target(plan)),
        exchange_(Exchange::create(with_host(config)).value()),
        generator_(plan_, exchange_) {}

  static Plan with_target(Plan plan) {
    if (plan.target.port == 0) plan.target = ProgramPair::kTarget;
    return plan;
  }
  static ExchangeConfig with_host(ExchangeConfig exchange) {
    exchange.host = ProgramPair::kTarget.to_string();
    return exchange;
  }

  Plan plan_;
  Exchange exchange_;
  Generator generator_;
  Team<Generator> team_{{&generator_}};
};

class LoadPair : private GeneratorParts, public ProgramPair {
 public:
  LoadPair(const Plan& plan, const ExchangeConfig& exchange, Program& server,
           ShardConfig client = {})
      : GeneratorParts(plan, exchange),
        ProgramPair(generator_, server, with_sources(std::move(client), plan)) {}

  const Generator& generator() const { return generator_; }
  // Until the load runs; false when it never does.
  bool probe(Duration limit = seconds(30)) {
    for (const Instant end = now() + limit; now() < end && !ended() && !generator().running();) {
      step();
    }
    return generator().running();
  }

  [[nodiscard]] TallySnapshot tally() const { return generator().tally().snapshot(); }
  [[nodiscard]] uint64_t get(Count count) const { return generator().tally().get(count); }
  // "timeout 3, peer-reset 1"
  [[nodiscard]] std::string failures() const {
    const TallySnapshot totals = tally();
    std::string out;
    for (size_t i = 0; i < kFailureCount; ++i) {
      if (totals.failures[i] == 0) continue;
      out += (out.empty() ? "" : ", ") + std::string(to_string(static_cast<Failure>(i))) + " " +
             std::to_string(totals.failures[i]);
    }
    return out;
  }
  [[nodiscard]] Reading reading() const { return team_.reading(); }
  // What the reports are made of; valid for as long as this pair lives.
  Outcome outcome() { return {plan_, "loopback", team_, counters(), report()}; }

 private:
  static ShardConfig with_sources(ShardConfig config, const Plan& plan) {
    config.interface.ranges = plan.sources;
    return config;
  }
};

}  // namespace millrace::load
