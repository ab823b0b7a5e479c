// SPDX-License-Identifier: BSD-3-Clause
#include "load/throughput_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "load/figures.h"
#include "load/report_parts.h"

namespace millrace::load {
namespace {

const char* name_of(Direction direction) {
  switch (direction) {
    case Direction::kUp:
      return "up";
    case Direction::kDown:
      return "down";
    case Direction::kBoth:
      return "both";
  }
  return "";
}

uint64_t acknowledged(const ThroughputOutcome& o) {
  return o.program.sum([](const Throughput& p) { return p.acknowledged_bytes(); });
}

uint64_t received(const ThroughputOutcome& o) {
  return o.program.sum([](const Throughput& p) { return p.received_bytes(); });
}

}  // namespace

bool succeeded(const ThroughputOutcome& o) { return sound(o) && o.program.totals().failed() == 0; }

bool sound(const ThroughputOutcome& o) {
  const TallySnapshot totals = o.program.totals();
  return o.program.error().empty() && residue(totals, std::nullopt).none() &&
         acknowledged(o) + received(o) != 0;
}

std::string to_text(const ThroughputOutcome& o) {
  const Team<Throughput>& p = o.program;
  const TallySnapshot totals = p.totals();
  std::string out =
      fmt::format("\nthroughput ({}) to {} over {} for {}, {} connections\n\n",
                  name_of(o.plan.direction), o.plan.target.to_string(), o.device,
                  cli::format_duration(p.ran_for()), cli::format_count(o.plan.concurrency));
  out += figure_line("connections", totals.get(Count::kEstablished), "");
  out += failure_lines(totals);
  out += figure_line_if_any("  drained", totals.get(Count::kDrained));
  const auto bytes = [&](const char* name, uint64_t count) {
    out += figure_line(name, count, cli::format_bit_rate(per_second(count, p.ran_for())));
  };
  if (o.plan.direction != Direction::kDown) bytes("bytes acknowledged", acknowledged(o));
  if (o.plan.direction != Direction::kUp) bytes("bytes received", received(o));
  out += frames_line(totals);
  const Reading all = p.reading();
  out += latency_table(all.latencies);
  out += to_text(judge(all, o.engine, p.ran_for(), false));
  out += "\nthe stack\n" + cli::format_stack_totals(o.counters, o.engine);
  return out + connect_error_line(p);
}

nlohmann::json to_json(const ThroughputOutcome& o) {
  const Team<Throughput>& p = o.program;
  const TallySnapshot totals = p.totals();
  nlohmann::json json = {
      {"schema", cli::kReportSchema},
      {"command", "load"},
      {"mode", "throughput"},
      {"direction", name_of(o.plan.direction)},
      {"target", o.plan.target.to_string()},
      {"device_uri", o.device},
      {"concurrency", o.plan.concurrency},
      {"seconds", p.ran_for().seconds()},
      {"connections",
       {{"launched", totals.get(Count::kLaunched)},
        {"established", totals.get(Count::kEstablished)},
        {"completed", totals.get(Count::kCompleted)},
        {"failed", totals.failed()},
        {"drained", totals.get(Count::kDrained)},
        {"frames_each", frames_json(totals)},
        {"failures", failures_json(totals)}}},
      {"bytes", {{"acknowledged", acknowledged(o)}, {"received", received(o)}}},
      {"bits_per_second",
       {{"up", 8 * per_second(acknowledged(o), p.ran_for())},
        {"down", 8 * per_second(received(o), p.ran_for())}}},
      {"unexplained", {{"connections", residue(totals, std::nullopt).connections}}},
      {"retransmissions", totals.get(Count::kRetransmissions)},
      {"syn_retransmissions", totals.get(Count::kSynRetransmissions)},
      {"began", began_json(p.began())},
      {"succeeded", succeeded(o)},
  };
  const Reading all = p.reading();
  add_measured(json, all, o.intervals, judge(all, o.engine, p.ran_for(), false), o.counters,
               o.engine);
  add_errors(json, p);
  return json;
}

}  // namespace millrace::load
