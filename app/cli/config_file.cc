// SPDX-License-Identifier: BSD-3-Clause
#include "cli/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

namespace millrace::cli {
namespace {

// Options that make no sense in a file.
bool is_for_command_line_only(const std::string& name) {
  return name == "config" || name == "help" || name == "print-config" || name == "help-require" ||
         name == "find-max";
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

// Tables that hold options of one group, whatever the command.
struct GroupTable {
  std::string_view table;
  std::string_view group;
};
constexpr std::array<GroupTable, 3> kGroupTables = {
    {{"network", kNetworkGroup}, {"tcp", kTcpGroup}, {"run", kRunGroup}}};

std::string_view group_of_table(std::string_view table) {
  for (const GroupTable& known : kGroupTables) {
    if (known.table == table) return known.group;
  }
  return {};
}

bool is_anywhere(CLI::App& command, const std::string& name) {
  if (find_option(command, name) != nullptr) return true;
  const std::vector<CLI::App*> inner = command.get_subcommands({});
  return std::any_of(inner.begin(), inner.end(),
                     [&](CLI::App* app) { return is_anywhere(*app, name); });
}

// A key with where it stands.
struct Entry {
  std::string name;  // of the option
  std::string written;
  toml::source_region where;
  const toml::node* value;
};

class Reader {
 public:
  Reader(const std::string& path, std::string_view section, CLI::App& command)
      : path_(path), section_(section), command_(command), root_(&command) {
    while (root_->get_parent() != nullptr) root_ = root_->get_parent();
  }

  Result<void> read(const toml::table& file) {
    for (const auto& [key, value] : file) {
      if (const toml::table* table = value.as_table()) {
        sort_table(std::string(key.str()), key.source(), *table);
      } else {
        sort_key(entry(key, value), {}, shared_);
      }
    }
    if (first_mistake_) return at(first_mistake_->where, first_mistake_->message);
    // The nearer to the command, the stronger.
    for (const std::vector<Entry>* entries : {&own_, &grouped_, &shared_}) {
      for (const Entry& e : *entries) {
        if (Result<void> done = apply(e); !done) return done;
      }
    }
    return {};
  }

 private:
  struct Mistake {
    toml::source_region where;
    std::string message;
  };

  [[nodiscard]] Error at(const toml::source_region& where, const std::string& message) const {
    return Error{fmt::format("{}:{}:{}: {}", path_, where.begin.line, where.begin.column, message)};
  }
  // Tables are sorted by key; a person reads from the top.
  void mistake(const toml::source_region& where, std::string message) {
    const auto position = [](const toml::source_region& r) {
      return std::pair(r.begin.line, r.begin.column);
    };
    if (!first_mistake_ || position(where) < position(first_mistake_->where)) {
      first_mistake_ = Mistake{where, std::move(message)};
    }
  }

  static Entry entry(const toml::key& key, const toml::node& value) {
    const std::string written(key.str());
    return {option_name(written), written, key.source(), &value};
  }

  void sort_table(const std::string& name, const toml::source_region& where,
                  const toml::table& table) {
    const std::string_view group = group_of_table(name);
    if (name == section_ || !group.empty()) {
      for (const auto& [key, value] : table) {
        sort_key(entry(key, value), group, group.empty() ? own_ : grouped_);
      }
      return;
    }
    std::vector<std::string> known = {std::string(section_)};
    for (const CLI::App* other : root_->get_subcommands({})) {
      if (other->get_name() == name) return;
      if (other->get_name() != section_) known.push_back(other->get_name());
    }
    for (const GroupTable& g : kGroupTables) known.emplace_back(g.table);
    mistake(where,
            fmt::format("there is no table [{}]; tables are [{}]", name, joined(known, "], [")));
  }

  void sort_key(Entry e, std::string_view group, std::vector<Entry>& into) {
    const CLI::Option* option = find_option(command_, e.name);
    if (option == nullptr && is_for_command_line_only(e.name)) {
      mistake(e.where, fmt::format("'{}' can only be given on the command line", e.written));
    } else if (option == nullptr && &into != &own_ && is_anywhere(*root_, e.name)) {
      return;  // only others have it
    } else if (option == nullptr) {
      const std::string nearest = nearest_name(e.name, option_names(command_));
      mistake(
          e.where,
          nearest.empty()
              ? fmt::format("unknown key '{}'; millrace {} --help lists all", e.written, section_)
              : fmt::format("unknown key '{}'; did you mean '{}'?", e.written, nearest));
    } else if (!group.empty() && option->get_group() != group) {
      mistake(e.where, fmt::format("'{}' does not belong in this table; move it to [{}]", e.written,
                                   table_of(*option)));
    } else {
      into.push_back(std::move(e));
    }
  }

  [[nodiscard]] std::string_view table_of(const CLI::Option& option) const {
    for (const GroupTable& known : kGroupTables) {
      if (known.group == option.get_group()) return known.table;
    }
    return section_;
  }

  Result<void> apply(const Entry& e) {
    CLI::Option* option = find_option(command_, e.name);
    if (option->count() != 0) return {};  // the command line wins, or a nearer table
    if (!decided_.insert(option).second) return {};

    const toml::node& value = *e.value;
    std::vector<std::string> values;
    if (is_flag(*option)) {
      const auto on = value.value_exact<bool>();
      if (!on) return at(value.source(), fmt::format("'{}' is true or false", e.written));
      if (!*on) return {};
      values.emplace_back("true");
    } else if (const toml::array* list = value.as_array()) {
      for (const toml::node& element : *list) {
        const auto typed = as_typed(element);
        if (!typed) {
          return at(element.source(), fmt::format("'{}' takes numbers or strings", e.written));
        }
        values.push_back(*typed);
      }
    } else {
      const auto typed = as_typed(value);
      if (!typed) {
        return at(value.source(), fmt::format("'{}' takes a number or a string", e.written));
      }
      values.push_back(*typed);
    }
    if (values.empty()) return {};
    const bool repeats = option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    if (value.is_array() && !repeats && values.size() > 1) {
      return at(value.source(), fmt::format("'{}' takes one value, not a list", e.written));
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
  CLI::App* root_;
  std::vector<Entry> own_;      // in the command's table
  std::vector<Entry> grouped_;  // in a group's table
  std::vector<Entry> shared_;   // at the top
  std::optional<Mistake> first_mistake_;
  std::set<const CLI::Option*> decided_;
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

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (!is_for_command_line_only(name)) names.push_back(name);
    }
  }
  return names;
}

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
