// SPDX-License-Identifier: BSD-3-Clause
// What a worker does with turns in which it had nothing to do. In: each turn's time and whether it
// had work. Out: what to do before the next one. A decision only, without a clock or a system call.
//
//   kPoll     poll poll poll ...                                    all of a CPU, least latency
//   kYield    poll | yield to whoever waits for the CPU | after 100 ms of silence: naps of 50 us
//   kSleep    poll | pause | sleep, a quarter as long as the silence was, 1 ms at most
//
// In kSleep a frame that comes out of a silence is late by at most a quarter of that silence, so
// what answers fast is polled for and what is rare costs no CPU.
#pragma once

#include <algorithm>
#include <cstdint>

#include "millrace/engine.h"
#include "millrace/time.h"

namespace millrace::runtime {

struct Rest {
  enum class Kind : uint8_t { kNone, kPause, kYield, kSleep };
  Kind kind = Kind::kNone;
  Duration length{};  // of kSleep, unless a timer is due before

  bool operator==(const Rest&) const = default;
};

// How long a sleep may be that a timer ends: not at all when that is due.
[[nodiscard]] inline Duration sleep_length(const Rest& rest, Instant now, Instant deadline) {
  return deadline <= now ? Duration{} : std::min(rest.length, deadline - now);
}

class IdlePolicy {
 public:
  // Idle turns that are followed by the next one at once.
  static constexpr uint32_t kPolls = 32;
  static constexpr Duration kPauseFor = microseconds(50);  // kSleep: of silence, before sleeping
  static constexpr Duration kSleepMin = microseconds(10);
  static constexpr Duration kSleepMax = milliseconds(1);
  static constexpr Duration kYieldFor = milliseconds(100);  // kYield: of silence, before napping
  static constexpr Duration kNap = microseconds(50);

  explicit IdlePolicy(Idling idling) : idling_(idling) {}

  Rest after_turn(Instant now, bool had_work) {
    if (had_work) {
      idle_turns_ = 0;
      busy_until_ = now;
      return {};
    }
    if (idling_ == Idling::kPoll || ++idle_turns_ <= kPolls) return {};
    const Duration silence = now - busy_until_;
    if (idling_ == Idling::kYield) {
      return silence < kYieldFor ? Rest{Rest::Kind::kYield} : Rest{Rest::Kind::kSleep, kNap};
    }
    if (silence < kPauseFor) return {Rest::Kind::kPause};
    return {Rest::Kind::kSleep, Duration{std::clamp(silence.ns / 4, kSleepMin.ns, kSleepMax.ns)}};
  }

 private:
  Idling idling_;
  uint32_t idle_turns_ = 0;
  Instant busy_until_{};  // the last turn that had work
};

}  // namespace millrace::runtime
