// SPDX-License-Identifier: BSD-3-Clause
#include "load/files_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/format.h"
#include "cli/options.h"
#include "cli/print.h"
#include "load/compare.h"
#include "load/merge.h"
#include "load/report_options.h"

namespace millrace::load {
namespace {

using Json = nlohmann::json;

// Every figure that was measured; times only as far as one looks at them first.
std::string all_figures(const Json& report) {
  std::string out;
  for (const Metric& metric : metrics()) {
    const bool rare = metric.unit == Unit::kTime && !metric.name.ends_with(".p50") &&
                      !metric.name.ends_with(".p99") && !metric.name.ends_with(".p99_9") &&
                      !metric.name.ends_with(".max");
    const std::optional<double> value = value_of(metric, report);
    if (rare || !value || *value == 0) continue;
    out += fmt::format("{:<30}{:>16}\n", metric.name, format_value(metric.unit, *value));
  }
  return out;
}

class MergeCommand final : public cli::Command {
 public:
  explicit MergeCommand(CLI::App& root)
      : app_(*root.add_subcommand("merge", "the results of several machines as one")) {
    app_.footer(
        "Examples:\n"
        "  # on each machine, at the same moment:\n"
        "  millrace load cps ... --start-at 2026-11-21T18:30:00Z --json > $(hostname).json\n"
        "  # and then:\n"
        "  millrace merge a.json b.json c.json --html all.html --require 'connect.p99<2ms'\n"
        "Percentiles come from the merged histograms. The exit status is 0 when every run was a\n"
        "success and what is required is met, 1 when not, 2 when a file is no report.");
    app_.add_option("FILE", files_, "reports by --json or --json-lines")->type_name("");
    add_report_options(app_, options_);
    cli::add_flag(app_, "--json", json_, "print the merged report as one JSON object");
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> /*eal_args*/) override {
    if (options_.help_require) {
      cli::say(metrics_help());
      return cli::kExitOk;
    }
    if (files_.empty()) return cli::fail({"no report was given; name the files to merge"});
    std::vector<Json> reports;
    for (const std::string& file : files_) {
      Result<Json> report = read_report(file);
      if (!report) return cli::fail(report.error());
      reports.push_back(std::move(*report));
    }
    std::vector<NamedReport> named;
    for (size_t i = 0; i < files_.size(); ++i) named.push_back({files_[i], reports[i]});
    Result<Json> merged = merge_reports(named);
    if (!merged) return cli::fail(merged.error());
    Result<ReportFiles> files = ReportFiles::open(options_);
    if (!files) return cli::fail(files.error());
    const std::string required = files->finish(*merged, merged->at("succeeded").get<bool>());
    const bool succeeded = merged->at("succeeded").get<bool>();
    cli::say(json_ ? merged->dump(2) + "\n" : text_of(*merged) + required);
    return succeeded ? cli::kExitOk : cli::kExitFailed;
  }

 private:
  [[nodiscard]] std::string text_of(const Json& merged) const {
    std::string out = fmt::format("{} of {} reports, {}\n\n", merged.value("mode", ""),
                                  files_.size(), merged.value("target", ""));
    out += all_figures(merged);
    const Json& verdict = merged.at("verdict");
    return out + fmt::format("\nlimited by: {} ({})\n", verdict.at("limit").get<std::string>(),
                             verdict.at("why").get<std::string>());
  }

  CLI::App& app_;
  ReportOptions options_;
  std::vector<std::string> files_;
  bool json_ = false;
};

class CompareCommand final : public cli::Command {
 public:
  explicit CompareCommand(CLI::App& root)
      : app_(*root.add_subcommand("compare", "two results side by side")) {
    app_.footer(
        "Example:\n"
        "  millrace compare yesterday.json today.json\n"
        "The exit status is 0, or 2 when a file is no report; 'millrace load --require' is what\n"
        "fails a run.");
    app_.add_option("FILE", files_, "two reports by --json or --json-lines")->type_name("");
    cli::add_number(app_, "--noteworthy", percent_, 0u, 1000u,
                    "change in percent from which on a figure is marked better or worse");
    cli::add_flag(app_, "--json", json_, "print the differences as one JSON object");
  }
  [[nodiscard]] const CLI::App& app() const override { return app_; }

  int run(std::vector<std::string> /*eal_args*/) override {
    if (files_.size() != 2) return cli::fail({"give two reports: the one before, the one after"});
    const Result<Json> before = read_report(files_[0]);
    if (!before) return cli::fail(before.error());
    const Result<Json> after = read_report(files_[1]);
    if (!after) return cli::fail(after.error());
    if (before->at("mode") != after->at("mode")) {
      return cli::fail({fmt::format("{} and {} are not of one mode", files_[0], files_[1])});
    }
    const std::vector<Difference> differences = compare(*before, *after);
    cli::say(json_ ? to_json(differences).dump(2) + "\n" : to_text(differences, percent_ / 100.0));
    return cli::kExitOk;
  }

 private:
  CLI::App& app_;
  std::vector<std::string> files_;
  uint32_t percent_ = 5;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<cli::Command> add_merge_command(CLI::App& root) {
  return std::make_unique<MergeCommand>(root);
}

std::unique_ptr<cli::Command> add_compare_command(CLI::App& root) {
  return std::make_unique<CompareCommand>(root);
}

}  // namespace millrace::load
