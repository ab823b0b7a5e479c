// SPDX-License-Identifier: BSD-3-Clause
// What held a run back, judged by what it left behind: the generator itself, the wire, the target,
// or nothing but the load that was asked for. In: counts, the device's and the workers' figures.
// Out: one word, why, and the figures it was judged by, so that a person may judge otherwise.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "load/interval_log.h"
#include "millrace/engine.h"

namespace millrace::load {

enum class Limit : uint8_t {
  kUnknown,    // nothing was offered
  kPlan,       // all that was asked for was done
  kGenerator,  // our own CPU, or other programs that took it away
  kWire,       // the device lost or refused frames
  kTarget,     // answers took that long
};
// "unknown", "plan", "generator", "wire", "target"
std::string_view to_string(Limit limit);

struct Evidence {
  double busy_share = 0;       // of the busiest worker's time while load was offered
  double frames_per_turn = 0;  // received in a turn with any; 64 at most
  double away_share = 0;       // of its time, at least, in which its CPU was not its own
  uint64_t late_turns = 0;     // that began over 1 ms after the one before
  Duration longest_gap;
  Duration lateness_p99;  // open loop
  uint64_t skipped_late = 0;
  uint64_t skipped_busy = 0;
  uint64_t missed = 0;   // frames that the device lost: received, for want of buffers, or sent
  uint64_t tx_full = 0;  // bursts that it did not take whole
  uint64_t retransmissions = 0;
  uint64_t syn_retransmissions = 0;
};

struct Verdict {
  Limit limit = Limit::kUnknown;
  std::string why;
  Evidence evidence;
};

// `fixed`: the load was a rate or a count, not as much as goes.
Verdict judge(const Reading& all, const EngineReport& engine, Duration ran_for, bool fixed);

[[nodiscard]] std::string to_text(const Verdict& verdict);
[[nodiscard]] nlohmann::json to_json(const Verdict& verdict);

}  // namespace millrace::load
