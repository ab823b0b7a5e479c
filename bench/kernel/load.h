// SPDX-License-Identifier: BSD-3-Clause
// What is asked of a server over the kernel's TCP, in a closed loop, by one thread.
#pragma once

#include <cstdint>
#include <string>

#include "millrace/histogram.h"

namespace millrace::bench {

enum class Exchange {
  kConnections,  // connect, request, response, the server closes
  kRequests,     // request and response on connections that stay
  kBulk,         // bytes without end
  kRoundTrips,   // requests on one connection, by send() and recv() alone
};

struct LoadPlan {
  std::string target;  // "10.0.0.1:7"
  Exchange exchange = Exchange::kRequests;
  uint32_t concurrency = 1;
  uint32_t bytes = 1;  // of a request, which is its response
  double seconds = 3;
  bool spin = false;  // kRoundTrips: asks again and again instead of sleeping in recv()
};

struct Loaded {
  double seconds = 0;
  uint64_t completed = 0;  // connections, requests or, of bulk, bytes that were acknowledged
  uint64_t failed = 0;     // connections
  Histogram round_trips;   // kRoundTrips only
};

// Gives up on a target that does not answer at all.
Loaded load(const LoadPlan& plan);

}  // namespace millrace::bench
