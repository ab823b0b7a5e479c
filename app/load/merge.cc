// SPDX-License-Identifier: BSD-3-Clause
#include "load/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/report.h"
#include "load/hdr_text.h"
#include "load/latency.h"
#include "load/report_parts.h"

namespace millrace::load {
namespace {

using Json = nlohmann::json;

// Numbers are added, objects by their members, arrays by their elements; what is neither stays.
void add_up(Json& into, const Json& more) {
  if (into.is_number_unsigned() && more.is_number_unsigned()) {
    into = into.get<uint64_t>() + more.get<uint64_t>();
  } else if (into.is_number_integer() && more.is_number_integer()) {
    into = into.get<int64_t>() + more.get<int64_t>();
  } else if (into.is_number() && more.is_number()) {
    into = into.get<double>() + more.get<double>();
  } else if (into.is_object() && more.is_object()) {
    for (const auto& [name, value] : more.items()) {
      if (into.contains(name)) {
        add_up(into[name], value);
      } else {
        into[name] = value;
      }
    }
  } else if (into.is_array() && more.is_array()) {
    for (size_t i = 0; i < more.size(); ++i) {
      if (i < into.size()) {
        add_up(into[i], more[i]);
      } else {
        into.push_back(more[i]);
      }
    }
  } else if (into.is_null()) {
    into = more;
  }
}

void keep_least(Json& into, const Json& other) {
  if (!other.is_number()) return;
  if (!into.is_number() || other < into) into = other;
}

void keep_most(Json& into, const Json& other) {
  if (!other.is_number()) return;
  if (!into.is_number() || other > into) into = other;
}

// What a connection took on average, of all of them.
void merge_frames_each(Json& into, const Json& more, double launched, double more_launched) {
  if (!into.is_object() || !more.is_object()) {
    if (!into.is_object()) into = more;
    return;
  }
  for (const char* way : {"out", "in"}) {
    into[way] =
        (into.at(way).get<double>() * launched + more.at(way).get<double>() * more_launched) /
        (launched + more_launched);
  }
}

// Of two summaries of one interval: counts added, the worse of the times.
void merge_interval_latency(Json& into, const Json& more) {
  for (const auto& [latency, figures] : more.items()) {
    if (!into.contains(latency)) {
      into[latency] = figures;
      continue;
    }
    for (const auto& [figure, value] : figures.items()) {
      Json& mine = into[latency][figure];
      if (figure == "count") {
        add_up(mine, value);
      } else if (figure == "min") {
        keep_least(mine, value);
      } else {
        keep_most(mine, value);
      }
    }
  }
}

void merge_intervals(Json& into, const Json& more) {
  for (size_t i = 0; i < more.size(); ++i) {
    if (i >= into.size()) {
      into.push_back(more[i]);
      continue;
    }
    for (const auto& [name, value] : more[i].items()) {
      Json& mine = into[i][name];
      if (name == "latency_us") {
        merge_interval_latency(mine, value);
      } else if (name == "from") {
        keep_least(mine, value);
      } else if (name == "seconds") {
        keep_most(mine, value);
      } else {
        add_up(mine, value);
      }
    }
  }
}

Result<void> merge_histograms(Json& into, const Json& more) {
  for (const auto& [latency, text] : more.items()) {
    if (!into.contains(latency)) {
      into[latency] = text;
      continue;
    }
    Result<Histogram> all = decode_hdr(into[latency].get<std::string>());
    const Result<Histogram> other = decode_hdr(text.get<std::string>());
    if (!all) return all.error();
    if (!other) return other.error();
    all->merge(*other);
    into[latency] = encode_hdr(*all);
  }
  return {};
}

// From the merged histogram, but for the extremes, which are known exactly.
Result<void> merge_latencies(Json& into, const Json& more, const Json& histograms) {
  for (const auto& [latency, figures] : more.items()) {
    if (figures.at("count") == 0) continue;
    Json& mine = into[latency];
    if (!mine.is_object() || mine.at("count") == 0) {
      mine = figures;
      continue;
    }
    const Result<Histogram> all = decode_hdr(histograms.at(latency).get<std::string>());
    if (!all) return all.error();
    Json merged = to_json(summarize(*all));
    merged["min"] = std::min(mine.at("min").get<double>(), figures.at("min").get<double>());
    merged["max"] = std::max(mine.at("max").get<double>(), figures.at("max").get<double>());
    for (const std::string_view percent : kPercentNames) {
      const std::string name(percent);
      merged[name] = std::min(merged[name].get<double>(), merged["max"].get<double>());
    }
    mine = merged;
  }
  return {};
}

Result<void> merge_one(Json& into, const Json& more) {
  const auto launched = [](const Json& report) {
    return report.contains("connections") ? report["connections"].value("launched", 0.0) : 0.0;
  };
  const double before = launched(into);
  Json frames;
  if (into.contains("connections")) {
    frames = into["connections"].value("frames_each", Json());
    merge_frames_each(frames, more.at("connections").value("frames_each", Json()), before,
                      launched(more));
  }
  for (const char* added :
       {"concurrency", "rate", "connections", "requests", "arrivals", "bytes", "bits_per_second",
        "retransmissions", "syn_retransmissions", "unexplained", "held", "half_open", "each_second",
        "syns", "answers", "tuples"}) {
    if (more.contains(added)) add_up(into[added], more.at(added));
  }
  if (into.contains("connections")) into["connections"]["frames_each"] = frames;
  keep_least(into["began"], more.at("began"));
  keep_least(into["began_unix"], more.value("began_unix", Json()));
  keep_most(into["seconds"], more.at("seconds"));
  into["succeeded"] = into.at("succeeded").get<bool>() && more.at("succeeded").get<bool>();
  if (!into.contains("error") && more.contains("error")) into["error"] = more["error"];
  if (into.at("verdict").at("limit") == "plan") into["verdict"] = more.at("verdict");
  merge_intervals(into["intervals"], more.at("intervals"));
  if (Result<void> merged = merge_histograms(into["histograms"], more.at("histograms")); !merged) {
    return merged;
  }
  if (Result<void> merged =
          merge_latencies(into["latency_us"], more.at("latency_us"), into["histograms"]);
      !merged) {
    return merged;
  }
  Json& stack = into["stack"];
  const Json& others = more.at("stack");
  for (const char* added : {"counters", "drops", "device", "leaks"}) {
    if (others.contains(added)) add_up(stack[added], others.at(added));
  }
  for (const Json& worker : others.value("workers", Json::array()))
    stack["workers"].push_back(worker);
  return {};
}

}  // namespace

Result<nlohmann::json> merge_reports(const std::vector<NamedReport>& reports) {
  const Json& first = reports.front().report;
  Json merged = first;
  merged["merged"] = reports.size();
  merged["machines"] = Json::array();
  merged.erase("requirements");
  for (const NamedReport& next : reports) {
    for (const char* alike : {"schema", "mode"}) {
      if (next.report.at(alike) == first.at(alike)) continue;
      return Error{
          fmt::format("{} and {} are not of one {}", reports.front().name, next.name, alike)};
    }
    merged["machines"].push_back({{"name", next.name},
                                  {"device_uri", next.report.value("device_uri", "")},
                                  {"seconds", next.report.at("seconds")},
                                  {"began_unix", next.report.value("began_unix", Json())},
                                  {"succeeded", next.report.at("succeeded")}});
  }
  for (const NamedReport& next : std::vector(reports.begin() + 1, reports.end())) {
    try {
      if (Result<void> done = merge_one(merged, next.report); !done) {
        return Error{fmt::format("{}: {}", next.name, done.error().message)};
      }
    } catch (const Json::exception& error) {
      return Error{
          fmt::format("{}: it lacks something a report has ({})", next.name, error.what())};
    }
  }
  return merged;
}

Result<nlohmann::json> read_report(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  if (!file || !(content << file.rdbuf())) {
    return Error{
        fmt::format("the report '{}' cannot be read; check the path and its permissions", path)};
  }
  std::string text = content.str();
  Json report = Json::parse(text, nullptr, false);
  if (report.is_discarded()) {  // a line for each interval, and the report as the last one
    while (text.ends_with('\n')) text.pop_back();
    const size_t line = text.rfind('\n');
    report = Json::parse(line == std::string::npos ? text : text.substr(line + 1), nullptr, false);
  }
  const bool ours = report.is_object() && report.value("command", "") == "load" &&
                    report.contains("schema") && report.contains("histograms");
  if (!ours) {
    return Error{fmt::format("'{}' is no report of millrace load --json", path)};
  }
  if (report.at("schema") != cli::kReportSchema) {
    return Error{fmt::format("'{}' has schema {}; this millrace reads {}", path,
                             report.at("schema").dump(), cli::kReportSchema)};
  }
  return report;
}

}  // namespace millrace::load
