// SPDX-License-Identifier: BSD-3-Clause
#include "load/generator_line.h"

#include <fmt/format.h>

#include "cli/format.h"
#include "load/figures.h"

namespace millrace::load {

std::string generator_line(const Interval& i) {
  const auto rate = [&](Count count) {
    return cli::format_rate(per_second(i.gained.get(count), i.length));
  };
  const LatencySummary& times = i.of(Latency::kResponse);
  return fmt::format("open {:>9}  connections {:>10}  requests {:>10}  failed {:>7}  p99 {:>8}",
                     cli::format_count(i.open), rate(Count::kCompleted), rate(Count::kResponses),
                     cli::format_count(i.gained.failed()),
                     cli::format_duration(times.percentiles[4]));
}

std::string hold_line(const Interval& i) {
  const auto rate = [&](Count count) {
    return cli::format_rate(per_second(i.gained.get(count), i.length));
  };
  return fmt::format("open {:>9}  opened {:>10}  closed {:>10}  requests {:>10}  failed {:>7}",
                     cli::format_count(i.open), rate(Count::kEstablished), rate(Count::kCompleted),
                     rate(Count::kResponses), cli::format_count(i.gained.failed()));
}

}  // namespace millrace::load
