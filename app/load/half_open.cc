// SPDX-License-Identifier: BSD-3-Clause
#include "load/half_open.h"

#include <algorithm>

namespace millrace::load {

std::vector<HalfOpenPlan> divide(const HalfOpenPlan& plan, size_t workers) {
  workers = std::min(divide(plan.embryonic, workers).size(), divide(plan.clients, workers).size());
  const std::vector<SynPlan> embryonic = divide(plan.embryonic, workers);
  const std::vector<Plan> clients = divide(plan.clients, workers);
  std::vector<HalfOpenPlan> plans;
  for (size_t i = 0; i < workers; ++i) plans.push_back({embryonic[i], clients[i]});
  return plans;
}

Result<void> HalfOpen::start(Shard& shard) {
  Result<void> started = embryonic_.start(shard);
  return started ? clients_.start(shard) : started;
}

void HalfOpen::turn(Shard& shard) {
  embryonic_.turn(shard);
  if (!embryonic_.error().empty()) clients_.give_up(embryonic_.error());
  const bool all_sent = embryonic_.began() != Instant::never() && !embryonic_.running();
  if (all_sent || clients_.finished()) clients_.turn(shard);
}

void HalfOpen::stopping(Shard& shard) {
  embryonic_.stopping(shard);
  if (!embryonic_.error().empty()) clients_.give_up(embryonic_.error());
  clients_.stopping(shard);
}

}  // namespace millrace::load
