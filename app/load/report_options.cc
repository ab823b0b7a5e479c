// SPDX-License-Identifier: BSD-3-Clause
#include "load/report_options.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/report.h"
#include "cli/values.h"
#include "load/csv.h"
#include "load/html_page.h"
#include "load/report_parts.h"

namespace millrace::load {
namespace {

constexpr double kDay = 86'400;

// Everything of `text` by `form`; nothing otherwise.
std::optional<std::tm> parse_time(const std::string& text, const char* form, std::tm time) {
  const char* const end = strptime(text.c_str(), form, &time);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return time;
}

}  // namespace

void add_report_options(CLI::App& command, ReportOptions& options) {
  cli::add_text(command, "--csv", options.csv, "file for a line of figures of each interval")
      ->type_name("FILE");
  cli::add_text(command, "--html", options.html, "file for a page with plots, for any browser")
      ->type_name("FILE");
  cli::add_parsed(
      command, "--require", "EXPR",
      [&options](const std::string& text) -> Result<void> {
        Result<Requirement> requirement = Requirement::parse(text);
        if (!requirement) return requirement.error();
        options.requirements.push_back(std::move(*requirement));
        return {};
      },
      "such as 'connect.p99<2ms' or failures=0: not met, the exit status is 1; may be given more "
      "than once")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  cli::add_flag(command, "--help-require", options.help_require,
                "print what --require may ask for, and end");
}

void add_pace_options(CLI::App& command, PaceOptions& options) {
  cli::add_duration(command, "--interval", options.interval, milliseconds(10), seconds(3600),
                    "how long an interval of the report is, and between lines of output");
  cli::add_text(command, "--json-lines", options.json_lines,
                "file for a line of JSON for each interval, histograms too, and the report as the "
                "last one; -: stdout")
      ->type_name("FILE");
  cli::add_parsed(
      command, "--start-at", "TIME",
      [&options](const std::string& text) -> Result<void> {
        const Result<double> at = parse_start(text, unix_seconds());
        if (!at) return at.error();
        options.start_at = *at;
        return {};
      },
      "offer no load before: 18:30:00, 2026-11-21T18:30:00Z, +5s, or seconds since 1970; for "
      "several machines together");
}

double unix_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Duration from_now(double unix_time) { return {std::llround((unix_time - unix_seconds()) * 1e9)}; }

Result<double> parse_start(const std::string& text, double now) {
  std::optional<double> at;
  const auto today = static_cast<std::time_t>(now);
  std::tm local = {};
  localtime_r(&today, &local);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.starts_with('+')) {
    const std::optional<Duration> wait = cli::parse_duration(std::string_view(text).substr(1));
    if (wait) at = now + wait->seconds();
  } else if (error == std::errc{} && end == text.data() + text.size()) {
    at = number;
  } else if (auto utc = parse_time(text, "%Y-%m-%dT%H:%M:%SZ", std::tm{})) {
    at = static_cast<double>(timegm(&*utc));
  } else if (auto time = parse_time(text, "%H:%M:%S", local)) {
    at = static_cast<double>(mktime(&*time));
    if (*at < now) *at += kDay;
  }
  if (!at) return Error{"give a time, such as 18:30:00, 2026-11-21T18:30:00Z or +5s"};
  if (*at < now) return Error{"that is over; give a time to come"};
  if (*at > now + 7 * kDay) return Error{"that is more than a week from now"};
  return *at;
}

void ResultFile::Close::operator()(std::FILE* file) const {
  if (file != stdout) std::fclose(file);
}

Result<ResultFile> ResultFile::open(const std::string& path) {
  ResultFile result;
  if (path.empty()) return result;
  result.file_.reset(path == "-" ? stdout : std::fopen(path.c_str(), "w"));
  if (result.file_ == nullptr) {
    return Error{fmt::format("'{}' cannot be written; check its folder and permissions", path)};
  }
  return result;
}

void ResultFile::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) {
    std::clearerr(file_.get());
  }
  std::fflush(file_.get());
}

Result<ReportFiles> ReportFiles::open(const ReportOptions& options) {
  ReportFiles files(options);
  Result<ResultFile> csv = ResultFile::open(options.csv);
  if (!csv) return csv.error();
  files.csv_ = std::move(*csv);
  Result<ResultFile> html = ResultFile::open(options.html);
  if (!html) return html.error();
  files.html_ = std::move(*html);
  return files;
}

std::string ReportFiles::finish(nlohmann::json& report, bool sound) {
  const std::vector<Checked> checked = check(options_->requirements, report);
  if (!checked.empty()) {
    report["requirements"] = load::to_json(checked);
    if (allow_failures(options_->requirements)) report["succeeded"] = sound;
    report["succeeded"] = report["succeeded"].get<bool>() && all_met(checked);
  }
  if (csv_.wanted()) csv_.write(to_csv(report));
  if (html_.wanted()) html_.write(to_html(report));
  return load::to_text(checked);
}

void JsonLines::add(const Interval& interval, const Latencies& latencies) {
  if (!file_.wanted()) return;
  nlohmann::json line = load::to_json(interval);
  line["type"] = "interval";
  line["schema"] = cli::kReportSchema;
  line["histograms"] = histograms_json(latencies);
  file_.write(line.dump() + "\n");
}

void JsonLines::add(const nlohmann::json& report) {
  if (!file_.wanted()) return;
  nlohmann::json line = report;
  line["type"] = "report";
  file_.write(line.dump() + "\n");
}

}  // namespace millrace::load
