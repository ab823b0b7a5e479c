// SPDX-License-Identifier: BSD-3-Clause
// What becomes of a report beside the terminal: files, and whether it is what was required. The
// same for every mode of `millrace load`, and for `millrace merge`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "load/interval_log.h"
#include "load/requirement.h"
#include "millrace/result.h"

namespace millrace::load {

struct ReportOptions {
  std::string csv;
  std::string html;
  std::vector<Requirement> requirements;
  bool help_require = false;
};
void add_report_options(CLI::App& command, ReportOptions& options);

struct PaceOptions {
  Duration interval = seconds(1);
  std::string json_lines;          // "-": stdout
  std::optional<double> start_at;  // seconds since 1970
};
void add_pace_options(CLI::App& command, PaceOptions& options);

// "2026-11-21T18:30:00Z", "18:30:00" (local, the next one), "+5s" or seconds since 1970, as the
// last. `now` is the same.
Result<double> parse_start(const std::string& text, double now);

// CLOCK_REALTIME, in seconds since 1970.
double unix_seconds();
// Until then.
Duration from_now(double unix_time);

// A file of results: opened before the run, so that an error comes before the work.
class ResultFile {
 public:
  // An empty path: none; "-": stdout. Errors: it cannot be written.
  static Result<ResultFile> open(const std::string& path);
  [[nodiscard]] bool wanted() const { return file_ != nullptr; }
  void write(std::string_view text);

 private:
  struct Close {
    void operator()(std::FILE* file) const;
  };
  std::unique_ptr<std::FILE, Close> file_;
};

// Checks what is required, says so in `report` ("requirements", "succeeded"), and writes the files.
// `sound`: all was well but for connections that failed. Returns what there is to say about the
// requirements.
class ReportFiles {
 public:
  static Result<ReportFiles> open(const ReportOptions& options);
  std::string finish(nlohmann::json& report, bool sound);

 private:
  explicit ReportFiles(const ReportOptions& options) : options_(&options) {}
  const ReportOptions* options_;
  ResultFile csv_;
  ResultFile html_;
};

// A line of JSON for each interval as it ends, and one of the whole at the end.
class JsonLines {
 public:
  explicit JsonLines(ResultFile file) : file_(std::move(file)) {}
  void add(const Interval& interval, const Latencies& latencies);
  void add(const nlohmann::json& report);

 private:
  ResultFile file_;
};

}  // namespace millrace::load
