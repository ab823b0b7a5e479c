// SPDX-License-Identifier: BSD-3-Clause
// One connection that sends as much as it can from one shard to another, and how fast that goes.
// The same link as the swarm's, but no observer and no transcript: a cell of the goodput table is
// some hundred thousand segments. Bytes are still compared where they arrive.
//
//     sender --- rate, queue, loss, overtaking; half a round trip ---> receiver
//            <-- the same rate; half a round trip; nothing is lost ---
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "millrace/config.h"
#include "millrace/counters.h"
#include "millrace/time.h"

namespace millrace::sim {

struct BulkPlan {
  TcpOptions options;  // of both ends
  uint64_t bits_per_second = 1'000'000'000;
  uint32_t queue_frames = 1000;  // in front of the wire
  Duration round_trip = milliseconds(20);
  double loss = 0;       // of each frame on the way to the receiver
  double overtaken = 0;  // chance of a segment to be overtaken ...
  uint32_t overtaken_by =
      0;  // ... by so many, as far as they come within an eighth of a round trip
  uint64_t seed = 1;
  // What comes before the measurement, so that it sees the steady state, and how long that is.
  Duration warm_up = seconds(1);
  Duration length = seconds(1);
  // The measurement ends early when so much has arrived. 0: no limit.
  uint64_t bytes_max = 0;
  Duration trace;  // prints the sender's state to stderr so often; 0: never
};

struct BulkResult {
  std::string failure;  // empty: all is well
  uint64_t bytes = 0;   // that reached the application while it was measured
  Duration length;
  double mean_cwnd_bytes = 0;                           // over that time
  Duration mean_rtt;                                    // of the sender's SRTT
  std::array<uint64_t, kCounterCount> sender_counts{};  // while it was measured

  [[nodiscard]] bool ok() const { return failure.empty(); }
  [[nodiscard]] double bits_per_second() const {
    return static_cast<double>(bytes) * 8 / length.seconds();
  }
  [[nodiscard]] uint64_t count(Counter c) const { return sender_counts[static_cast<size_t>(c)]; }
};

// What is sent to carry `payload` bytes in a full segment of 1500 bytes with timestamps.
inline constexpr uint32_t kBulkSegmentBytes = 1448;
inline constexpr uint32_t kBulkWireBytes = 1500 + 14 + 24;

// The part of the link's rate that is payload.
constexpr double payload_bits_per_second(uint64_t bits_per_second) {
  return static_cast<double>(bits_per_second) * kBulkSegmentBytes / kBulkWireBytes;
}

// The table's conditions: buffers of 16 MB, 1 Gbit/s, a queue of one bandwidth-delay product but at
// least 128 frames; the warm-up outlasts slow start and the first losses.
BulkPlan goodput_plan(CongestionControl congestion, double loss, Duration round_trip,
                      uint32_t overtaken_by, uint64_t seed);

// The options that a connection has by default, over 300 Mbit/s and 100 ms.
BulkPlan default_plan();

BulkResult run_bulk(const BulkPlan& plan);

// What theory expects of a sender that loss alone limits, in bytes per second of payload.
// Mathis, Semke, Mahdavi, Ott (1997): MSS/RTT * sqrt(3/2) / sqrt(p). The constant is that of a
// window that grows by one segment for each round trip, which is so with delayed acknowledgements
// too when bytes are counted (RFC 3465).
double mathis_bits_per_second(double loss, Duration round_trip);
// RFC 9438 section 5.1: the window of the cubic function, or of its Reno-friendly part when that is
// larger (section 4.3).
double cubic_bits_per_second(double loss, Duration round_trip);

}  // namespace millrace::sim
