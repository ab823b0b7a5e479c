// SPDX-License-Identifier: BSD-3-Clause
#include "load/find_max.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "cli/child.h"
#include "cli/config_file.h"
#include "cli/format.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/signals.h"

namespace millrace::load {
namespace {

constexpr double kSkippedMax = 0.001;  // of the arrivals

// The options in force as a file for the trials, without those that are the search's own.
std::string trial_options(const CLI::App& app, const std::string& load_option) {
  const std::vector<std::string> ours = {load_option, "duration",  "json", "quiet",
                                         "live",      "csv",       "html", "count",
                                         "start-at",  "json-lines"};
  std::istringstream all(cli::config_to_toml(app, "load"));
  std::string kept;
  for (std::string line; std::getline(all, line);) {
    const std::string name = line.substr(0, line.find(' '));
    const bool is_ours = std::find(ours.begin(), ours.end(), name) != ours.end();
    if (!is_ours && !name.starts_with("find-")) kept += line + "\n";
  }
  return kept;
}

struct Step {
  Trial trial;
  std::string shortfall;  // empty: it met the criteria
  double reached = 0;
};

nlohmann::json to_json(const Step& step) {
  nlohmann::json json = {{"load", step.trial.load},
                         {"seconds", step.trial.duration.seconds()},
                         {"phase", step.trial.phase + 1},
                         {"met", step.shortfall.empty()},
                         {"reached", step.reached}};
  if (!step.shortfall.empty()) json["why"] = step.shortfall;
  return json;
}

nlohmann::json bound_json(const std::optional<uint64_t>& bound) {
  return bound ? nlohmann::json(*bound) : nlohmann::json(nullptr);
}

// The criteria as a person gave them, and that of failures if none did.
std::vector<std::string> criteria(const std::vector<Requirement>& requirements) {
  std::vector<std::string> all;
  for (const Requirement& requirement : requirements) all.push_back(requirement.text);
  if (!allow_failures(requirements)) all.insert(all.begin(), "failures=0");
  return all;
}

class Trials {
 public:
  Trials(std::string folder, std::string mode, const Wanted& wanted,
         const std::vector<std::string>& eal_args)
      : folder_(std::move(folder)), mode_(std::move(mode)), wanted_(wanted), eal_args_(eal_args) {}

  // Errors: there was no load at all, so that another one would be no better.
  Result<Step> make(const Trial& trial, const cli::StopSignals& signals) {
    std::vector<std::string> words = {"load",
                                      mode_,
                                      "--config",
                                      folder_ + "/trial.toml",
                                      "--" + wanted_.option,
                                      std::to_string(trial.load),
                                      "--duration",
                                      cli::to_text(trial.duration),
                                      "--json"};
    if (!eal_args_.empty()) words.emplace_back("--");
    words.insert(words.end(), eal_args_.begin(), eal_args_.end());
    Result<cli::Child> child = cli::Child::start(words, folder_, "trial");
    if (!child) return child.error();
    std::optional<int> status;
    while (!status && signals.count() == 0) status = child->wait(seconds(1));
    if (!status) {
      child->send_signal(SIGTERM);
      child->wait(seconds(10));
      return Error{"stopped before the search had found anything"};
    }
    const nlohmann::json report = nlohmann::json::parse(child->out(), nullptr, false);
    if (report.is_discarded() || report.contains("error") || *status == cli::kExitUsage) {
      std::string said = child->err();
      said.resize(std::min(said.find('\n'), said.size()));
      const std::string prefix = "millrace: ";
      if (said.starts_with(prefix)) said.erase(0, prefix.size());
      return Error{said.empty() ? fmt::format("a trial ended with status {}", *status) : said};
    }
    return Step{trial, shortfall(report, *status, trial.load, wanted_), wanted_.reached(report)};
  }

