// SPDX-License-Identifier: BSD-3-Clause
// Which lengths of time a mode measures, each in a histogram. The generator's worker writes; other
// threads read meanwhile (millrace/histogram.h).
//
//     due      sent          SYN-ACK   request       first byte   last byte   FIN      last ACK
//      |--------|----------------|---------|--------------|-----------|--------|-----------|
//      lateness        connect              first byte                              close
//                                          response ------------------>
//      connect from schedule ---->
//      from schedule -------------------------------------------------->
//
// Times from the schedule show what a stall of the generator, or of the target, does to those who
// wait for it; times from the moment of sending leave that out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/histogram.h"

namespace millrace::load {

enum class Latency : uint8_t {
  kConnect,              // SYN to SYN-ACK, however often the SYN was repeated
  kConnectFromSchedule,  // open loop of connections
  kFirstByte,
  kResponse,
  kFromSchedule,  // open loop: due to last byte
  kClose,         // our FIN, or the last byte where the server closes, to the last ACK
  kLateness,      // open loop: due to sent
};
inline constexpr size_t kLatencyCount = static_cast<size_t>(Latency::kLateness) + 1;

// As reports and --require name them: "connect", "first_byte", ...
constexpr std::string_view to_string(Latency latency) {
  constexpr std::array<std::string_view, kLatencyCount> kNames = {
      "connect", "connect_from_schedule", "first_byte", "response", "from_schedule", "close",
      "lateness"};
  return kNames[static_cast<size_t>(latency)];
}

class Latencies {
 public:
  void record(Latency latency, Duration length) {
    histograms_[static_cast<size_t>(latency)].record(length);
  }
  [[nodiscard]] const Histogram& of(Latency latency) const {
    return histograms_[static_cast<size_t>(latency)];
  }
  [[nodiscard]] Histogram& of(Latency latency) { return histograms_[static_cast<size_t>(latency)]; }

  void merge(const Latencies& other) {
    for (size_t i = 0; i < kLatencyCount; ++i) histograms_[i].merge(other.histograms_[i]);
  }
  // Requires: `earlier` is an older state of the same.
  void subtract(const Latencies& earlier) {
    for (size_t i = 0; i < kLatencyCount; ++i) histograms_[i].subtract(earlier.histograms_[i]);
  }

 private:
  std::array<Histogram, kLatencyCount> histograms_;
};

// What is kept of a histogram when its buckets are not.
struct LatencySummary {
  static constexpr std::array<double, 7> kPercents = {50, 75, 90, 95, 99, 99.9, 99.99};

  uint64_t count = 0;
  Duration min;
  Duration mean;
  Duration max;
  std::array<Duration, kPercents.size()> percentiles;

  friend bool operator==(const LatencySummary&, const LatencySummary&) = default;
};
LatencySummary summarize(const Histogram& times);

// "p50", "p99", "p99_9", "p99_99", in the order of kPercents, as reports name them.
inline constexpr std::array<std::string_view, LatencySummary::kPercents.size()> kPercentNames = {
    "p50", "p75", "p90", "p95", "p99", "p99_9", "p99_99"};

}  // namespace millrace::load
