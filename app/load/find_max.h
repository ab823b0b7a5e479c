// SPDX-License-Identifier: BSD-3-Clause
// --find-max: the greatest load that meets what is required, by trials that are runs of this same
// program with the options in force and another load. In: options, and which of them is the load.
// Out: a line for each trial, and what was found.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/options.h"
#include "load/rate_search.h"
#include "load/requirement.h"

namespace millrace::load {

// What is searched for in a mode.
struct Wanted {
  std::string option;  // "rate", "concurrency"
  std::string unit;    // "connections/s"
  std::string kpi;     // as RFC 9411 section 4.6 calls it
  double reached_min;  // the share of the load that has to be reached
  // What of the load a report has reached.
  double (*reached)(const nlohmann::json& report);
};

struct FindMaxOptions {
  bool wanted = false;
  SearchPlan search;
};
void add_find_max_options(CLI::App& command, FindMaxOptions& options);

// Runs the search and says what it found; returns the exit status. `mode` is the mode's name, whose
// app holds what a person gave. Without a requirement of failures, none may fail.
int find_max(const CLI::App& app, const std::string& mode, const Wanted& wanted,
             const FindMaxOptions& options, const cli::CommonOptions& common,
             const std::vector<Requirement>& requirements,
             const std::vector<std::string>& eal_args);

// Why a trial did not meet the criteria; empty: it did. `status` is the process's.
[[nodiscard]] std::string shortfall(const nlohmann::json& report, int status, uint64_t load,
                                    const Wanted& wanted);

}  // namespace millrace::load
