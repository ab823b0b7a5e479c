// SPDX-License-Identifier: BSD-3-Clause
// SIGINT and SIGTERM as a count that the main thread polls. Nothing happens in the handler itself,
// but that a sleep of the main thread ends early.
#pragma once

#include "millrace/time.h"

namespace millrace::cli {

class StopSignals {
 public:
  // Installs the handlers (and ignores SIGPIPE); the destructor restores what was there.
  // One object at a time.
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // How many have arrived: the first asks for a clean stop, a fourth kills the process.
  [[nodiscard]] int count() const;
  // Sleeps for `duration`, or until a signal arrives.
  void sleep(Duration duration) const;
};

// SIGUSR1 and SIGUSR2 as a number that the main thread takes: one worker more, one less.
class WorkerSignals {
 public:
  // As StopSignals.
  WorkerSignals();
  ~WorkerSignals();
  WorkerSignals(const WorkerSignals&) = delete;
  WorkerSignals& operator=(const WorkerSignals&) = delete;

  // How many more, or less than 0 fewer, have been asked for since the last call.
  [[nodiscard]] int take() const;
};

// CLOCK_MONOTONIC: for the pace of the main thread only; shards are told their own time.
[[nodiscard]] Instant monotonic_now();

}  // namespace millrace::cli
