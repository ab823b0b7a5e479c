// SPDX-License-Identifier: BSD-3-Clause
#include "inspect/command.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/print.h"
#include "inspect/explain.h"

namespace millrace::inspect {
namespace {

class ExplainCommand final : public cli::Command {
 public:
  explicit ExplainCommand(CLI::App& root)
      : app_(*root.add_subcommand("explain", "what a name in a report means")) {
    app_.footer(
        "Examples:\n"
        "  millrace explain TcpExtTCPSynRetrans close-mismatch\n"
        "  millrace explain                   # all of them");
    app_.add_option("NAME", names_, "counters, drops, failures, figures")->type_name("");
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> /*eal_args*/) override {
    std::string out;
    if (names_.empty()) {
      for (const Explained& e : explained()) out += fmt::format("{:<33}{}\n", e.name, e.meaning);
    }
    for (const std::string& name : names_) {
      const Explained* e = find_explained(name);
      if (e == nullptr) return cli::fail({unknown(name)});
      out += fmt::format("{}\n  {}\n", e->name, e->meaning);
      if (!e->cause.empty()) out += fmt::format("  look at: {}\n", e->cause);
    }
    cli::say(out);
    return cli::kExitOk;
  }

 private:
  static std::string unknown(const std::string& name) {
    std::vector<std::string> names;
    for (const Explained& e : explained()) names.emplace_back(e.name);
    const std::string nearest = cli::nearest_name(name, names);
    return fmt::format(
        "there is nothing called {}; {}", name,
        nearest.empty() ? "millrace explain lists all" : fmt::format("did you mean {}?", nearest));
  }

  CLI::App& app_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<cli::Command> add_explain_command(CLI::App& root) {
  return std::make_unique<ExplainCommand>(root);
}

}  // namespace millrace::inspect
