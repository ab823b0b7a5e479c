// SPDX-License-Identifier: BSD-3-Clause
#include "cli/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <vector>

namespace millrace::cli {
namespace {

// Options that make no sense in a file.
bool is_for_command_line_only(const std::string& name) {
  return name == "config" || name == "help" || name == "print-config";
}

std::string option_name(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

CLI::Option* find_option(CLI::App& command, const std::string& name) {
  if (is_for_command_line_only(name)) return nullptr;
  return command.get_option_no_throw("--" + name);
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (!is_for_command_line_only(name)) names.push_back(name);
    }
  }
  return names;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

bool is_flag(const CLI::Option& option) { return option.get_expected_max() == 0; }

// A TOML value as it would be typed on the command line.
std::optional<std::string> as_typed(const toml::node& value) {
  if (const auto text = value.value_exact<std::string>()) return *text;
  if (const auto number = value.value_exact<int64_t>()) return std::to_string(*number);
  if (const auto number = value.value_exact<double>()) return fmt::format("{}", *number);
  return std::nullopt;
}

class Reader {
 public:
  Reader(const std::string& path, std::string_view section, CLI::App& command)
      : path_(path), section_(section), command_(command) {}

  Result<void> read(const toml::table& root) {
    for (const auto& [key, value] : root) {
      const std::string name(key.str());
      Result<void> done;
      if (const toml::table* table = value.as_table()) {
        done = read_table(name, key, *table);
      } else if (find_option(command_, option_name(name)) == nullptr &&
                 known_to_another_command(option_name(name))) {
        continue;  // a key at the top that only others have
      } else {
        done = apply(name, key, value);
      }
      if (!done) return done;
    }
    return {};
  }

 private:
  [[nodiscard]] Error at(const toml::source_region& where, const std::string& message) const {
    return Error{fmt::format("{}:{}:{}: {}", path_, where.begin.line, where.begin.column, message)};
  }

  Result<void> read_table(const std::string& name, const toml::key& key, const toml::table& table) {
    if (name == section_) {
      for (const auto& [inner, value] : table) {
        if (Result<void> done = apply(std::string(inner.str()), inner, value); !done) return done;
      }
      return {};
    }
    std::vector<std::string> commands;
    const CLI::App* root = command_.get_parent();
    if (root != nullptr) {
      for (const CLI::App* other : root->get_subcommands({})) {
        if (other->get_name() == name) return {};
        commands.push_back(other->get_name());
      }
    }
    commands.emplace_back(section_);
    return at(key.source(), fmt::format("there is no command [{}]; tables are named [{}]", name,
                                        joined(commands, "], [")));
  }

  [[nodiscard]] bool known_to_another_command(const std::string& name) const {
    CLI::App* root = command_.get_parent();
    if (root == nullptr) return false;
    for (CLI::App* other : root->get_subcommands({})) {
      if (find_option(*other, name) != nullptr) return true;
    }
    return false;
  }

  Result<void> apply(const std::string& key_text, const toml::key& key, const toml::node& value) {
    const std::string name = option_name(key_text);
    CLI::Option* option = find_option(command_, name);
    if (option == nullptr) {
      if (is_for_command_line_only(name)) {
        return at(key.source(), fmt::format("'{}' can only be given on the command line", name));
      }
      const std::string nearest = nearest_name(name, option_names(command_));
      return at(
          key.source(),
          nearest.empty()
              ? fmt::format("unknown key '{}'; millrace {} --help lists all", key_text, section_)
              : fmt::format("unknown key '{}'; did you mean '{}'?", key_text, nearest));
    }
    if (option->count() != 0) return {};  // the command line wins

    std::vector<std::string> values;
    if (is_flag(*option)) {
      const auto on = value.value_exact<bool>();
      if (!on) return at(value.source(), fmt::format("'{}' is true or false", key_text));
      if (!*on) return {};
      values.emplace_back("true");
    } else if (const toml::array* list = value.as_array()) {
      for (const toml::node& element : *list) {
        const auto typed = as_typed(element);
        if (!typed) {
          return at(element.source(), fmt::format("'{}' takes numbers or strings", key_text));
        }
        values.push_back(*typed);
      }
    } else {
      const auto typed = as_typed(value);
      if (!typed) {
        return at(value.source(), fmt::format("'{}' takes a number or a string", key_text));
      }
      values.push_back(*typed);
    }
    if (values.size() > 1 && option->get_expected_max() < static_cast<int>(values.size())) {
      return at(value.source(), fmt::format("'{}' takes one value, not a list", key_text));
    }
    try {
      for (const std::string& typed : values) option->add_result(typed);
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      return at(value.source(), error.what());
    }
    return {};
  }

  const std::string& path_;
  std::string_view section_;
  CLI::App& command_;
};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string toml_value(const CLI::Option& option, const std::string& value) {
  const std::string type = option.get_type_name();
  return type == "N" || type == "PORT" ? value : quoted(value);
}

}  // namespace

Result<void> load_config_text(std::string_view text, const std::string& path,
                              std::string_view section, CLI::App& command) {
  try {
    return Reader(path, section, command).read(toml::parse(text, path));
  } catch (const toml::parse_error& error) {
    return Error{fmt::format("{}:{}:{}: not valid TOML: {}", path, error.source().begin.line,
                             error.source().begin.column, error.description())};
  }
}

Result<void> load_config_file(const std::string& path, std::string_view section,
                              CLI::App& command) {
  std::ifstream file(path);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) {
    return Error{
        fmt::format("the configuration '{}' cannot be read; check the path and its "
                    "permissions",
                    path)};
  }
  return load_config_text(text.str(), path, section, command);
}

std::string config_to_toml(const CLI::App& command, std::string_view section) {
  std::string out = fmt::format("[{}]\n", section);
  const auto line = std::back_inserter(out);
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (is_for_command_line_only(name)) continue;
    const std::vector<std::string>& results = option->results();
    if (is_flag(*option)) {
      fmt::format_to(line, "{} = {}\n", name, option->count() != 0);
    } else if (results.size() > 1) {
      std::vector<std::string> values;
      for (const std::string& value : results) values.push_back(toml_value(*option, value));
      fmt::format_to(line, "{} = [{}]\n", name, joined(values, ", "));
    } else if (!results.empty()) {
      fmt::format_to(line, "{} = {}\n", name, toml_value(*option, results.front()));
    } else if (!option->get_default_str().empty()) {
      fmt::format_to(line, "{} = {}\n", name, toml_value(*option, option->get_default_str()));
    }
  }
  return out;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& names) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : names) {
    // Levenshtein's distance, one row at a time.
    std::vector<size_t> row(candidate.size() + 1);
    for (size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= name.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j < row.size(); ++j) {
        const size_t change = diagonal + (name[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace millrace::cli
