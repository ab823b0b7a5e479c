// SPDX-License-Identifier: BSD-3-Clause
#include "load/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/format.h"

namespace millrace::load {
namespace {

// All in, of an idle connection: docs/performance.md.
constexpr uint64_t kBytesOfConnection = 206;

struct Frames {
  uint64_t out = 0;
  uint64_t in = 0;
};

// Of a connection beside its requests: handshake and end.
Frames frames_of(CloseBy close) {
  switch (close) {
    case CloseBy::kReset:
      return {3, 1};
    case CloseBy::kServerReset:
    case CloseBy::kNone:
      return {2, 2};
    case CloseBy::kClient:
    case CloseBy::kServer:
    case CloseBy::kHalf:
      return {3, 2};
  }
  return {};
}

}  // namespace

Forecast forecast(const Plan& plan, const ShardConfig& config) {
  Forecast f;
  for (const AddressRange& range : plan.sources) f.sources += range.count();
  f.sources = std::max<uint64_t>(f.sources, 1);
  std::vector<Endpoint> targets = {plan.target};
  for (const Endpoint& target : plan.round) {
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
      targets.push_back(target);
    }
  }
  f.targets = targets.size();
  f.tuples_had = f.sources * f.targets * (uint64_t{config.port_last} - config.port_first + 1);
  f.tuples_needed = plan.concurrency;
  f.memory_bytes = plan.concurrency * kBytesOfConnection;
  const uint64_t connections = plan.mode == Mode::kCps  ? plan.rate
                               : plan.mode == Mode::kCc ? plan.churn
                                                        : 0;
  const bool we_close = plan.close == CloseBy::kClient || plan.close == CloseBy::kHalf;
  if (connections != 0 && we_close && plan.tcp.time_wait) {
    const double wait =
        std::min(2 * config.msl.seconds(), plan.duration.ns == 0 ? 1e9 : plan.duration.seconds());
    f.time_wait = static_cast<uint64_t>(static_cast<double>(connections) * wait);
    f.time_wait_blocks = !plan.tcp.timestamps || !config.time_wait_reuse;
  }
  uint64_t requests = 0;
  if (plan.mode == Mode::kCps) requests = plan.rate * plan.requests;
  if (plan.mode == Mode::kRps) requests = plan.rate;
  if (plan.mode == Mode::kCc && plan.every.ns != 0) {
    requests = static_cast<uint64_t>(plan.concurrency / plan.every.seconds());
  }
  const Frames each = frames_of(plan.close);
  f.frames_out = connections * each.out + requests;
  f.frames_in = connections * each.in + requests;
  return f;
}

Result<void> check(const Forecast& f) {
  const uint64_t needed = f.tuples_needed + (f.time_wait_blocks ? f.time_wait : 0);
  if (needed <= f.tuples_had) return {};
  const uint64_t of_one = f.tuples_had / f.sources;
  const uint64_t sources = (needed + of_one - 1) / of_one;
  const std::string why =
      f.tuples_needed <= f.tuples_had
          ? fmt::format(
                "{} of them in TIME-WAIT, which without timestamps block theirs; shorten --msl, or "
                "--close reset, or",
                cli::format_count(f.time_wait))
          : fmt::format("for {} connections at a time; lower --concurrency, or",
                        cli::format_count(f.tuples_needed));
  return Error{fmt::format(
      "{} tuples of address and port are needed, {} give {} addresses by --source ({} to {} have "
      "{})",
      cli::format_count(needed), why, cli::format_count(sources),
      f.sources == 1 ? "1 address" : fmt::format("{} addresses", cli::format_count(f.sources)),
      f.targets == 1 ? "1 target" : fmt::format("{} targets", f.targets),
      cli::format_count(f.tuples_had))};
}

std::string to_text(const Forecast& f) {
  std::string out = fmt::format("plan: {} connections at a time, of {} tuples; {} KiB of state",
                                cli::format_count(f.tuples_needed), cli::format_count(f.tuples_had),
                                cli::format_count((f.memory_bytes + 1023) / 1024));
  if (f.frames_out != 0) {
    out += fmt::format("; {} frames/s out and {} in, at least", cli::format_count(f.frames_out),
                       cli::format_count(f.frames_in));
  }
  if (f.time_wait != 0) {
    out += fmt::format("; {} in TIME-WAIT", cli::format_count(f.time_wait));
  }
  return out + "\n";
}

}  // namespace millrace::load
