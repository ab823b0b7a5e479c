// SPDX-License-Identifier: BSD-3-Clause
// The inside of an engine: what it owns, in the order in which it is made.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "millrace/engine.h"
#include "nic/eal.h"
#include "nic/impaired.h"
#include "nic/port.h"
#include "nic/wire.h"
#include "runtime/exchange.h"
#include "runtime/listings.h"
#include "runtime/mover.h"
#include "runtime/moving.h"
#include "runtime/steerer.h"
#include "runtime/worker.h"

namespace millrace {

class Engine::Impl {
 public:
  // Members are destroyed from the last to the first.
  nic::Eal eal;
  std::unique_ptr<nic::Port> port;  // none on a loopback
  std::vector<std::unique_ptr<nic::Wire>> loopback_ends;
  MacAddress mac;
  std::string description;
  // With more than one worker.
  std::unique_ptr<runtime::Exchange> exchange;
  std::unique_ptr<runtime::Moving> moving;
  std::vector<std::unique_ptr<runtime::Steerer>> steerers;
  std::vector<std::unique_ptr<runtime::Mover>> movers;
  std::vector<Program*> programs;
  uint16_t active = 1;  // workers that own tuples: the first ones
  bool autoconfigures = false;

  std::unique_ptr<runtime::Company> company;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::unique_ptr<nic::ImpairedWire>> impaired;  // before wires, if they are to be
  std::vector<std::unique_ptr<runtime::Worker>> workers;
  runtime::Listings listings;
  bool started = false;

  static Result<std::unique_ptr<Impl>> open(const EngineConfig& config, uint16_t workers);
  static Result<std::unique_ptr<Impl>> attach(const EngineConfig& config,
                                              std::vector<std::unique_ptr<nic::Wire>> ends);
  Result<void> add_shards(const EngineConfig& config, std::span<Program* const> programs);
  void make_steering(const Sharding& sharding, size_t givers);
  // Those with a queue run as long as the engine does.
  [[nodiscard]] bool runs_always(size_t worker) const {
    return worker < active || (exchange && worker < exchange->givers());
  }
  Result<void> may_change_workers(size_t count) const;
  Result<void> carry_out(runtime::MovePlan plan);
  [[nodiscard]] bool all_through() const;
  [[nodiscard]] Sharding sharding(const EngineConfig& config) const;
  [[nodiscard]] nic::Wire& wire(size_t i) const { return port ? port->wire(i) : *loopback_ends[i]; }
};

}  // namespace millrace
