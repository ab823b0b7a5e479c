// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/stats_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <vector>

#include "inspect/explain.h"

namespace millrace::inspect {
namespace {

using nlohmann::json;

// A figure of each shard, by name, in the order of names.
using Table = std::map<std::string, std::vector<uint64_t>>;

Table table_of(const json& snapshot, const char* part) {
  Table table;
  size_t shard = 0;
  for (const json& of_shard : snapshot["shards"]) {
    for (const auto& [name, value] : of_shard[part].items()) {
      auto& row = table[name];
      row.resize(snapshot["shards"].size());
      row[shard] = value.get<uint64_t>();
    }
    ++shard;
  }
  return table;
}

void append_rows(std::string& out, const Table& table, bool zeros) {
  for (const auto& [name, values] : table) {
    uint64_t sum = 0;
    for (const uint64_t value : values) sum += value;
    if (sum == 0 && !zeros) continue;
    fmt::format_to(std::back_inserter(out), "{:<33} {:>15}", name, sum);
    for (size_t i = 0; values.size() > 1 && i < values.size(); ++i) {
      fmt::format_to(std::back_inserter(out), " {:>13}", values[i]);
    }
    out += '\n';
  }
}

bool is_drop(const std::string& name) { return name.starts_with("Drop"); }

void begin_family(std::string& out, const std::string& name, const char* type,
                  std::string_view help) {
  fmt::format_to(std::back_inserter(out), "# TYPE {} {}\n", name, type);
  if (!help.empty()) fmt::format_to(std::back_inserter(out), "# HELP {} {}\n", name, help);
}

void append_family(std::string& out, const std::string& name, bool counter, std::string_view help,
                   const std::vector<uint64_t>& values) {
  begin_family(out, name, counter ? "counter" : "gauge", help);
  for (size_t i = 0; i < values.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "{}{}{{shard=\"{}\"}} {}\n", name,
                   counter ? "_total" : "", i, values[i]);
  }
}

std::string_view meaning_of(const std::string& name) {
  const Explained* e = find_explained(name);
  return e == nullptr ? std::string_view() : e->meaning;
}

void append_plain(std::string& out, const char* prefix, const json& figures,
                  std::initializer_list<std::string_view> gauges) {
  for (const auto& [key, value] : figures.items()) {
    const bool gauge = std::find(gauges.begin(), gauges.end(), key) != gauges.end();
    const std::string name = fmt::format("millrace_{}_{}", prefix, key);
    begin_family(out, name, gauge ? "gauge" : "counter", {});
    fmt::format_to(std::back_inserter(out), "{}{} {}\n", name, gauge ? "" : "_total",
                   value.get<uint64_t>());
  }
}

}  // namespace

std::string snake_case(const std::string& name) {
  const auto upper = [&name](size_t i) {
    return i < name.size() && std::isupper(static_cast<unsigned char>(name[i])) != 0;
  };
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    // A capital begins a word behind a small letter, and in front of one.
    const bool before_small = i + 1 < name.size() && !upper(i + 1) &&
                              std::isalpha(static_cast<unsigned char>(name[i + 1])) != 0;
    if (upper(i) && i != 0 && (!upper(i - 1) || before_small)) out += '_';
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return out;
}

std::string stats_text(const json& snapshot, bool zeros) {
  std::string out;
  append_rows(out, table_of(snapshot, "counters"), zeros);
  append_rows(out, table_of(snapshot, "use"), zeros);
  append_rows(out, table_of(snapshot, "worker"), zeros);
  for (const char* part : {"device", "program"}) {
    for (const auto& [name, value] : snapshot[part].items()) {
      if (!zeros && value == 0) continue;
      fmt::format_to(std::back_inserter(out), "{:<33} {:>15}\n", fmt::format("{} {}", part, name),
                     value.get<uint64_t>());
    }
  }
  return out;
}

std::string open_metrics(const json& snapshot) {
  std::string out;
  const Table counters = table_of(snapshot, "counters");
  for (const auto& [name, values] : counters) {
    if (is_drop(name)) continue;
    append_family(out, "millrace_" + snake_case(name), true, meaning_of(name), values);
  }
  begin_family(out, "millrace_drops", "counter", "frames that were not used, by reason");
  for (const auto& [name, values] : counters) {
    for (size_t i = 0; is_drop(name) && i < values.size(); ++i) {
      fmt::format_to(std::back_inserter(out),
                     "millrace_drops_total{{shard=\"{}\",reason=\"{}\"}} {}\n", i, name.substr(4),
                     values[i]);
    }
  }
  for (const auto& [name, values] : table_of(snapshot, "use")) {
    append_family(out, "millrace_use_" + name, false, {}, values);
  }
  for (const auto& [name, values] : table_of(snapshot, "worker")) {
    const bool longest = name.starts_with("longest");
    append_family(out, "millrace_worker_" + name, !longest, {}, values);
  }
  append_plain(out, "device", snapshot["device"], {"mbufs", "mbufs_in_use"});
  append_plain(out, "program", snapshot["program"], {"open"});
  return out + "# EOF\n";
}

}  // namespace millrace::inspect
