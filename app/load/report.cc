// SPDX-License-Identifier: BSD-3-Clause
#include "load/report.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/format.h"
#include "load/figures.h"
#include "load/report_parts.h"

namespace millrace::load {
namespace {

Protocol protocol_of(const Outcome& o) { return o.generator.members().front()->protocol(); }

const char* name_of(const Outcome& o) {
  if (!o.parts.empty()) return "mix";
  switch (o.plan.mode) {
    case Mode::kCps:
      return "cps";
    case Mode::kRps:
      return "rps";
    case Mode::kCc:
      return "cc";
    case Mode::kTeardown:
      return "teardown";
  }
  return "";
}

std::optional<Count> arrivals_became(const Plan& plan) {
  switch (plan.mode) {
    case Mode::kCps:
      return plan.rate == 0 ? std::nullopt : std::optional(Count::kLaunched);
    case Mode::kRps:
      return plan.rate == 0 ? std::nullopt : std::optional(Count::kRequests);
    case Mode::kCc:
      return plan.every.ns == 0 ? std::nullopt : std::optional(Count::kRequests);
    case Mode::kTeardown:
      return plan.rate == 0 ? std::nullopt : std::optional(Count::kCloses);
  }
  return std::nullopt;
}

// What the laws of counting leave over: a mix is made of parts that each obey its own.
Residue residue_of(const Outcome& o) {
  if (o.parts.empty()) return residue(o.generator.totals(), arrivals_became(o.plan));
  Residue all;
  for (const Outcome& part : o.parts) {
    const Residue rest = residue_of(part);
    all.arrivals += rest.arrivals;
    all.connections += rest.connections;
    all.requests += rest.requests;
  }
  return all;
}

// Of all workers: when the last had opened what it holds, and how many that were.
Generator::Built built_of(const Team<Generator>& team) {
  Generator::Built built;
  for (const Generator* member : team.members()) {
    built.after = std::max(built.after, member->built().after);
    built.open += member->built().open;
    built.completed += member->built().completed;
  }
  return built;
}

// Closes of a teardown in a second, from the first one on.
double closes_per_second(const Outcome& o, const Generator::Built& built) {
  return per_second(o.generator.when_time_was_up().get(Count::kCompleted) - built.completed,
                    o.generator.ran_for() - built.after);
}

std::string held_lines(const Outcome& o) {
  if (o.plan.mode != Mode::kCc && o.plan.mode != Mode::kTeardown) return "";
  const Generator::Built built = built_of(o.generator);
  if (built.after.ns == 0) return "held              never as many as were asked for\n";
  std::string out =
      figure_line("held", built.open, "") +
      fmt::format("{:<18}{:>15}\n", "  all open after", cli::format_duration(built.after));
  if (o.plan.mode == Mode::kTeardown) {
    out += figure_line("closes", o.generator.totals().get(Count::kCloses),
                       cli::format_rate(closes_per_second(o, built)));
  }
  return out;
}

nlohmann::json held_json(const Outcome& o) {
  const Generator::Built built = built_of(o.generator);
  nlohmann::json json = {{"open", built.open}, {"built_seconds", built.after.seconds()}};
  if (o.plan.mode == Mode::kTeardown) {
    json["closes"] = o.generator.totals().get(Count::kCloses);
    json["closes_per_second"] = built.after.ns == 0 ? 0.0 : closes_per_second(o, built);
  }
  return json;
}

Verdict verdict_of(const Outcome& o, const Reading& all) {
  return judge(all, o.engine, o.generator.ran_for(), o.plan.rate != 0 || o.plan.mode == Mode::kCc);
}

// Workers begin within the same moment, so their seconds are added up one by one.
nlohmann::json each_second_json(const Team<Generator>& team) {
  std::vector<Generator::Second> all;
  for (const Generator* member : team.members()) {
    const std::vector<Generator::Second>& seconds = member->each_second();
    if (seconds.size() > all.size()) all.resize(seconds.size());
    for (size_t i = 0; i < seconds.size(); ++i) all[i] += seconds[i];
  }
  nlohmann::json json = nlohmann::json::array();
  for (const Generator::Second& second : all) {
    json.push_back({{"connections", second.connections},
                    {"requests", second.requests},
                    {"failed", second.failed}});
  }
  return json;
}

std::string part_lines(const Outcome& o) {
  std::string out;
  for (const Outcome& part : o.parts) {
    const TallySnapshot timed = part.generator.when_time_was_up();
    const Reading all = part.generator.reading();
    const auto rate = [&](Count count) {
      return cli::format_rate(per_second(timed.get(count), part.generator.ran_for()));
    };
    out += fmt::format("  {:<4} connections {:>10}  requests {:>10}  failed {:>7}  p99 {:>8}\n",
                       name_of(part), rate(Count::kCompleted), rate(Count::kResponses),
                       cli::format_count(part.generator.totals().failed()),
                       cli::format_duration(all.latencies.of(Latency::kResponse).percentile(99)));
  }
  return out.empty() ? "" : "parts\n" + out + "\n";
}

}  // namespace

bool succeeded(const Outcome& o) { return sound(o) && o.generator.totals().failed() == 0; }

bool sound(const Outcome& o) {
  const TallySnapshot totals = o.generator.totals();
  return o.generator.error().empty() && residue_of(o).none() &&
         (totals.get(Count::kCompleted) != 0 || totals.get(Count::kLaunched) == 0);
}

std::string to_text(const Outcome& o) {
  const Team<Generator>& g = o.generator;
  const TallySnapshot totals = g.totals();
  const TallySnapshot timed = g.when_time_was_up();
  const Duration ran = g.ran_for();
  std::string out;
  const auto to = std::back_inserter(out);
  const bool closed = o.plan.rate == 0 || o.plan.mode == Mode::kTeardown;
  const std::string loop =
      closed ? fmt::format("{} connections at a time", cli::format_count(o.plan.concurrency))
             : fmt::format("{} arrivals/s, at most {} connections", cli::format_count(o.plan.rate),
                           cli::format_count(o.plan.concurrency));
  fmt::format_to(to, "\n{} ({}) to {} over {} for {}, {}\n\n", name_of(o),
                 to_string(protocol_of(o)), o.plan.target.to_string(), o.device,
                 cli::format_duration(ran), loop);
  const auto line = [&](std::string_view name, uint64_t total, const std::string& rate) {
    out += figure_line(name, total, rate);
  };
  const auto rated = [&](const char* name, Count count) {
    line(name, totals.get(count), cli::format_rate(per_second(timed.get(count), ran)));
  };
  const auto if_any = [&](std::string_view name, uint64_t total) {
    out += figure_line_if_any(name, total);
  };
  out += part_lines(o);
  out += held_lines(o);
  rated("connections", Count::kCompleted);
  out += failure_lines(totals);
  if_any("  drained", totals.get(Count::kDrained));
  rated("requests", Count::kResponses);
  if_any("  failed", totals.get(Count::kRequestsFailed));
  if_any("  drained", totals.get(Count::kRequestsDrained));
  if (totals.get(Count::kScheduled) != 0) {
    line("arrivals", totals.get(Count::kScheduled), "");
    if_any("  skipped: late", totals.get(Count::kSkippedLate));
    if_any("  skipped: busy", totals.get(Count::kSkippedConcurrency));
    if_any("  skipped: end", totals.get(Count::kSkippedEnd));
  }
  line("bytes sent", totals.get(Count::kBytesSent),
       cli::format_bit_rate(per_second(timed.get(Count::kBytesSent), ran)));
  line("bytes received", totals.get(Count::kBytesReceived),
       cli::format_bit_rate(per_second(timed.get(Count::kBytesReceived), ran)));
  out += frames_line(totals);
  const Reading all = g.reading();
  out += latency_table(all.latencies);
  out += to_text(verdict_of(o, all));
  out += "\nthe stack\n" + cli::format_stack_totals(o.counters, o.engine);
  out += connect_error_line(g);
  const Residue rest = residue_of(o);
  if (!rest.none()) {
    fmt::format_to(to,
                   "\nunexplained: {} arrivals, {} connections, {} requests; please report this\n",
                   rest.arrivals, rest.connections, rest.requests);
  }
  return out;
}

namespace {

// What connections, requests and arrivals came to.
nlohmann::json counts_json(const Outcome& o) {
  const Team<Generator>& g = o.generator;
  const TallySnapshot totals = g.totals();
  const TallySnapshot timed = g.when_time_was_up();
  const Duration ran = g.ran_for();
  const Residue rest = residue_of(o);
  nlohmann::json json = {
      {"schema", cli::kReportSchema},
      {"command", "load"},
      {"mode", name_of(o)},
      {"protocol", std::string(to_string(protocol_of(o)))},
      {"target", o.plan.target.to_string()},
      {"device_uri", o.device},
      {"concurrency", o.plan.concurrency},
      {"rate", o.plan.rate},
      {"began", began_json(g.began())},  // of CLOCK_MONOTONIC
      {"seconds", ran.seconds()},
      {"connections",
       {{"launched", totals.get(Count::kLaunched)},
        {"established", totals.get(Count::kEstablished)},
        {"completed", totals.get(Count::kCompleted)},
        {"failed", totals.failed()},
        {"drained", totals.get(Count::kDrained)},
        {"failures", failures_json(totals)},
        {"per_second", per_second(timed.get(Count::kCompleted), ran)},
        {"frames_each", frames_json(totals)}}},
      {"requests",
       {{"sent", totals.get(Count::kRequests)},
        {"completed", totals.get(Count::kResponses)},
        {"failed", totals.get(Count::kRequestsFailed)},
        {"drained", totals.get(Count::kRequestsDrained)},
        {"per_second", per_second(timed.get(Count::kResponses), ran)}}},
      {"each_second", each_second_json(g)},
      {"arrivals",
       {{"scheduled", totals.get(Count::kScheduled)},
        {"skipped_late", totals.get(Count::kSkippedLate)},
        {"skipped_busy", totals.get(Count::kSkippedConcurrency)},
        {"skipped_end", totals.get(Count::kSkippedEnd)}}},
      {"bytes",
       {{"sent", totals.get(Count::kBytesSent)}, {"received", totals.get(Count::kBytesReceived)}}},
      {"retransmissions", totals.get(Count::kRetransmissions)},
      {"syn_retransmissions", totals.get(Count::kSynRetransmissions)},
      {"unexplained",
       {{"arrivals", rest.arrivals},
        {"connections", rest.connections},
        {"requests", rest.requests}}},
      {"succeeded", succeeded(o)},
  };
  if (o.plan.mode == Mode::kCc || o.plan.mode == Mode::kTeardown) json["held"] = held_json(o);
  return json;
}

// Of a part of a mix: what is its own.
nlohmann::json part_json(const Outcome& o) {
  nlohmann::json json = counts_json(o);
  for (const char* shared :
       {"schema", "command", "target", "device_uri", "retransmissions", "syn_retransmissions"}) {
    json.erase(shared);
  }
  json["connections"].erase("frames_each");
  const Reading all = o.generator.reading();
  json["latency_us"] = latency_json(all.latencies);
  json["histograms"] = histograms_json(all.latencies);
  return json;
}

}  // namespace

nlohmann::json to_json(const Outcome& o) {
  const Team<Generator>& g = o.generator;
  nlohmann::json json = counts_json(o);
  for (const Outcome& part : o.parts) json["parts"].push_back(part_json(part));
  const Reading all = g.reading();
  add_measured(json, all, o.intervals, verdict_of(o, all), o.counters, o.engine);
  add_errors(json, g);
  return json;
}

}  // namespace millrace::load
