// SPDX-License-Identifier: BSD-3-Clause
#include "cli/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace millrace::cli {
namespace {

// Three significant digits.
std::string three_digits(double value) {
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

std::string scaled(double value, double step, const std::array<std::string_view, 5>& units) {
  size_t unit = 0;
  while (value >= step * 0.9995 && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  const std::string number =
      unit == 0 && value == std::floor(value) ? fmt::format("{:.0f}", value) : three_digits(value);
  return fmt::format("{} {}", number, units[unit]);
}

}  // namespace

std::string format_rate(double per_second) {
  return scaled(per_second, 1000, {"/s", "k/s", "M/s", "G/s", "T/s"});
}

std::string format_bit_rate(double bytes_per_second) {
  return scaled(bytes_per_second * 8, 1000, {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"});
}

std::string format_count(uint64_t count) {
  const std::string digits = std::to_string(count);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string format_bytes(uint64_t bytes) {
  return scaled(static_cast<double>(bytes), 1024, {"B", "KiB", "MiB", "GiB", "TiB"});
}

std::string format_share(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (part != 0 && percent < 1) return "<1 %";
  return fmt::format("{:.0f} %", part == whole ? percent : std::min(percent, 99.0));
}

std::string format_duration(Duration duration) {
  const auto ns = static_cast<double>(duration.ns);
  if (ns < 999.5) return fmt::format("{} ns", duration.ns);
  if (ns < 999'500) return fmt::format("{} us", three_digits(ns / 1e3));
  if (ns < 999'500'000) return fmt::format("{} ms", three_digits(ns / 1e6));
  return fmt::format("{} s", three_digits(ns / 1e9));
}

}  // namespace millrace::cli
