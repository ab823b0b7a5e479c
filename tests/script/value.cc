// SPDX-License-Identifier: BSD-3-Clause
#include "value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <span>

#include "millrace/tcp_info.h"

namespace script {

using millrace::Duration;
using millrace::State;

namespace {

// In the order of their enumerators.
constexpr std::string_view kCongestionNames[] = {"newreno", "cubic"};
constexpr std::string_view kCookiesNames[] = {"auto", "always", "never"};
constexpr std::string_view kProbingNames[] = {"off", "black-hole", "always"};

constexpr std::string_view kEcnNames[] = {"off", "passive", "classic", "accurate"};
constexpr std::string_view kEcnModeNames[] = {"none", "classic", "accurate"};

// Empty where a value is not one of a few names.
std::span<const std::string_view> names_of(Kind kind) {
  switch (kind) {
    case Kind::kCongestion:
      return kCongestionNames;
    case Kind::kCookies:
      return kCookiesNames;
    case Kind::kProbing:
      return kProbingNames;
    case Kind::kEcn:
      return kEcnNames;
    case Kind::kEcnMode:
      return kEcnModeNames;
    case Kind::kCount:
    case Kind::kTime:
    case Kind::kSwitch:
    case Kind::kState:
    case Kind::kLocalSeq:
    case Kind::kPeerSeq:
      break;
  }
  return {};
}

// So that sums and multiples of counts stay far from the end of their type.
constexpr int64_t kCountMax = int64_t{1} << 36;

bool ends_with(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

}  // namespace

std::optional<int64_t> parse_count(std::string_view text) {
  int64_t scale = 1;
  if (ends_with(text, "K")) {
    scale = 1024;
  } else if (ends_with(text, "M")) {
    scale = 1024 * 1024;
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < -kCountMax || value > kCountMax) return std::nullopt;
  return value * scale;
}

std::optional<Duration> parse_time(std::string_view text) {
  double unit_ns = 1e9;
  if (ends_with(text, "ms")) {
    unit_ns = 1e6;
  } else if (ends_with(text, "us")) {
    unit_ns = 1e3;
  } else {
    ends_with(text, "s");
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (!(value >= 0 && value <= 1e6)) return std::nullopt;
  return Duration{std::llround(value * unit_ns)};
}

std::string format_time(Duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", time.seconds());
  return text;
}

std::optional<int64_t> parse(Kind kind, std::string_view text) {
  switch (kind) {
    case Kind::kCount:
    case Kind::kLocalSeq:
    case Kind::kPeerSeq:
      return parse_count(text);
    case Kind::kTime: {
      const std::optional<Duration> time = parse_time(text);
      return time ? std::optional(time->ns) : std::nullopt;
    }
    case Kind::kSwitch:
      if (text == "on") return 1;
      if (text == "off") return 0;
      return std::nullopt;
    case Kind::kState:
      for (size_t i = 0; i < millrace::kStateCount; ++i) {
        if (text == to_string(static_cast<State>(i))) return static_cast<int64_t>(i);
      }
      return std::nullopt;
    case Kind::kCongestion:
    case Kind::kCookies:
    case Kind::kProbing:
    case Kind::kEcn:
    case Kind::kEcnMode: {
      const std::span<const std::string_view> names = names_of(kind);
      const auto found = std::find(names.begin(), names.end(), text);
      if (found == names.end()) return std::nullopt;
      return found - names.begin();
    }
  }
  return std::nullopt;
}

std::string format(Kind kind, int64_t value) {
  switch (kind) {
    case Kind::kCount:
    case Kind::kLocalSeq:
    case Kind::kPeerSeq:
      return std::to_string(value);
    case Kind::kTime:
      return format_time({value}) + "s";
    case Kind::kSwitch:
      return value != 0 ? "on" : "off";
    case Kind::kState:
      return std::string(to_string(static_cast<State>(value)));
    case Kind::kCongestion:
    case Kind::kCookies:
    case Kind::kProbing:
    case Kind::kEcn:
    case Kind::kEcnMode:
      return std::string(names_of(kind)[static_cast<size_t>(value)]);
  }
  return "";
}

std::string_view describe(Kind kind) {
  switch (kind) {
    case Kind::kCount:
      return "a count such as 1460 or 64K";
    case Kind::kLocalSeq:
    case Kind::kPeerSeq:
      return "a relative sequence number";
    case Kind::kTime:
      return "a time such as 200ms or 1.5s";
    case Kind::kSwitch:
      return "on or off";
    case Kind::kState:
      return "a state such as ESTABLISHED or FIN-WAIT-1";
    case Kind::kCongestion:
      return "newreno or cubic";
    case Kind::kCookies:
      return "auto, always or never";
    case Kind::kProbing:
      return "off, black-hole or always";
    case Kind::kEcn:
      return "off, passive, classic or accurate";
    case Kind::kEcnMode:
      return "none, classic or accurate";
  }
  return "";
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const size_t begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find_first_of(" \t\r"), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    std::string piece;
    for (const std::string& word : split_words(text.substr(0, comma))) {
      piece += (piece.empty() ? "" : " ") + word;
    }
    pieces.push_back(std::move(piece));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return pieces;
}

}  // namespace script
