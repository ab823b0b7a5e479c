// SPDX-License-Identifier: BSD-3-Clause
// Workers that come and go: what the engine's thread has to do with it. The work itself is the
// workers' (moving.h), one plan after the other: each moves entries from one worker to one other.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "flow/rebalance.h"
#include "runtime/clock.h"
#include "runtime/engine_impl.h"

namespace millrace {
namespace {

constexpr Duration kPatience = seconds(10);  // with a plan
constexpr Duration kNap = microseconds(100);

void nap() {
  const timespec t{.tv_sec = 0, .tv_nsec = kNap.ns};
  nanosleep(&t, nullptr);
}

}  // namespace

Result<void> Engine::Impl::may_change_workers(size_t count) const {
  if (count == 0 || count > workers.size()) {
    return Error{fmt::format("{} workers were asked for: this engine can have 1 to {}", count,
                             workers.size())};
  }
  if (autoconfigures) {
    return Error{
        "workers cannot come or go where routers give addresses: one that comes would not know "
        "them; name addresses and gateways instead"};
  }
  const bool agreed = std::all_of(programs.begin(), programs.end(),
                                  [](const Program* program) { return program->may_move(); });
  if (!agreed) return Error{"the connections of this program stay with the worker that has them"};
  return {};
}

bool Engine::Impl::all_through() const {
  for (size_t i = 0; i < workers.size(); ++i) {
    if (workers[i]->running() && !moving->through(i)) return false;
  }
  return true;
}

// Requires: the last plan was carried out.
Result<void> Engine::Impl::carry_out(runtime::MovePlan plan) {
  moving->publish(std::move(plan));
  const Instant end = runtime::Clock::system().now() + kPatience;
  while (!all_through()) {
    if (runtime::Clock::system().now() >= end) {
      return Error{
          "connections on their way to another worker have found no room there yet; raise "
          "connections_max or the buffers' bounds, or wait until others have ended"};
    }
    nap();
  }
  return {};
}

Result<void> Engine::set_workers(size_t count) {
  Impl& impl = *impl_;
  if (auto ok = impl.may_change_workers(count); !ok) return ok;
  if (impl.workers.size() == 1) return {};
  if (!impl.all_through()) {
    return Error{
        "connections are still on their way to another worker, which has no room for them"};
  }
  const size_t before = impl.active;
  const auto members = static_cast<uint16_t>(std::max(before, count));
  for (size_t i = before; i < count; ++i) {
    if (impl.workers[i]->running()) continue;
    impl.movers[i]->join();
    impl.company->join();
    if (auto ok = impl.workers[i]->start(); !ok) {
      impl.company->leave();
      return ok;
    }
    // Those who came before this one stay, idle, until the next call says what is wanted.
    impl.active = static_cast<uint16_t>(i + 1);
  }
  impl.active = members;
  runtime::MovePlan plan = impl.moving->plan();
  const auto shifts = flow::shifts_to(plan.table, static_cast<uint16_t>(count));
  plan.active = plan.members = members;
  for (const flow::Shift& shift : shifts) {
    plan.from = shift.from;
    plan.to = shift.to;
    plan.entries = shift.entries;
    for (size_t i = 0; i < plan.table.size(); ++i) {
      if (shift.entries[i]) plan.table[i] = shift.to;
    }
    if (auto ok = impl.carry_out(plan); !ok) return ok;
  }
  plan.entries.reset();
  plan.active = static_cast<uint16_t>(count);
  if (auto ok = impl.carry_out(plan); !ok) return ok;
  impl.active = static_cast<uint16_t>(count);
  if (impl.port) impl.port->set_table(plan.table);
  for (size_t i = count; i < before; ++i) {
    if (impl.runs_always(i)) continue;
    impl.workers[i]->retire();
    impl.workers[i]->join();
  }
  return {};
}

size_t Engine::workers() const { return impl_->active; }

}  // namespace millrace
