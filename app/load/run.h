// SPDX-License-Identifier: BSD-3-Clause
// What every mode of `millrace load` has around its program: a target that can be reached, engines,
// a line each second, an orderly end. On the loopback device a server runs in the same process.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/report.h"
#include "serve/serve_program.h"

namespace millrace::load {

// --target, --source: what any mode connects to, and from.
struct Ends {
  std::optional<Endpoint> target;
  std::vector<Prefix> sources;
};
void add_target_option(CLI::App& command, Ends& ends);
void add_source_option(CLI::App& command, Ends& ends);

// Our address on the target's network, or else the first of its family. Requires: there is an
// address at all.
const Prefix& own_towards(const InterfaceConfig& interface, const IpAddress& target);

// Checks what no single option can: the target is there, not ourselves, on a network of ours or
// behind a gateway, and of the sources' family. Puts the sources into the configuration.
Result<void> check_ends(const Ends& ends, EngineConfig& config);

// What a mode says while it runs.
class LiveLine {
 public:
  virtual ~LiveLine() = default;
  // Whether the program is offering load: there is nothing to say before and after.
  [[nodiscard]] virtual bool running() const = 0;
  // What has happened since the last call, `passed` ago; without a line's end.
  virtual std::string line(Duration passed) = 0;
};

struct Ended {
  cli::CounterTotals counters;
  EngineReport engine;
  bool leaked = false;
  std::string complaints;  // what leaked
};

// Runs `programs`, each on a worker, to their end, or until a signal asks for one. `server` is what
// the loopback's other end offers at the target's address. Requires: check_ends() found nothing
// wrong. Errors: a device's or a server's, before the first frame.
Result<Ended> run(const cli::CommonOptions& common, const EngineConfig& config,
                  const Endpoint& target, const serve::ServeConfig& server,
                  const std::vector<Program*>& programs, LiveLine& live);

}  // namespace millrace::load
