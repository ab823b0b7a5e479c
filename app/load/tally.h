// SPDX-License-Identifier: BSD-3-Clause
// What a generator counts, and the law that its counts obey. The generator's worker writes; the
// live line reads meanwhile. Like millrace/counters.h: relaxed loads and stores, no locked
// instruction; a reader sees each count untorn, different counts from slightly different times.
//
// Must hold at the end of a run (see residue()):
//     scheduled = launched (cps) or requests (rps) + skipped                (open loop)
//     launched  = completed + failed, by reason + drained
//     requests  = responses + failed + drained
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/app.h"

namespace millrace::load {

enum class Count : uint8_t {
  // Open loop only: arrivals whose time came, and those that were given up.
  kScheduled,
  kSkippedLate,         // the generator stalled for longer than it may catch up
  kSkippedConcurrency,  // all connections it may have open were
  kSkippedEnd,          // still waiting when the run ended
  kCloses,              // teardown: closes that were begun
  // Connections.
  kLaunched,     // connect() was called
  kEstablished,  // the handshake completed
  kCompleted,    // did what it was meant to, closed cleanly
  kDrained,      // cut short by the end of the run: no failure
  // Requests.
  kRequests,
  kResponses,        // complete and good
  kRequestsFailed,   // went down with their connection
  kRequestsDrained,  // cut short by the end of the run
  // Application bytes.
  kBytesSent,
  kBytesReceived,
  // First connections, opened until the target answers. Not part of the others.
  kProbes,
  // What the stack did since load was first offered.
  kFramesSent,
  kFramesReceived,
  kRetransmissions,     // segments, SYNs among them
  kSynRetransmissions,  // of them; how long those connections took is in the histogram as it is
};
inline constexpr size_t kCountCount = static_cast<size_t>(Count::kSynRetransmissions) + 1;

// Why a connection failed: the stack's reason, or the generator's own. The first values are those
// of CloseReason.
enum class Failure : uint8_t {
  kTimeout = kCloseReasonCount,  // connect, request or close took longer than --timeout
  kBadResponse,                  // wrong status, length, content, or not the protocol at all
  kShortResponse,                // the peer closed before the response was complete
  kConnectFailed,                // connect() itself: no port, no route; the report has its text
  kCloseMismatch,                // the target ended it, or did not, against what --close says
  kNone,
};
inline constexpr size_t kFailureCount = static_cast<size_t>(Failure::kNone);

constexpr Failure failure_of(CloseReason reason) {
  return static_cast<Failure>(static_cast<uint8_t>(reason));
}
// "timeout", "bad-response", ..., or the CloseReason's name.
std::string_view to_string(Failure failure);

// All counts at one time, as plain numbers.
struct TallySnapshot {
  std::array<uint64_t, kCountCount> counts{};
  std::array<uint64_t, kFailureCount> failures{};

  [[nodiscard]] uint64_t get(Count count) const { return counts[static_cast<size_t>(count)]; }
  [[nodiscard]] uint64_t get(Failure failure) const {
    return failures[static_cast<size_t>(failure)];
  }
  [[nodiscard]] uint64_t failed() const;
  [[nodiscard]] uint64_t skipped() const;
  // Launched and not ended yet.
  [[nodiscard]] uint64_t open() const;

  TallySnapshot& operator+=(const TallySnapshot& other);
  TallySnapshot& operator-=(const TallySnapshot& earlier);
  friend bool operator==(const TallySnapshot&, const TallySnapshot&) = default;
};

// What the conservation law leaves unexplained, each 0 in a right run.
struct Residue {
  int64_t arrivals = 0;
  int64_t connections = 0;
  int64_t requests = 0;

  [[nodiscard]] bool none() const { return *this == Residue{}; }
  friend bool operator==(const Residue&, const Residue&) = default;
};
// Requires: the run has ended. `arrived` is what a schedule's arrivals became; nothing for a closed
// loop.
Residue residue(const TallySnapshot& totals, std::optional<Count> arrived);

class Tally {
 public:
  void add(Count count, uint64_t n = 1) { bump(counts_[static_cast<size_t>(count)], n); }
  void add(Failure failure) { bump(failures_[static_cast<size_t>(failure)], 1); }
  void set(Count count, uint64_t value) {
    counts_[static_cast<size_t>(count)].store(value, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t get(Count count) const {
    return counts_[static_cast<size_t>(count)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] TallySnapshot snapshot() const;

 private:
  using Slot = std::atomic<uint64_t>;
  static void bump(Slot& slot, uint64_t n) {
    slot.store(slot.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  alignas(64) std::array<Slot, kCountCount> counts_{};
  std::array<Slot, kFailureCount> failures_{};
};

}  // namespace millrace::load
