// SPDX-License-Identifier: BSD-3-Clause
#include "load/html_page.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/format.h"
#include "load/hdr_text.h"
#include "load/latency.h"
#include "load/metric.h"
#include "load/plot.h"

namespace millrace::load {
namespace {

using Json = nlohmann::json;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1e293b; --soft: #64748b; --line: #e2e8f0; --paper: #fff;
  --good: #059669; --bad: #dc2626; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e2e8f0; --soft: #94a3b8; --line: #334155; --paper: #0f172a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 900px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.4em; margin-bottom: 0; } h2 { font-size: 1.1em; margin-top: 2em; }
p.sub { color: var(--soft); margin-top: .2em; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { padding: .25em .6em; border-bottom: 1px solid var(--line); text-align: right; }
td:first-child, th:first-child { text-align: left; }
svg { width: 100%; height: auto; margin-top: 1.2em; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg text.title { font-size: 13px; font-weight: 600; fill: var(--ink); }
svg polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .key { stroke-width: 3; }
.good { color: var(--good); } .bad { color: var(--bad); }
)";

constexpr std::array<const char*, 7> kTableFigures = {"count", "min",   "p50", "p90",
                                                      "p99",   "p99_9", "max"};

std::string duration_text(double us) { return format_value(Unit::kTime, us); }
std::string rate_text(double value) { return cli::format_rate(value); }
std::string bit_rate_text(double bytes) { return cli::format_bit_rate(bytes); }

double number_at(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) && json.at(at).is_number() ? json.at(at).get<double>() : 0;
}

// What an interval counted at `pointer`, per second, at the interval's end.
Series rates(const Json& report, const char* name, const char* pointer) {
  Series series{name, {}};
  bool any = false;
  for (const Json& interval : report.at("intervals")) {
    const double length = interval.at("seconds").get<double>();
    if (length < 0.01) continue;  // the moment behind the last whole one
    const double rate = number_at(interval, pointer) / length;
    any = any || rate != 0;
    series.points.emplace_back(interval.at("from").get<double>() + length, rate);
  }
  if (!any) series.points.clear();
  return series;
}

Series times(const Json& report, const char* name, const std::string& latency, const char* figure) {
  Series series{name, {}};
  for (const Json& interval : report.at("intervals")) {
    const Json::json_pointer at(fmt::format("/latency_us/{}/{}", latency, figure));
    if (!interval.contains(at)) continue;
    series.points.emplace_back(
        interval.at("from").get<double>() + interval.at("seconds").get<double>(),
        interval.at(at).get<double>());
  }
  return series;
}

std::vector<Series> with_points(std::vector<Series> all) {
  std::erase_if(all, [](const Series& series) { return series.points.empty(); });
  return all;
}

std::string rate_plots(const Json& report) {
  const bool is_flood = report.value("mode", "") == "syn";
  std::string out =
      to_svg({.title = "Per second",
              .x_label = "seconds",
              .series = with_points(
                  {rates(report, is_flood ? "SYNs" : "launched", "/connections/launched"),
                   rates(report, is_flood ? "SYN-ACKs" : "completed",
                         is_flood ? "/connections/established" : "/connections/completed"),
                   rates(report, "responses", "/requests/completed"),
                   rates(report, is_flood ? "RSTs" : "failed", "/connections/failed"),
                   rates(report, "skipped", "/arrivals/skipped")}),
              .x_ticks = {},
              .y_text = rate_text});
  if (!is_flood) {
    out += to_svg({.title = "Bytes of the application",
                   .x_label = "seconds",
                   .series = with_points({rates(report, "sent", "/bytes/sent"),
                                          rates(report, "received", "/bytes/received")}),
                   .x_ticks = {},
                   .y_text = bit_rate_text});
  }
  return out;
}

std::string time_plots(const Json& report) {
  std::string out;
  for (const char* latency : {"connect", "response", "from_schedule", "close"}) {
    if (!report.at("histograms").contains(latency)) continue;
    out += to_svg(
        {.title = fmt::format("Over time: {}", latency),
         .x_label = "seconds",
         .series = with_points(
             {times(report, "p50", latency, "p50"), times(report, "p99", latency, "p99"),
              times(report, "p99.9", latency, "p99_9"), times(report, "max", latency, "max")}),
         .x_ticks = {},
         .y_log = true,
         .y_text = duration_text});
  }
  return out;
}

// How many nines: 0 for the smallest, 2 for p99.
double nines(double percent) { return -std::log10(1 - percent / 100); }

std::string percentile_plot(const Json& report) {
  Plot plot{.title = "Percentiles",
            .x_label = "percentile",
            .series = {},
            .x_ticks = {{0, "0"}},
            .y_log = true,
            .y_text = duration_text};
  for (const double percent : {50.0, 90.0, 99.0, 99.9, 99.99, 99.999}) {
    plot.x_ticks.push_back({nines(percent), fmt::format("{:g}", percent)});
  }
  for (const char* latency : {"connect", "first_byte", "response", "from_schedule", "close"}) {
    if (!report.at("histograms").contains(latency)) continue;
    const Result<Histogram> decoded =
        decode_hdr(report.at("histograms").at(latency).get<std::string>());
    if (!decoded) continue;
    Series series{latency, {}};
    const double last = std::min(5.0, std::log10(static_cast<double>(decoded->count()) * 2));
    for (double n = 0; n <= last; n += 0.05) {
      const Duration time = decoded->percentile(100 * (1 - std::pow(10, -n)));
      series.points.emplace_back(n, static_cast<double>(time.ns) / 1000);
    }
    plot.series.push_back(std::move(series));
  }
  return to_svg(plot);
}

std::string figures_table(const Json& report) {
  std::string out = "<table><tr><th></th><th></th></tr>\n";
  for (const Metric& metric : metrics()) {
    if (metric.unit == Unit::kTime || metric.name.ends_with(".count")) continue;
    const std::optional<double> value = value_of(metric, report);
    if (!value || (*value == 0 && metric.name != "failures")) continue;
    out += fmt::format("<tr title=\"{}\"><td>{}</td><td>{}</td></tr>\n", escaped(metric.meaning),
                       metric.name, format_value(metric.unit, *value));
  }
  return out + "</table>\n";
}

std::string latency_table_html(const Json& report) {
  std::string out = "<table><tr><th>latency</th>";
  for (const char* figure : kTableFigures) out += fmt::format("<th>{}</th>", figure);
  out += "</tr>\n";
  for (size_t i = 0; i < kLatencyCount; ++i) {
    const std::string name(to_string(static_cast<Latency>(i)));
    const Json& all = report.at("latency_us");
    if (!all.contains(name) || all.at(name).at("count") == 0) continue;
    out += fmt::format("<tr><td>{}</td>", name);
    for (const char* figure : kTableFigures) {
      const double value = all.at(name).at(figure).get<double>();
      const bool count = std::string_view(figure) == "count";
      out += fmt::format("<td>{}</td>", format_value(count ? Unit::kCount : Unit::kTime, value));
    }
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

std::string requirements_html(const Json& report) {
  if (!report.contains("requirements")) return "";
  std::string out = "<h2>Required</h2>\n<table>\n";
  for (const Json& r : report.at("requirements")) {
    const bool met = r.at("met").get<bool>();
    out += fmt::format("<tr><td>{}</td><td class=\"{}\">{}</td></tr>\n",
                       escaped(r.at("require").get<std::string>()), met ? "good" : "bad",
                       met ? "met" : "not met");
  }
  return out + "</table>\n";
}

// JSON within a page must not end its element.
std::string embedded(const Json& report) {
  std::string text = report.dump();
  for (size_t at = text.find("</"); at != std::string::npos; at = text.find("</", at + 3)) {
    text.replace(at, 2, "<\\/");
  }
  return text;
}

}  // namespace

std::string to_html(const Json& report) {
  const std::string title =
      fmt::format("millrace load {} to {}", report.value("mode", ""), report.value("target", ""));
  const bool good = report.value("succeeded", false);
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>{0}</title><style>{1}</style></head><body>\n<h1>{0}</h1>\n"
      "<p class=\"sub\">over {2}, {3:.2f} s: <b class=\"{4}\">{5}</b></p>\n",
      escaped(title), kStyle, escaped(report.value("device_uri", "")), report.value("seconds", 0.0),
      good ? "good" : "bad", good ? "succeeded" : "failed");
  if (report.contains("error")) {
    out += fmt::format("<p class=\"bad\">{}</p>\n", escaped(report.at("error").get<std::string>()));
  }
  const Json& verdict = report.at("verdict");
  out += fmt::format("<p>Limited by: <b>{}</b> ({})</p>\n",
                     escaped(verdict.at("limit").get<std::string>()),
                     escaped(verdict.at("why").get<std::string>()));
  out += rate_plots(report) + time_plots(report) + percentile_plot(report);
  out += requirements_html(report);
  out += "<h2>Latency</h2>\n" + latency_table_html(report);
  out += "<h2>Figures</h2>\n" + figures_table(report);
  return out + fmt::format(
                   "<script type=\"application/json\" id=\"report\">{}</script>\n"
                   "</body></html>\n",
                   embedded(report));
}

}  // namespace millrace::load
