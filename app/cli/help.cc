// SPDX-License-Identifier: BSD-3-Clause
#include "cli/help.h"

#include <algorithm>

namespace millrace::cli {
namespace {

constexpr size_t kLeftColumns = 34;
constexpr size_t kColumns = 100;
constexpr char kUnbroken = '\1';  // stands for a space at which no line ends

// Words broken into lines, each after the first beginning at kLeftColumns.
void add_wrapped(std::string& out, const std::string& text) {
  constexpr size_t kWidth = kColumns - kLeftColumns;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(begin + kWidth, text.size());
    if (end != text.size()) {
      const size_t space = text.rfind(' ', end);
      if (space != std::string::npos && space > begin) end = space;
    }
    if (begin != 0) out += std::string(kLeftColumns, ' ');
    out += text.substr(begin, end - begin) + "\n";
    begin = end + (end != text.size() && text[end] == ' ' ? 1 : 0);
  }
  if (text.empty()) out += "\n";
}

std::string two_columns(std::string left, const std::string& right) {
  left = "  " + left;
  if (left.size() + 2 > kLeftColumns) {
    left += "\n" + std::string(kLeftColumns, ' ');
  } else {
    left.resize(kLeftColumns, ' ');
  }
  add_wrapped(left, right);
  std::replace(left.begin(), left.end(), kUnbroken, ' ');
  return left;
}

}  // namespace

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string left = make_option_name(option, is_positional);
  // Short names stand before the long ones, which so line up.
  left = left.starts_with("--") ? "    " + left : left;
  const size_t comma = left.find(',');
  if (comma != std::string::npos) left.insert(comma + 1, " ");
  std::string right = option->get_description();
  if (option->get_type_size() != 0) {
    left += " " + option->get_type_name();
    const std::string value = option->get_default_str();
    if (!value.empty()) right += std::string(" (default") + kUnbroken + value + ")";
  }
  return two_columns(left, right);
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return two_columns(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return app->get_description().empty() ? "" : app->get_description() + "\n\n";
}

}  // namespace millrace::cli