 private:
  std::string folder_;
  std::string mode_;
  const Wanted& wanted_;
  const std::vector<std::string>& eal_args_;
};

}  // namespace

void add_find_max_options(CLI::App& command, FindMaxOptions& options) {
  cli::add_flag(command, "--find-max", options.wanted,
                "look for the greatest load that meets every --require, and say each step");
  cli::add_duration(command, "--find-trial", options.search.duration, milliseconds(100),
                    seconds(3600), "how long the last, decisive trials are");
  cli::add_parsed(
      command, "--find-width", "PERCENT",
      [&options](const std::string& text) -> Result<void> {
        const std::optional<uint64_t> percent = cli::parse_number(
            std::string_view(text).substr(0, std::min(text.find('%'), text.size())));
        if (!percent || *percent < 1 || *percent > 100) return Error{"give 1% to 100%"};
        options.search.width = static_cast<double>(*percent) / 100;
        return {};
      },
      "how far apart the greatest that does and the least that does not may be")
      ->default_str("5%");
  cli::add_number(command, "--find-from", options.search.min, uint64_t{1}, UINT64_MAX,
                  "the least load to try");
  cli::add_number(command, "--find-to", options.search.max, uint64_t{1}, UINT64_MAX,
                  "the greatest load to try");
}

std::string shortfall(const nlohmann::json& report, int status, uint64_t load,
                      const Wanted& wanted) {
  for (const nlohmann::json& requirement : report.value("requirements", nlohmann::json::array())) {
    if (!requirement["met"].get<bool>()) {
      return requirement["require"].get<std::string>() + " is not met";
    }
  }
  if (status != cli::kExitOk) {
    return fmt::format("{} connections failed", report["connections"].value("failed", uint64_t{0}));
  }
  if (const auto arrivals = report.find("arrivals"); arrivals != report.end()) {
    const auto scheduled = (*arrivals)["scheduled"].get<double>();
    const double skipped =
        (*arrivals)["skipped_late"].get<double>() + (*arrivals)["skipped_busy"].get<double>();
    if (skipped > kSkippedMax * scheduled) {
      return fmt::format("{:.1f} % of the arrivals were skipped", 100 * skipped / scheduled);
    }
  }
  const double reached = wanted.reached(report) / static_cast<double>(load);
  if (reached < wanted.reached_min) {
    return fmt::format("only {:.1f} % of it were reached", 100 * reached);
  }
  return {};
}

int find_max(const CLI::App& app, const std::string& mode, const Wanted& wanted,
             const FindMaxOptions& options, const cli::CommonOptions& common,
             const std::vector<Requirement>& requirements,
             const std::vector<std::string>& eal_args) {
  SearchPlan plan = options.search;
  if (plan.max < plan.min) return cli::fail({"--find-to is less than --find-from"});
  plan.first = std::clamp(plan.first, plan.min, plan.max);
  Result<cli::TemporaryFolder> folder = cli::TemporaryFolder::create();
  if (!folder) return cli::fail(folder.error());
  std::ofstream(folder->path() + "/trial.toml") << trial_options(app, wanted.option);
  Trials trials(folder->path(), mode, wanted, eal_args);
  const bool says = !common.json && !common.quiet;
  const std::string asked = fmt::format("{}", fmt::join(criteria(requirements), ", "));
  if (says) {
    cli::say(fmt::format("looking for the most {} that meet {}\n\n{:>6} {:>9} {:>16}  {}\n",
                         wanted.unit, asked, "phase", "trial", wanted.unit, "verdict"));
  }
  const cli::StopSignals signals;
  const Instant began = cli::monotonic_now();
  RateSearch search(plan);
  nlohmann::json steps = nlohmann::json::array();
  while (const std::optional<Trial> trial = search.next()) {
    const Result<Step> step = trials.make(*trial, signals);
    if (!step) {
      cli::complain("millrace: " + step.error().message + "\n");
      return cli::kExitFailed;
    }
    search.report(step->shortfall.empty());
    steps.push_back(to_json(*step));
    if (!says) continue;
    cli::say(fmt::format("{:>6} {:>9} {:>16}  {}\n", trial->phase + 1,
                         cli::format_duration(trial->duration), cli::format_count(trial->load),
                         step->shortfall.empty() ? "met" : step->shortfall));
  }
  const Duration took = cli::monotonic_now() - began;
  if (common.json) {
    const nlohmann::json json = {{"schema", cli::kReportSchema},
                                 {"command", "find-max"},
                                 {"mode", mode},
                                 {"kpi", wanted.kpi},
                                 {"unit", wanted.unit},
                                 {"criteria", criteria(requirements)},
                                 {"width", plan.width},
                                 {"lower", bound_json(search.lower())},
                                 {"upper", bound_json(search.upper())},
                                 {"trials", steps},
                                 {"seconds", took.seconds()},
                                 {"succeeded", search.lower().has_value()}};
    cli::say(json.dump(2) + "\n");
  } else if (!search.lower()) {
    cli::say(fmt::format("\nnot even {} {} meet {}\n", cli::format_count(*search.upper()),
                         wanted.unit, asked));
  } else {
    const std::string beyond = search.upper()
                                   ? fmt::format("{} do not", cli::format_count(*search.upper()))
                                   : std::string("nothing above was tried; raise --find-to");
    cli::say(fmt::format("\nmaximum  {} {} meet {}; {} ({} trials, {})\n",
                         cli::format_count(*search.lower()), wanted.unit, asked, beyond,
                         steps.size(), cli::format_duration(took)));
  }
  return search.lower() ? cli::kExitOk : cli::kExitFailed;
}

}  // namespace millrace::load
