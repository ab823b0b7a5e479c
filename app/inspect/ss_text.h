// SPDX-License-Identifier: BSD-3-Clause
// Entries of a listing as lines: for people as ss writes them, for programs as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "millrace/listing.h"

namespace millrace::inspect {

// What a line says beside state, queues and ends.
struct SsColumns {
  bool info = false;    // -i, a second line: options, round-trip time, windows, losses
  bool memory = false;  // -m, there too: what the queues hold and may hold
  bool timers = false;  // -o
};

// The line above all others.
[[nodiscard]] std::string ss_header();
// Appends lines. `shard`: whose the entry is.
void append_ss_text(std::string& out, const Listed& entry, size_t shard, const SsColumns& columns);
// Appends one line, with all there is to say.
void append_ss_json(std::string& out, const Listed& entry, size_t shard);

// "200ms", "1.5sec", "29sec", "1min5sec".
[[nodiscard]] std::string ss_time(Duration left);

using StateCounts = std::array<uint64_t, kStateCount>;
// Of -s: a line for each state, those without entries too, and their sum.
[[nodiscard]] std::string ss_summary_text(const StateCounts& counts);
[[nodiscard]] std::string ss_summary_json(const StateCounts& counts);

}  // namespace millrace::inspect
