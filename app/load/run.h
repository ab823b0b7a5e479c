// SPDX-License-Identifier: BSD-3-Clause
// What every mode of `millrace load` has around its program: a target that can be reached, engines,
// a line each second, an orderly end. On the loopback device a server runs in the same process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/report.h"
#include "load/interval_log.h"
#include "load/report_options.h"
#include "load/targets.h"
#include "load/team.h"
#include "serve/serve_program.h"

namespace millrace::load {

// --target, --source: what any mode connects to, and from.
struct Ends {
  std::vector<Target> targets;
  std::vector<AddressRange> sources;

  // The first. Requires: there is one.
  [[nodiscard]] const Endpoint& target() const { return targets.front().endpoint; }
};
void add_target_option(CLI::App& command, Ends& ends);
// The same, and it may be given more than once.
void add_targets_option(CLI::App& command, Ends& ends);
void add_source_option(CLI::App& command, Ends& ends);

// Our address on the target's network, or else the first of its family. Requires: there is an
// address at all.
const InterfaceAddress& own_towards(const InterfaceConfig& interface, const IpAddress& target);

// Checks what no single option can: the target is there, not ourselves, on a network of ours or
// behind a gateway; the sources are of its family, apart from each other, not too many, and can be
// answered. Puts the sources into the configuration. Without any, those of `config` become sources.
Result<void> check_ends(Ends& ends, EngineConfig& config);

// What to add to an error when the target did not answer: that it has to know the way to sources
// that are on none of our networks. Empty when there are none.
std::string advice_on_sources(const Ends& ends, const InterfaceConfig& interface);

// What the main thread asks of a run that goes on; a Team answers it.
class Observed {
 public:
  virtual ~Observed() = default;
  // Whether load is offered: there is nothing to say before and after.
  [[nodiscard]] virtual bool running() const = 0;
  // Since when; never() before that.
  [[nodiscard]] virtual Instant began() const = 0;
  [[nodiscard]] virtual Reading reading() const = 0;
  // When the workers have ended.
  [[nodiscard]] virtual Duration ran_for() const = 0;
};

template <class Load>
class ObservedTeam final : public Observed {
 public:
  explicit ObservedTeam(const Team<Load>& team) : team_(team) {}
  [[nodiscard]] bool running() const override { return team_.running(); }
  [[nodiscard]] Instant began() const override { return team_.began(); }
  [[nodiscard]] Reading reading() const override { return team_.reading(); }
  [[nodiscard]] Duration ran_for() const override { return team_.ran_for(); }

 private:
  const Team<Load>& team_;
};

// What a mode says of an interval, without a line's end.
using LineOf = std::string (*)(const Interval& interval);

// How a run is watched.
struct Watching {
  const Observed& observed;
  LineOf line;
  Duration interval;
  JsonLines& json_lines;
  bool quiet = false;  // no lines for people: stdout is JSON's
  std::string plan;    // said to them before all others
};

struct Ended {
  cli::CounterTotals counters;
  EngineReport engine;
  bool leaked = false;
  std::string complaints;  // what leaked
  std::vector<Interval> intervals;
};

// Runs `programs`, each on a worker, to their end, or until a signal asks for one. `server` is what
// the loopback's other end offers at the targets' addresses. Requires: check_ends() found nothing
// wrong. Errors: a device's or a server's, before the first frame.
Result<Ended> run(const cli::CommonOptions& common, const EngineConfig& config,
                  const std::vector<Target>& targets, const serve::ServeConfig& server,
                  const std::vector<Program*>& programs, const Watching& watching);

}  // namespace millrace::load
