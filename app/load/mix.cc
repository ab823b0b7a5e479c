// SPDX-License-Identifier: BSD-3-Clause
#include "load/mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "cli/values.h"

namespace millrace::load {
namespace {

constexpr std::array<std::pair<std::string_view, Mode>, 3> kModes = {
    {{"cps", Mode::kCps}, {"rps", Mode::kRps}, {"cc", Mode::kCc}}};

}  // namespace

Result<std::unique_ptr<MixPart>> parse_mix_part(const std::string& text) {
  const size_t space = std::min(text.find(' '), text.size());
  const auto mode = std::find_if(kModes.begin(), kModes.end(), [&](const auto& known) {
    return known.first == std::string_view(text).substr(0, space);
  });
  if (mode == kModes.end()) {
    return Error{"begin with cps, rps or cc, then the options that it has on its own"};
  }
  auto part = std::make_unique<MixPart>();
  part->options.plan.mode = mode->second;
  CLI::App app;
  app.set_help_flag();
  add_plan_options(app, part->options);
  cli::add_number(app, "--weight", part->weight, 1u, 1u << 20, "");
  try {
    app.parse(text.substr(space));
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    what.resize(std::min(what.find('\n'), what.size()));
    return Error{what};
  }
  const CLI::Option* rate = app.get_option_no_throw("--rate");
  part->own_rate = rate == nullptr || rate->count() != 0;
  part->own_concurrency = app.get_option("--concurrency")->count() != 0;
  return part;
}

Result<void> weigh(const Plan& whole, std::vector<std::unique_ptr<MixPart>>& parts) {
  // Each from what those before have left, so that nothing is lost by rounding.
  const auto divide = [&](uint64_t total, bool MixPart::*own, auto give) {
    uint64_t weights = 0;
    for (const auto& part : parts) weights += part.get()->*own ? 0 : part->weight;
    for (const auto& part : parts) {
      if (part.get()->*own) continue;
      const uint64_t share = total * part->weight / weights;
      total -= share;
      weights -= part->weight;
      give(part->options.plan, share);
    }
  };
  divide(whole.rate, &MixPart::own_rate, [](Plan& plan, uint64_t share) { plan.rate = share; });
  divide(whole.concurrency, &MixPart::own_concurrency,
         [](Plan& plan, uint64_t share) { plan.concurrency = static_cast<uint32_t>(share); });
  for (const auto& part : parts) {
    const Plan& plan = part->options.plan;
    if (plan.concurrency == 0) return Error{"a part has no connections; raise --concurrency"};
    if (whole.rate != 0 && !part->own_rate && plan.rate == 0) {
      return Error{"a part has no arrivals; raise --rate"};
    }
  }
  return {};
}

Mix::Mix(std::vector<Generator*> parts) : parts_(std::move(parts)) {
  for (Generator* part : std::span(parts_).subspan(1)) part->leave_stack_to_another();
}

Result<void> Mix::start(Shard& shard) {
  for (Generator* part : parts_) {
    if (Result<void> started = part->start(shard); !started) return started;
  }
  return {};
}

void Mix::turn(Shard& shard) {
  for (Generator* part : parts_) part->turn(shard);
}

void Mix::stopping(Shard& shard) {
  for (Generator* part : parts_) part->stopping(shard);
}

bool Mix::finished() const {
  return std::all_of(parts_.begin(), parts_.end(),
                     [](const Generator* part) { return part->finished(); });
}

MixOutcome::MixOutcome(const MixPlan& mix, const std::string& wire, const Team<Generator>& all,
                       const cli::CounterTotals& counts, const EngineReport& ended,
                       const std::vector<Interval>* log)
    : Outcome{mix, wire, all, counts, ended, log, {}} {
  for (const MixPlan::Part& part : mix.parts) {
    parts.push_back({*part.plan, wire, part.team, counts, ended, nullptr, {}});
  }
}

}  // namespace millrace::load
