// SPDX-License-Identifier: BSD-3-Clause
#include "load/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/format.h"

namespace millrace::load {
namespace {

// A worker that polls is never quite without work; this much is all of it.
constexpr double kBusy = 0.9;
constexpr double kAway = 0.05;
// One in so many arrivals may be late before it says something about the generator.
constexpr uint64_t kFew = 1000;
constexpr Duration kLate = milliseconds(5);

Evidence collect(const Reading& all, const EngineReport& engine, Duration ran_for) {
  Evidence e;
  uint64_t frames = 0;
  uint64_t busy_turns = 0;
  for (const WorkerStats& worker : engine.workers) {
    if (ran_for.ns > 0) {
      const double share =
          static_cast<double>(worker.busy_time.ns) / static_cast<double>(ran_for.ns);
      e.busy_share = std::max(e.busy_share, std::min(share, 1.0));
      // A late turn is one of a millisecond or more.
      const double away = static_cast<double>(worker.late_turns) / (ran_for.seconds() * 1000);
      e.away_share = std::max(e.away_share, std::min(away, 1.0));
    }
    frames += worker.frames_received;
    busy_turns += worker.busy_turns;
    e.late_turns += worker.late_turns;
    e.longest_gap = std::max(e.longest_gap, worker.longest_gap);
  }
  if (busy_turns != 0) {
    e.frames_per_turn = static_cast<double>(frames) / static_cast<double>(busy_turns);
  }
  e.lateness_p99 = all.latencies.of(Latency::kLateness).percentile(99);
  e.skipped_late = all.counts.get(Count::kSkippedLate);
  e.skipped_busy = all.counts.get(Count::kSkippedConcurrency);
  e.missed = engine.device.missed + engine.device.no_buffers + engine.device.tx_dropped;
  e.tx_full = engine.device.tx_full;
  e.retransmissions = all.counts.get(Count::kRetransmissions);
  e.syn_retransmissions = all.counts.get(Count::kSynRetransmissions);
  return e;
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string taken_away(const Evidence& e) {
  return fmt::format("its CPU was taken away {} times, for {} at the longest",
                     cli::format_count(e.late_turns), cli::format_duration(e.longest_gap));
}

Verdict judge_fixed(const Evidence& e, uint64_t scheduled) {
  if (e.skipped_busy != 0) {
    return {Limit::kTarget,
            fmt::format("{} arrivals found every connection busy: answers take too long for "
                        "--concurrency",
                        cli::format_count(e.skipped_busy)),
            e};
  }
  if (e.skipped_late > scheduled / kFew || (e.skipped_late != 0 && scheduled < kFew)) {
    return {Limit::kGenerator,
            fmt::format("{} arrivals were given up as the generator had stalled, for {} at the "
                        "longest",
                        cli::format_count(e.skipped_late), cli::format_duration(e.longest_gap)),
            e};
  }
  if (e.missed != 0) {
    return {Limit::kWire,
            fmt::format("the device lost {} frames; every arrival was served all the same",
                        cli::format_count(e.missed)),
            e};
  }
  if (e.lateness_p99 > kLate) {
    const bool away = e.longest_gap > e.lateness_p99 / 2;
    return {away || e.busy_share >= kBusy ? Limit::kGenerator : Limit::kTarget,
            fmt::format("one arrival in a hundred left {} late or more; {}",
                        cli::format_duration(e.lateness_p99),
                        away ? taken_away(e) : fmt::format("busy {}", percent(e.busy_share))),
            e};
  }
  return {Limit::kPlan, "all that was asked for was offered in time", e};
}

}  // namespace

std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::kUnknown:
      return "unknown";
    case Limit::kPlan:
      return "plan";
    case Limit::kGenerator:
      return "generator";
    case Limit::kWire:
      return "wire";
    case Limit::kTarget:
      return "target";
  }
  return "";
}

Verdict judge(const Reading& all, const EngineReport& engine, Duration ran_for, bool fixed) {
  const Evidence e = collect(all, engine, ran_for);
  if (all.counts.get(Count::kLaunched) == 0) return {Limit::kUnknown, "no load was offered", e};
  if (fixed) return judge_fixed(e, all.counts.get(Count::kScheduled));
  if (e.busy_share >= kBusy) {
    return {Limit::kGenerator,
            fmt::format("a worker was busy {} of the time; more --lcores would offer more",
                        percent(e.busy_share)),
            e};
  }
  if (e.away_share >= kAway) return {Limit::kGenerator, taken_away(e), e};
  if (e.missed != 0) {
    return {Limit::kWire, fmt::format("the device lost {} frames", cli::format_count(e.missed)), e};
  }
  uint64_t busy_turns = 0;
  for (const WorkerStats& worker : engine.workers) busy_turns += worker.busy_turns;
  if (e.tx_full > busy_turns / 10) {
    return {Limit::kWire,
            fmt::format("the device did not take {} of {} bursts at once",
                        cli::format_count(e.tx_full), cli::format_count(busy_turns)),
            e};
  }
  return {Limit::kTarget,
          fmt::format("the generator waited for answers, busy {} of the time; more --concurrency "
                      "may tell more",
                      percent(e.busy_share)),
          e};
}

std::string to_text(const Verdict& verdict) {
  const Evidence& e = verdict.evidence;
  std::string out = fmt::format("\nlimited by: {} ({})\n", to_string(verdict.limit), verdict.why);
  out += fmt::format("  busy {}, {:.1f} frames a turn, longest pause {}", percent(e.busy_share),
                     e.frames_per_turn, cli::format_duration(e.longest_gap));
  if (e.tx_full != 0) out += fmt::format(", {} bursts cut", cli::format_count(e.tx_full));
  if (e.missed != 0) out += fmt::format(", {} frames lost", cli::format_count(e.missed));
  if (e.retransmissions != 0) {
    out += fmt::format(", {} retransmissions ({} SYNs)", cli::format_count(e.retransmissions),
                       cli::format_count(e.syn_retransmissions));
  }
  return out + "\n";
}

nlohmann::json to_json(const Verdict& verdict) {
  const Evidence& e = verdict.evidence;
  return {{"limit", std::string(to_string(verdict.limit))},
          {"why", verdict.why},
          {"evidence",
           {{"busy_share", e.busy_share},
            {"frames_per_turn", e.frames_per_turn},
            {"away_share", e.away_share},
            {"late_turns", e.late_turns},
            {"longest_gap_us", e.longest_gap.microseconds()},
            {"lateness_p99_us", e.lateness_p99.microseconds()},
            {"skipped_late", e.skipped_late},
            {"skipped_busy", e.skipped_busy},
            {"frames_lost", e.missed},
            {"tx_full", e.tx_full},
            {"retransmissions", e.retransmissions},
            {"syn_retransmissions", e.syn_retransmissions}}}};
}

}  // namespace millrace::load
