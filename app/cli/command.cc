// SPDX-License-Identifier: BSD-3-Clause
#include "cli/command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "cli/config_file.h"
#include "cli/print.h"
#include "cli/values.h"

namespace millrace::cli {
namespace {

// The subcommand that was named last: what a stray word was meant for.
const CLI::App& innermost(const CLI::App& root) {
  const CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return *app;
}

// "millrace load cps"
std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* inner : app.get_subcommands({})) names.push_back(inner->get_name());
  return names;
}

std::string suggestion(const std::string& nearest, const CLI::App& app) {
  return nearest.empty() ? fmt::format("see {} --help", full_name(app))
                         : fmt::format("did you mean {}?", nearest);
}

// A word that nobody knows, or the lack of one that was expected.
std::string explain_words(const CLI::App& root) {
  const CLI::App& app = innermost(root);
  const std::vector<std::string> words = root.remaining(true);
  const std::vector<std::string> commands = subcommand_names(app);
  const bool wrong_command = !commands.empty() && !words.empty() && !words.front().starts_with('-');
  if (wrong_command) {  // the options behind it are not looked at, since they are its own
    return fmt::format("there is no command \"{}\"; {}", words.front(),
                       suggestion(nearest_name(words.front(), commands), app));
  }
  const auto option = std::find_if(words.begin(), words.end(),
                                   [](const std::string& w) { return w.starts_with('-'); });
  if (option != words.end()) {
    const std::string name = option->substr(0, option->find('='));
    std::string nearest = nearest_name(name.substr(name.find_first_not_of('-')), option_names(app));
    if (!nearest.empty()) nearest = "--" + nearest;
    return fmt::format("there is no option {}; {}", name, suggestion(nearest, app));
  }
  if (!commands.empty()) {
    return fmt::format("{} needs to be told what to do: {}; see {} --help", full_name(app),
                       one_of(commands), full_name(app));
  }
  return fmt::format("\"{}\" is a word too many: options begin with --; see {} --help",
                     words.empty() ? "" : words.front(), full_name(app));
}

// What CLI11 says of an option with too many values, too few, or one that it does not take. Its
// message begins with the option's name.
std::string explain_count(const std::string& what) {
  std::string name = what.substr(0, what.find_first_of(": "));
  if (!name.starts_with('-')) name = "--" + name;
  const auto says = [&](const char* words) { return what.find(words) != std::string::npos; };
  if (says("At Most")) return name + " was given more than once; give it once";
  if (says("flag override")) return name + " takes no value; leave away what follows it";
  if (says("missing")) {
    const size_t type = what.find("required ");
    const size_t end = what.rfind(" missing");
    if (type != std::string::npos && type + 9 < end) {
      return fmt::format("{} lacks its value; give it a {}", name,
                         what.substr(type + 9, end - type - 9));
    }
  }
  return what;
}

// CLI11's messages end with lines of advice; the first one says it.
std::string explain(const CLI::App& root, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
      dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return explain_words(root);
  }
  std::string what = error.what();
  what.resize(std::min(what.find('\n'), what.size()));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) what = explain_count(what);
  return fmt::format("{}; see {} --help", what, full_name(innermost(root)));
}

}  // namespace

int run_commands(CLI::App& root, const std::vector<std::unique_ptr<Command>>& commands,
                 std::vector<std::string> words) {
  // What stands behind "--" is for DPDK's EAL.
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> eal_args(dashes == words.end() ? dashes : dashes + 1, words.end());
  words.erase(dashes, words.end());
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    root.parse(words);
    for (const std::unique_ptr<Command>& command : commands) {
      if (command->app().parsed()) return command->run(std::move(eal_args));
    }
    return kExitUsage;
  } catch (const CLI::Success& asked) {  // --help, --version
    std::ostringstream text;
    root.exit(asked, text, text);
    say(text.str());
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    complain(fmt::format("millrace: {}\n", explain(root, error)));
    return kExitUsage;
  }
}

}  // namespace millrace::cli
