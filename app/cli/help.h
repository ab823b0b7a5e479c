// SPDX-License-Identifier: BSD-3-Clause
// How --help looks: options on the left with the kind of their value, what they do and their
// default on the right, wrapped to 100 columns.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace millrace::cli {

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_description(const CLI::App* app) const override;
};

}  // namespace millrace::cli
