// SPDX-License-Identifier: BSD-3-Clause
#include "load/tally.h"

#include <numeric>

namespace millrace::load {

std::string_view to_string(Failure failure) {
  switch (failure) {
    case Failure::kTimeout:
      return "timeout";
    case Failure::kBadResponse:
      return "bad-response";
    case Failure::kShortResponse:
      return "short-response";
    case Failure::kConnectFailed:
      return "connect-failed";
    case Failure::kCloseMismatch:
      return "close-mismatch";
    case Failure::kNone:
      return "none";
  }
  return millrace::to_string(static_cast<CloseReason>(failure));
}

uint64_t TallySnapshot::failed() const {
  return std::accumulate(failures.begin(), failures.end(), uint64_t{0});
}

uint64_t TallySnapshot::skipped() const {
  return get(Count::kSkippedLate) + get(Count::kSkippedConcurrency) + get(Count::kSkippedEnd);
}

uint64_t TallySnapshot::open() const {
  const uint64_t ended = get(Count::kCompleted) + failed() + get(Count::kDrained);
  const uint64_t launched = get(Count::kLaunched);
  return launched > ended ? launched - ended : 0;  // a reader beside the writer may see too much
}

TallySnapshot& TallySnapshot::operator+=(const TallySnapshot& other) {
  for (size_t i = 0; i < kCountCount; ++i) {
    counts[i] += other.counts[i];
  }
  for (size_t i = 0; i < kFailureCount; ++i) {
    failures[i] += other.failures[i];
  }
  return *this;
}

TallySnapshot& TallySnapshot::operator-=(const TallySnapshot& earlier) {
  for (size_t i = 0; i < kCountCount; ++i) {
    counts[i] -= earlier.counts[i];
  }
  for (size_t i = 0; i < kFailureCount; ++i) {
    failures[i] -= earlier.failures[i];
  }
  return *this;
}

Residue residue(const TallySnapshot& totals, std::optional<Count> arrived) {
  const auto difference = [](uint64_t whole, uint64_t parts) {
    return static_cast<int64_t>(whole - parts);
  };
  Residue r;
  if (arrived) {
    r.arrivals = difference(totals.get(Count::kScheduled), totals.get(*arrived) + totals.skipped());
  }
  r.connections =
      difference(totals.get(Count::kLaunched),
                 totals.get(Count::kCompleted) + totals.failed() + totals.get(Count::kDrained));
  r.requests = difference(totals.get(Count::kRequests), totals.get(Count::kResponses) +
                                                            totals.get(Count::kRequestsFailed) +
                                                            totals.get(Count::kRequestsDrained));
  return r;
}

TallySnapshot Tally::snapshot() const {
  TallySnapshot s;
  for (size_t i = 0; i < kCountCount; ++i) {
    s.counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  for (size_t i = 0; i < kFailureCount; ++i) {
    s.failures[i] = failures_[i].load(std::memory_order_relaxed);
  }
  return s;
}

}  // namespace millrace::load
