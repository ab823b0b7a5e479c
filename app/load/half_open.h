// SPDX-License-Identifier: BSD-3-Clause
// Connections that are begun and never finished, and clients that are measured beside them: what a
// target's half-open connections do to those who come honestly. In: a plan for either. Out: a
// SynFlood and a Generator, one after the other on one shard.
//
//     flood: N SYNs from addresses of their own --all sent--> clients connect, ask, close
//                  SYN-ACKs are heard, and neither acknowledged nor reset
#pragma once

#include <vector>

#include "load/generator.h"
#include "load/syn_flood.h"

namespace millrace::load {

struct HalfOpenPlan {
  SynPlan embryonic;  // with a count; its sources are not the clients'
  Plan clients;
};
// One plan for each of `workers`, or of fewer where there is not that much to do.
std::vector<HalfOpenPlan> divide(const HalfOpenPlan& plan, size_t workers);

class HalfOpen final : public Program {
 public:
  // `exchange` must outlive the shard.
  HalfOpen(const HalfOpenPlan& plan, const Exchange& exchange)
      : embryonic_(plan.embryonic), clients_(plan.clients, exchange) {}

  Result<void> start(Shard& shard) override;
  void turn(Shard& shard) override;
  void stopping(Shard& shard) override;
  [[nodiscard]] bool finished() const override { return clients_.finished(); }

  [[nodiscard]] const SynFlood& embryonic() const { return embryonic_; }
  [[nodiscard]] Generator& clients() { return clients_; }

 private:
  SynFlood embryonic_;
  Generator clients_;
};

}  // namespace millrace::load
