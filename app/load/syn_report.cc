// SPDX-License-Identifier: BSD-3-Clause
#include "load/syn_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "load/figures.h"
#include "load/report_parts.h"

namespace millrace::load {
namespace {

uint64_t unanswered(const SynTotals& counts) {
  return counts.sent - counts.syn_acks - counts.resets;
}

uint64_t answered_in_time(const Team<SynFlood>& team) {
  return team.sum([](const SynFlood& flood) { return flood.answered_in_time(); });
}

}  // namespace

SynTotals& SynTotals::operator+=(const SynTotals& other) {
  scheduled += other.scheduled;
  skipped += other.skipped;
  sent += other.sent;
  syn_acks += other.syn_acks;
  resets += other.resets;
  repeated += other.repeated;
  foreign += other.foreign;
  return *this;
}

SynTotals totals_of(const SynFlood& flood) {
  const SynCounts& counts = flood.counts();
  return {counts.scheduled.get(), counts.skipped.get(),  counts.sent.get(),   counts.syn_acks.get(),
          counts.resets.get(),    counts.repeated.get(), counts.foreign.get()};
}

SynTotals sum_up(const Team<SynFlood>& team) {
  SynTotals totals;
  for (const SynFlood* flood : team.members()) totals += totals_of(*flood);
  return totals;
}

bool succeeded(const SynOutcome& o) {
  return o.program.error().empty() && sum_up(o.program).sent != 0;
}

bool sound(const SynOutcome& o) { return succeeded(o); }

std::string to_text(const SynOutcome& o) {
  const SynTotals counts = sum_up(o.program);
  const uint64_t tuples = o.program.members().front()->tuples();
  const Duration ran = o.program.ran_for();
  const std::string pace = o.plan.rate == 0
                               ? "as fast as it goes"
                               : fmt::format("{} SYNs/s", cli::format_count(o.plan.rate));
  std::string out = fmt::format("\nsyn to {} over {} for {}, {}, from {} address{}\n\n",
                                o.plan.target.to_string(), o.device, cli::format_duration(ran),
                                pace, cli::format_count(tuples / SynFlood::kPortCount),
                                tuples == SynFlood::kPortCount ? "" : "es");
  out += figure_line("SYNs sent", counts.sent, cli::format_rate(per_second(counts.sent, ran)));
  const uint64_t answered = counts.syn_acks + counts.resets;
  out += figure_line("answered", answered,
                     cli::format_rate(per_second(answered_in_time(o.program), ran)));
  out += figure_line("  by SYN-ACK", counts.syn_acks, "");
  out += figure_line("  by RST", counts.resets, "");
  out += figure_line("unanswered", unanswered(counts), "");
  out += figure_line_if_any("repeated answers", counts.repeated);
  out += figure_line_if_any("foreign segments", counts.foreign);
  if (o.plan.rate != 0) {
    out += figure_line("arrivals", counts.scheduled, "");
    out += figure_line_if_any("  skipped: late", counts.skipped);
  }
  const Reading all = o.program.reading();
  out += latency_table(all.latencies);
  out += to_text(judge(all, o.engine, ran, o.plan.rate != 0));
  return out + "\nthe stack\n" + cli::format_stack_totals(o.counters, o.engine);
}

nlohmann::json to_json(const SynOutcome& o) {
  const SynTotals counts = sum_up(o.program);
  const uint64_t tuples = o.program.members().front()->tuples();
  const Duration ran = o.program.ran_for();
  nlohmann::json json = {
      {"schema", cli::kReportSchema},
      {"command", "load"},
      {"mode", "syn"},
      {"target", o.plan.target.to_string()},
      {"device_uri", o.device},
      {"rate", o.plan.rate},
      {"seconds", ran.seconds()},
      {"tuples", tuples},
      {"syns",
       {{"sent", counts.sent},
        {"per_second", per_second(counts.sent, ran)},
        {"scheduled", counts.scheduled},
        {"skipped_late", counts.skipped}}},
      {"answers",
       {{"syn_ack", counts.syn_acks},
        {"rst", counts.resets},
        {"none", unanswered(counts)},
        {"repeated", counts.repeated},
        {"foreign", counts.foreign},
        {"per_second", per_second(answered_in_time(o.program), ran)}}},
      {"began", began_json(o.program.began())},
      {"succeeded", succeeded(o)},
  };
  const Reading all = o.program.reading();
  add_measured(json, all, o.intervals, judge(all, o.engine, ran, o.plan.rate != 0), o.counters,
               o.engine);
  if (!o.program.error().empty()) json["error"] = o.program.error();
  return json;
}

}  // namespace millrace::load
