// SPDX-License-Identifier: BSD-3-Clause
// What a run will take, said before its first frame: tuples of address and port, memory, frames.
// In: a plan and what there is to connect from. Out: figures, and an error that says what to change
// where the plan cannot come true.
#pragma once

#include <cstdint>
#include <string>

#include "load/generator.h"
#include "millrace/config.h"

namespace millrace::load {

struct Forecast {
  uint64_t sources = 0;
  uint64_t targets = 0;
  uint64_t tuples_had = 0;     // sources x ports x targets
  uint64_t tuples_needed = 0;  // by connections at a time
  // In TIME-WAIT at a time, where connections come at a rate and we close them; 0: none, or it is
  // not known before.
  uint64_t time_wait = 0;
  bool time_wait_blocks = false;  // those cannot begin again (RFC 6191)
  uint64_t memory_bytes = 0;      // of the connections' state, when they are idle
  // Each way and second, without losses and for segments that need no second one; 0: as many as go.
  uint64_t frames_out = 0;
  uint64_t frames_in = 0;
};

// Requires: the plan is whole, and not yet divided.
Forecast forecast(const Plan& plan, const ShardConfig& config);

// Errors: there are not enough tuples.
Result<void> check(const Forecast& forecast);

// "plan: 64 connections at a time, of 64,512 tuples; ..."
[[nodiscard]] std::string to_text(const Forecast& forecast);

}  // namespace millrace::load
