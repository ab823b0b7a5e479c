// SPDX-License-Identifier: BSD-3-Clause
// The reports of several machines as one, as if one machine had run it all. In and out: the JSON
// that docs/load-json.md describes.
//
//   counts, rates, bytes, histograms, counters   added up
//   began                                        the earliest
//   seconds                                      the longest
//   succeeded                                    where all did
//   verdict                                      the first that is not "plan"
//   percentiles of an interval                   the worst: its histograms are in no report
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "millrace/result.h"

namespace millrace::load {

struct NamedReport {
  std::string name;  // of its file, for errors
  const nlohmann::json& report;
};

// Requires: one at least. Errors: reports of different schemas or modes, a histogram that is not
// ours.
Result<nlohmann::json> merge_reports(const std::vector<NamedReport>& reports);

// What a file holds: --json's object, or the last line of --json-lines. Errors: it cannot be read,
// or is no report of `millrace load`.
Result<nlohmann::json> read_report(const std::string& path);

}  // namespace millrace::load
