// SPDX-License-Identifier: BSD-3-Clause
#include "load/syn_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "load/figures.h"

namespace millrace::load {
namespace {

uint64_t unanswered(const SynCounts& counts) {
  return counts.sent.get() - counts.syn_acks.get() - counts.resets.get();
}

}  // namespace

bool succeeded(const SynOutcome& o) {
  return o.program.error().empty() && o.program.counts().sent.get() != 0;
}

std::string to_text(const SynOutcome& o) {
  const SynCounts& counts = o.program.counts();
  const Duration ran = o.program.ran_for();
  const std::string pace = o.plan.rate == 0
                               ? "as fast as it goes"
                               : fmt::format("{} SYNs/s", cli::format_count(o.plan.rate));
  std::string out = fmt::format("\nsyn to {} over {} for {}, {}, from {} address{}\n\n",
                                o.plan.target.to_string(), o.device, cli::format_duration(ran),
                                pace, cli::format_count(o.program.tuples() / SynFlood::kPortCount),
                                o.program.tuples() == SynFlood::kPortCount ? "" : "es");
  out += figure_line("SYNs sent", counts.sent.get(),
                     cli::format_rate(per_second(counts.sent.get(), ran)));
  const uint64_t answered = counts.syn_acks.get() + counts.resets.get();
  out += figure_line("answered", answered,
                     cli::format_rate(per_second(o.program.answered_in_time(), ran)));
  out += figure_line("  by SYN-ACK", counts.syn_acks.get(), "");
  out += figure_line("  by RST", counts.resets.get(), "");
  out += figure_line("unanswered", unanswered(counts), "");
  out += figure_line_if_any("repeated answers", counts.repeated.get());
  out += figure_line_if_any("foreign segments", counts.foreign.get());
  if (o.plan.rate != 0) {
    out += figure_line("arrivals", counts.scheduled.get(), "");
    out += figure_line_if_any("  skipped: late", counts.skipped.get());
  }
  return out + "\nthe stack\n" + cli::format_stack_totals(o.counters, o.engine);
}

nlohmann::json to_json(const SynOutcome& o) {
  const SynCounts& counts = o.program.counts();
  const Duration ran = o.program.ran_for();
  nlohmann::json json = {
      {"schema", cli::kReportSchema},
      {"command", "load"},
      {"mode", "syn"},
      {"target", o.plan.target.to_string()},
      {"device_uri", o.device},
      {"rate", o.plan.rate},
      {"seconds", ran.seconds()},
      {"tuples", o.program.tuples()},
      {"syns",
       {{"sent", counts.sent.get()},
        {"per_second", per_second(counts.sent.get(), ran)},
        {"scheduled", counts.scheduled.get()},
        {"skipped_late", counts.skipped.get()}}},
      {"answers",
       {{"syn_ack", counts.syn_acks.get()},
        {"rst", counts.resets.get()},
        {"none", unanswered(counts)},
        {"repeated", counts.repeated.get()},
        {"foreign", counts.foreign.get()},
        {"per_second", per_second(o.program.answered_in_time(), ran)}}},
      {"succeeded", succeeded(o)},
      {"stack", cli::stack_totals_to_json(o.counters, o.engine)},
  };
  if (!o.program.error().empty()) json["error"] = o.program.error();
  return json;
}

}  // namespace millrace::load
