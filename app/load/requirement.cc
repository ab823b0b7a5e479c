// SPDX-License-Identifier: BSD-3-Clause
#include "load/requirement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/values.h"

namespace millrace::load {
namespace {

using Relation = Requirement::Relation;

struct Sign {
  std::string_view text;
  Relation relation;
};
// The longer ones first.
constexpr std::array<Sign, 7> kSigns = {{{"<=", Relation::kLessOrEqual},
                                         {">=", Relation::kMoreOrEqual},
                                         {"!=", Relation::kNotEqual},
                                         {"==", Relation::kEqual},
                                         {"<", Relation::kLess},
                                         {">", Relation::kMore},
                                         {"=", Relation::kEqual}}};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// "1200", "1.5k", "3M", "2G".
std::optional<double> parse_scaled(std::string_view text) {
  if (text.empty()) return std::nullopt;
  double factor = 1;
  switch (text.back()) {
    case 'k':
      factor = 1e3;
      break;
    case 'M':
      factor = 1e6;
      break;
    case 'G':
      factor = 1e9;
      break;
    default:
      break;
  }
  if (factor != 1) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0))
    return std::nullopt;
  return value * factor;
}

Result<double> parse_bound(Unit unit, std::string_view text) {
  if (unit != Unit::kTime) {
    if (const std::optional<double> value = parse_scaled(text)) return *value;
    return Error{"give a number, such as 0, 1500 or 200k"};
  }
  const bool has_unit = !text.empty() && text.back() == 's';
  const std::optional<Duration> time = has_unit ? cli::parse_duration(text) : std::nullopt;
  if (!time) return Error{"give a time with its unit, such as 150us, 2ms or 1s"};
  return static_cast<double>(time->ns) / 1000;
}

bool holds(double actual, Relation relation, double bound) {
  switch (relation) {
    case Relation::kLess:
      return actual < bound;
    case Relation::kLessOrEqual:
      return actual <= bound;
    case Relation::kMore:
      return actual > bound;
    case Relation::kMoreOrEqual:
      return actual >= bound;
    case Relation::kEqual:
      return actual == bound;
    case Relation::kNotEqual:
      return actual != bound;
  }
  return false;
}

}  // namespace

Result<Requirement> Requirement::parse(std::string_view text) {
  const size_t sign_at = text.find_first_of("<>=!");
  if (sign_at == std::string_view::npos) {
    return Error{"give a figure, a relation and a value, such as connect.p99<2ms or failures=0"};
  }
  const auto sign = std::find_if(kSigns.begin(), kSigns.end(), [&](const Sign& s) {
    return text.substr(sign_at).starts_with(s.text);
  });
  if (sign == kSigns.end()) return Error{"relations are < <= > >= = !="};
  const std::string_view name = trimmed(text.substr(0, sign_at));
  Requirement requirement;
  requirement.text = text;
  requirement.relation = sign->relation;
  requirement.metric = find_metric(name == "connections.failed" ? "failures" : name);
  if (requirement.metric == nullptr) {
    const std::string nearest = nearest_metric(name);
    return Error{fmt::format(
        "there is no figure {}; {}", name,
        nearest.empty() ? "--help-require lists all" : fmt::format("did you mean {}?", nearest))};
  }
  const Result<double> bound =
      parse_bound(requirement.metric->unit, trimmed(text.substr(sign_at + sign->text.size())));
  if (!bound) return bound.error();
  requirement.bound = *bound;
  return requirement;
}

std::vector<Checked> check(const std::vector<Requirement>& requirements,
                           const nlohmann::json& report) {
  std::vector<Checked> checked;
  for (const Requirement& r : requirements) {
    const std::optional<double> actual = value_of(*r.metric, report);
    checked.push_back({r, actual, actual && holds(*actual, r.relation, r.bound)});
  }
  return checked;
}

bool allow_failures(const std::vector<Requirement>& requirements) {
  return std::any_of(requirements.begin(), requirements.end(),
                     [](const Requirement& r) { return r.metric->name == "failures"; });
}

bool all_met(const std::vector<Checked>& checked) {
  return std::all_of(checked.begin(), checked.end(), [](const Checked& c) { return c.met; });
}

std::string to_text(const std::vector<Checked>& checked) {
  std::string out = checked.empty() ? "" : "\nrequired\n";
  for (const Checked& c : checked) {
    const std::string actual =
        c.actual ? format_value(c.requirement.metric->unit, *c.actual) : "not measured";
    out +=
        fmt::format("  {:<34}{:>14}  {}\n", c.requirement.text, actual, c.met ? "met" : "NOT MET");
  }
  return out;
}

nlohmann::json to_json(const std::vector<Checked>& checked) {
  nlohmann::json json = nlohmann::json::array();
  for (const Checked& c : checked) {
    json.push_back({{"require", c.requirement.text},
                    {"actual", c.actual ? nlohmann::json(*c.actual) : nlohmann::json()},
                    {"met", c.met}});
  }
  return json;
}

}  // namespace millrace::load
