// SPDX-License-Identifier: BSD-3-Clause
#include "cli/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace millrace::cli {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};

// Longest names first, so that "ms" is not read as "m" and an "s" too many.
constexpr std::array<Unit, 6> kDurationUnits = {{{"ns", 1},
                                                 {"us", 1'000},
                                                 {"ms", 1'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"h", 3'600'000'000'000}}};
constexpr std::array<Unit, 4> kSizeUnits = {
    {{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", int64_t{1} << 40}}};

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

// Number options of all widths: read, check the range, say both ends.
template <class T>
CLI::Option* add_bounded(CLI::App& command, const std::string& name, T& target, T min, T max,
                         const std::string& description) {
  return add_parsed(
             command, name, "N",
             [&target, min, max](const std::string& text) -> Result<void> {
               const std::optional<uint64_t> value = parse_number(text);
               if (!value || *value < min || *value > max) {
                 return Error{fmt::format("give a whole number from {} to {}", min, max)};
               }
               target = static_cast<T>(*value);
               return {};
             },
             description)
      ->default_str(std::to_string(target));
}

}  // namespace

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

Result<AddressRange> parse_range(const std::string& text) {
  Result<AddressRange> range = AddressRange::parse(text);
  if (!range || range->count() <= kAddressesMax) return range;
  const std::string count =
      range->count() == UINT64_MAX ? "more than 2^64" : std::to_string(range->count());
  return Error{fmt::format("these are {} addresses; give {} at most", count, kAddressesMax)};
}

std::optional<Duration> parse_duration(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string number(text.substr(0, digits));
  const std::string_view unit = text.substr(digits);
  if (number.empty() || number == "." || std::count(number.begin(), number.end(), '.') > 1) {
    return std::nullopt;
  }
  int64_t factor = 1'000'000'000;
  if (!unit.empty()) {
    const auto known = std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                                    [&](const Unit& u) { return u.name == unit; });
    if (known == kDurationUnits.end()) return std::nullopt;
    factor = known->factor;
  }
  const long double ns = std::strtold(number.c_str(), nullptr) * static_cast<long double>(factor);
  constexpr long double kMaxNs = 1e18L;  // 31 years
  if (ns > kMaxNs) return std::nullopt;
  return Duration{static_cast<int64_t>(std::llroundl(ns))};
}

std::optional<uint64_t> parse_size(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<uint64_t> number = parse_number(text.substr(0, digits));
  if (!number) return std::nullopt;
  std::string_view unit = text.substr(digits);
  uint64_t factor = 1;
  for (const Unit& u : kSizeUnits) {
    if (!unit.empty() && equals_ignoring_case(unit.substr(0, 1), u.name)) {
      factor = static_cast<uint64_t>(u.factor);
      unit.remove_prefix(1);
      break;
    }
  }
  const bool rest_known = unit.empty() || equals_ignoring_case(unit, "b") ||
                          (factor != 1 && equals_ignoring_case(unit, "ib"));
  if (!rest_known || *number > UINT64_MAX / factor) return std::nullopt;
  return *number * factor;
}

std::string to_text(Duration duration) {
  // The largest unit that leaves a whole number.
  for (auto unit = kDurationUnits.rbegin(); unit != kDurationUnits.rend(); ++unit) {
    if (duration.ns != 0 && duration.ns % unit->factor == 0) {
      return fmt::format("{}{}", duration.ns / unit->factor, unit->name);
    }
  }
  return "0s";
}

std::string size_to_text(uint64_t bytes) {
  for (auto unit = kSizeUnits.rbegin(); unit != kSizeUnits.rend(); ++unit) {
    const auto factor = static_cast<uint64_t>(unit->factor);
    if (bytes != 0 && bytes % factor == 0) return fmt::format("{}{}", bytes / factor, unit->name);
  }
  return std::to_string(bytes);
}

CLI::Option* add_number(CLI::App& command, const std::string& name, uint64_t& target, uint64_t min,
                        uint64_t max, const std::string& description) {
  return add_bounded(command, name, target, min, max, description);
}
CLI::Option* add_number(CLI::App& command, const std::string& name, uint32_t& target, uint32_t min,
                        uint32_t max, const std::string& description) {
  return add_bounded(command, name, target, min, max, description);
}
CLI::Option* add_number(CLI::App& command, const std::string& name, uint16_t& target, uint16_t min,
                        uint16_t max, const std::string& description) {
  return add_bounded(command, name, target, min, max, description);
}

CLI::Option* add_port(CLI::App& command, const std::string& name, uint16_t& target,
                      const std::string& description) {
  return add_parsed(
      command, name, "PORT",
      [&target](const std::string& text) -> Result<void> {
        const std::optional<uint64_t> value = parse_number(text);
        if (!value || *value < 1 || *value > 65535) {
          return Error{"give a port from 1 to 65535"};
        }
        target = static_cast<uint16_t>(*value);
        return {};
      },
      description);
}

CLI::Option* add_size(CLI::App& command, const std::string& name, uint64_t& target, uint64_t min,
                      uint64_t max, const std::string& description) {
  return add_parsed(
             command, name, "SIZE",
             [&target, min, max](const std::string& text) -> Result<void> {
               const std::optional<uint64_t> value = parse_size(text);
               if (!value || *value < min || *value > max) {
                 return Error{fmt::format("give a size from {} to {}, such as 4096 or 4k",
                                          size_to_text(min), size_to_text(max))};
               }
               target = *value;
               return {};
             },
             description)
      ->default_str(size_to_text(target));
}

CLI::Option* add_duration(CLI::App& command, const std::string& name, Duration& target,
                          Duration min, Duration max, const std::string& description) {
  return add_parsed(
             command, name, "DURATION",
             [&target, min, max](const std::string& text) -> Result<void> {
               const std::optional<Duration> value = parse_duration(text);
               if (!value || *value < min || *value > max) {
                 return Error{fmt::format("give a time from {} to {}, such as 10s or 500ms",
                                          to_text(min), to_text(max))};
               }
               target = *value;
               return {};
             },
             description)
      ->default_str(to_text(target));
}

CLI::Option* add_own_addresses(CLI::App& command, const std::string& name,
                               std::vector<InterfaceAddress>& addresses,
                               std::vector<AddressRange>& ranges, const std::string& description) {
  return add_parsed(
             command, name, "ADDRESS/LEN[@VLAN]",
             [&addresses, &ranges](const std::string& text) -> Result<void> {
               const size_t dash = std::min(text.find('-'), text.size());
               const size_t slash = std::min(text.find('/', dash), text.size());
               const Result<InterfaceAddress> first = InterfaceAddress::parse(
                   text.substr(0, dash) + text.substr(slash == text.size() ? dash : slash));
               if (!first) {
                 return Error{
                     "give an address with its prefix length, such as 10.0.0.1/24 or "
                     "2001:db8::1/64, or several as 10.0.0.1-10.0.0.99/24, and their VLAN if they "
                     "are on one: 10.0.0.1/24@100 or @100.200"};
               }
               addresses.push_back(*first);
               if (dash == text.size()) return {};
               const Result<AddressRange> range = parse_range(text.substr(0, slash));
               if (!range) return range.error();
               if (!first->contains(range->last)) {
                 return Error{fmt::format("{} is not on the network of {}; give two of one network",
                                          range->last.to_string(), first->to_string())};
               }
               ranges.push_back(*range);
               return {};
             },
             description)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CLI::Option* add_text(CLI::App& command, const std::string& name, std::string& target,
                      const std::string& description) {
  return add_parsed(
             command, name, "TEXT",
             [&target](const std::string& text) -> Result<void> {
               target = text;
               return {};
             },
             description)
      ->default_str(target);
}

CLI::Option* add_flag(CLI::App& command, const std::string& name, bool& target,
                      const std::string& description) {
  return command.add_flag(name, target, description)->disable_flag_override();
}

std::string one_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i != 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace millrace::cli
