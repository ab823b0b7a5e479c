// SPDX-License-Identifier: BSD-3-Clause
// One cell of the goodput table for one seed, as a line of JSON. tests/sim/goodput.py runs all of
// them and writes docs/goodput.md.
//
//     goodput newreno|cubic LOSS_PERCENT RTT_MS OVERTAKEN_BY SEED [TRACE_MS]
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "bulk.h"

int main(int argc, char** argv) {
  using namespace millrace;
  if (argc < 6) {
    std::fprintf(stderr,
                 "usage: %s newreno|cubic LOSS_PERCENT RTT_MS OVERTAKEN_BY SEED [TRACE_MS]\n",
                 argv[0]);
    return 2;
  }
  const bool cubic = std::string_view(argv[1]) == "cubic";
  const double loss = std::atof(argv[2]) / 100;
  const Duration round_trip = microseconds(static_cast<int64_t>(std::atof(argv[3]) * 1000));
  sim::BulkPlan plan = sim::goodput_plan(
      cubic ? CongestionControl::kCubic : CongestionControl::kNewReno, loss, round_trip,
      static_cast<uint32_t>(std::atoi(argv[4])), std::strtoull(argv[5], nullptr, 0));
  if (argc > 6) plan.trace = microseconds(static_cast<int64_t>(std::atof(argv[6]) * 1000));
  const sim::BulkResult result = sim::run_bulk(plan);
  if (!result.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[0], result.failure.c_str());
    return 1;
  }
  double theory = sim::payload_bits_per_second(plan.bits_per_second);
  const double link = theory;
  if (loss != 0) {
    theory = cubic ? sim::cubic_bits_per_second(loss, round_trip)
                   : sim::mathis_bits_per_second(loss, round_trip);
  }
  const auto count = [&](Counter c) { return static_cast<unsigned long long>(result.count(c)); };
  std::printf(
      "{\"bits_per_second\": %.0f, \"theory\": %.0f, \"link\": %.0f, \"seconds\": %.3f, "
      "\"cwnd_segments\": %.2f, \"rtt_ms\": %.3f, \"segments_sent\": %llu, \"resent\": %llu, "
      "\"recoveries\": %llu, \"undone\": %llu, \"timeouts\": %llu, \"probes\": %llu}\n",
      result.bits_per_second(), theory, link, result.length.seconds(),
      result.mean_cwnd_bytes / sim::kBulkSegmentBytes, result.mean_rtt.seconds() * 1e3,
      count(Counter::kTcpOutSegs), count(Counter::kTcpRetransSegs),
      count(Counter::kTcpExtTCPFastRetrans), count(Counter::kTcpExtTCPFullUndo),
      count(Counter::kTcpExtTCPTimeouts), count(Counter::kTcpExtTCPLossProbes));
  return 0;
}
