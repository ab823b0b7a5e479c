// SPDX-License-Identifier: BSD-3-Clause
// Several modes at once: parts that a person wrote as options of `millrace load MODE`, each a
// Generator of its own on every worker. In: lines such as "cps --weight 3 --close reset". Out:
// plans, divided by weight where a part does not say itself how much it does.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "load/generator.h"
#include "load/plan_options.h"
#include "load/report.h"
#include "millrace/result.h"

namespace millrace::load {

struct MixPart {
  PlanOptions options;
  uint32_t weight = 1;
  bool own_rate = false;
  bool own_concurrency = false;
};
// Errors: no mode that can be mixed, or what its options say.
Result<std::unique_ptr<MixPart>> parse_mix_part(const std::string& text);

// Divides the whole's rate among parts that have none of their own, as arrivals of each, and its
// concurrency likewise. Errors: fewer connections than parts.
Result<void> weigh(const Plan& whole, std::vector<std::unique_ptr<MixPart>>& parts);

// All parts on one shard.
class Mix final : public Program {
 public:
  // They must outlive this.
  explicit Mix(std::vector<Generator*> parts);

  Result<void> start(Shard& shard) override;
  void turn(Shard& shard) override;
  void stopping(Shard& shard) override;
  [[nodiscard]] bool finished() const override;

 private:
  std::vector<Generator*> parts_;
};

// What the whole is reported by; `plan` and `team` of a part, in the order of parts.
struct MixPlan : Plan {
  struct Part {
    const Plan* plan = nullptr;
    Team<Generator> team;
  };
  std::vector<Part> parts;
};
struct MixOutcome : Outcome {
  MixOutcome(const MixPlan& plan, const std::string& device, const Team<Generator>& all,
             const cli::CounterTotals& counters, const EngineReport& engine,
             const std::vector<Interval>* intervals);
};

}  // namespace millrace::load
