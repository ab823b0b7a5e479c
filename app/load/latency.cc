// SPDX-License-Identifier: BSD-3-Clause
#include "load/latency.h"

namespace millrace::load {

LatencySummary summarize(const Histogram& times) {
  LatencySummary summary;
  summary.count = times.count();
  if (summary.count == 0) return summary;
  summary.min = times.min();
  summary.mean = times.mean();
  summary.max = times.max();
  for (size_t i = 0; i < LatencySummary::kPercents.size(); ++i) {
    summary.percentiles[i] = times.percentile(LatencySummary::kPercents[i]);
  }
  return summary;
}

}  // namespace millrace::load
