// SPDX-License-Identifier: BSD-3-Clause
#include "millrace/impairment.h"

#include <charconv>
#include <optional>

namespace millrace {
namespace {

// "1%", "0.5%" as a share; nothing: it is none.
std::optional<double> share_of(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  double percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(percent >= 0 && percent <= 100)) return std::nullopt;
  return percent / 100;
}

// "20ms", "250us", "1s"; up to a minute.
std::optional<Duration> length_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  const double ns = unit == "us" ? 1e3 : unit == "ms" ? 1e6 : unit == "s" ? 1e9 : 0;
  if (error != std::errc{} || ns == 0 || !(number >= 0 && number * ns <= 60e9)) {
    return std::nullopt;
  }
  return Duration{static_cast<int64_t>(number * ns)};
}

bool set(double& field, std::string_view value) {
  const std::optional<double> share = share_of(value);
  field = share.value_or(field);
  return share.has_value();
}

bool set(Duration& field, std::string_view value) {
  const std::optional<Duration> length = length_of(value);
  field = length.value_or(field);
  return length.has_value();
}

bool set(uint64_t& field, std::string_view value) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), field);
  return error == std::errc{} && end == value.data() + value.size();
}

}  // namespace

Result<Impairment> Impairment::parse(std::string_view text) {
  Impairment impairment;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    more = comma != std::string_view::npos;
    const std::string_view item = text.substr(0, comma);
    const size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : item.substr(equals + 1);
    const bool right = name == "loss"                         ? set(impairment.loss, value)
                       : name == "duplicate" || name == "dup" ? set(impairment.duplicate, value)
                       : name == "reorder"                    ? set(impairment.reorder, value)
                       : name == "delay"                      ? set(impairment.delay, value)
                       : name == "jitter"                     ? set(impairment.jitter, value)
                       : name == "seed"                       ? set(impairment.seed, value)
                                                              : false;
    if (!right) {
      return Error{
          "give some of loss=1%, delay=20ms, jitter=5ms, reorder=2%, duplicate=0.1%, "
          "seed=7, with commas between"};
    }
    if (more) text.remove_prefix(comma + 1);
  }
  return impairment;
}

}  // namespace millrace
