// SPDX-License-Identifier: BSD-3-Clause
#include "load/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "load/latency.h"

namespace millrace::load {
namespace {

// As pointers into an interval.
std::vector<std::string> columns() {
  std::vector<std::string> names = {"/from",
                                    "/seconds",
                                    "/connections/launched",
                                    "/connections/established",
                                    "/connections/completed",
                                    "/connections/failed",
                                    "/connections/open",
                                    "/requests/sent",
                                    "/requests/completed",
                                    "/arrivals/scheduled",
                                    "/arrivals/skipped",
                                    "/bytes/sent",
                                    "/bytes/received",
                                    "/frames/sent",
                                    "/frames/received",
                                    "/retransmissions",
                                    "/syn_retransmissions"};
  for (size_t i = 0; i < kLatencyCount; ++i) {
    const std::string name(to_string(static_cast<Latency>(i)));
    for (const char* figure : {"count", "p50", "p90", "p99", "p99_9", "max"}) {
      names.push_back(fmt::format("/latency_us/{}/{}", name, figure));
    }
  }
  return names;
}

}  // namespace

std::string to_csv(const nlohmann::json& report) {
  const std::vector<std::string> names = columns();
  std::string out;
  for (const std::string& pointer : names) {
    std::string name = pointer.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    out += (out.empty() ? "" : ",") + name;
  }
  out += "\n";
  for (const nlohmann::json& interval : report.at("intervals")) {
    std::string line;
    for (const std::string& pointer : names) {
      const nlohmann::json::json_pointer at(pointer);
      if (!line.empty()) line += ",";
      if (interval.contains(at)) line += interval.at(at).dump();
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace millrace::load
