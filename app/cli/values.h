// SPDX-License-Identifier: BSD-3-Clause
// Option values as a person types them: numbers, sizes, durations, addresses. Every add_* function
// declares one option of a subcommand; a wrong value becomes one sentence that names the option,
// the value and what would be right, whether it came from the command line or from a TOML file.
//
// The type name of an option ("N", "SIZE", "DURATION", ...) is what --help shows, and what tells
// the TOML reader and --print-config which kind of value it is.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/address.h"
#include "millrace/result.h"
#include "millrace/time.h"

namespace millrace::cli {

// "10s", "500ms", "250us", "2m", "1h", "1.5s"; a bare number counts seconds. Never negative.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// "64", "4k", "1m", "2g" (powers of 1024; an "iB" or "B" may follow, in either case).
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);
// So many addresses of our own at most: the hosts of a /12 or a /108, a good million.
inline constexpr uint64_t kAddressesMax = 1u << 20;
// AddressRange::parse(), at most kAddressesMax long.
[[nodiscard]] Result<AddressRange> parse_range(const std::string& text);
// A decimal number and nothing else.
[[nodiscard]] std::optional<uint64_t> parse_number(std::string_view text);
// The shortest text that parse_duration reads back as the same: "10s", "1500ms".
[[nodiscard]] std::string to_text(Duration duration);
[[nodiscard]] std::string size_to_text(uint64_t bytes);

// The target keeps its default until a value is given; the default is shown by --help.
// `name` as CLI11 wants it: "--mtu" or "-c,--connections".
CLI::Option* add_number(CLI::App& command, const std::string& name, uint64_t& target, uint64_t min,
                        uint64_t max, const std::string& description);
CLI::Option* add_number(CLI::App& command, const std::string& name, uint32_t& target, uint32_t min,
                        uint32_t max, const std::string& description);
CLI::Option* add_number(CLI::App& command, const std::string& name, uint16_t& target, uint16_t min,
                        uint16_t max, const std::string& description);
// A port that is 0 when not given.
CLI::Option* add_port(CLI::App& command, const std::string& name, uint16_t& target,
                      const std::string& description);
CLI::Option* add_size(CLI::App& command, const std::string& name, uint64_t& target, uint64_t min,
                      uint64_t max, const std::string& description);
CLI::Option* add_duration(CLI::App& command, const std::string& name, Duration& target,
                          Duration min, Duration max, const std::string& description);
// Of either family, "10.0.0.1/24", or several with one network, "10.0.0.1-10.0.0.99/24": the first
// is an address with a network then, and all of them are a range. Each on a VLAN if it says so,
// "10.0.0.1/24@100". May be given more than once.
CLI::Option* add_own_addresses(CLI::App& command, const std::string& name,
                               std::vector<InterfaceAddress>& addresses,
                               std::vector<AddressRange>& ranges, const std::string& description);
CLI::Option* add_text(CLI::App& command, const std::string& name, std::string& target,
                      const std::string& description);
CLI::Option* add_flag(CLI::App& command, const std::string& name, bool& target,
                      const std::string& description);

// "a, b or c".
std::string one_of(const std::vector<std::string>& names);

// An option with a parser of its own: `parse` is called as Result<void>(const std::string& value)
// and stores what it read. Its error says what is wrong; name and value are put in front of it:
// "--route "10/8": " + error.
template <class Parse>
CLI::Option* add_parsed(CLI::App& command, const std::string& name, const std::string& type_name,
                        Parse parse, const std::string& description) {
  const size_t first_long = name.find("--");
  const std::string shown = name.substr(first_long, name.find(',', first_long) - first_long);
  return command
      .add_option_function<std::vector<std::string>>(
          name,
          [shown, parse](const std::vector<std::string>& values) {
            for (const std::string& value : values) {
              const Result<void> result = parse(value);
              if (!result.ok()) {
                throw CLI::ValidationError(shown + " \"" + value + "\": " + result.error().message);
              }
            }
          },
          description)
      ->type_name(type_name)
      ->expected(1)
      ->allow_extra_args(false);
}

// One of a few words; `names` are those of the enumeration's values, in order from 0.
template <class Enum>
CLI::Option* add_choice(CLI::App& command, const std::string& name, const std::string& type_name,
                        Enum& target, const std::vector<std::string>& names,
                        const std::string& description) {
  return add_parsed(
             command, name, type_name,
             [&target, names](const std::string& text) -> Result<void> {
               for (size_t i = 0; i < names.size(); ++i) {
                 if (text == names[i]) {
                   target = static_cast<Enum>(i);
                   return {};
                 }
               }
               return Error{"give " + one_of(names)};
             },
             description)
      ->default_str(names[static_cast<size_t>(target)]);
}

}  // namespace millrace::cli
