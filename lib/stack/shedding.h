// SPDX-License-Identifier: BSD-3-Clause
// Overload: how many SYNs may still begin a connection. Where more comes than can be answered
// something is lost anyway; it had better be what nothing was done for yet and costs least to drop,
// or the work goes into connections whose peers have given up waiting.
//
//   the device    emptied  | not ......................  | sometimes     | all SYNs were admitted
//   SYNs          all      | all, for as long as         | as many as    | for kOverAfter
//                          | kStanding: then limited --> | are served    | --> all
//
// A device that no turn empties has a queue that stands, and is no burst. While it stands all of
// the CPU is at work, so the connections that are established measure what it can do. Half of that
// is admitted while the queue stands, a little more than it while the device is emptied, and that a
// little more in each interval: so the queue comes and goes, and the CPU is never without work.
// What is measured at first, among SYNs that were all answered, is too little: from there it grows
// fast until a queue stands once more.
//
// A queue of SYNs alone does not limit them: to those a cookie is the better answer (RFC 4987), as
// what sends them does not wait for it. What else is in the queue must be work: by its share of the
// frames, or of the time. In: SYNs, established connections, the end of each turn's input.
#pragma once

#include <algorithm>
#include <cstdint>

#include "millrace/time.h"

namespace millrace::stack {

class Shedding {
 public:
  static constexpr Duration kStanding = milliseconds(5);
  static constexpr Duration kInterval = milliseconds(10);
  static constexpr Duration kCreditMax = milliseconds(20);
  static constexpr Duration kOverAfter = seconds(1);
  static constexpr Duration kLongTurn = milliseconds(1);
  static constexpr uint64_t kWorkShare = 4;    // one in so many frames
  static constexpr uint32_t kInVainMax = 10;   // intervals
  static constexpr uint64_t kRateMin = 1'000;  // connections per second

  // Whether a SYN may begin a connection.
  bool admit() {
    ++syns_;
    if (!limiting_) [[likely]]
      return true;
    if (credit_.ns < cost_.ns) {
      refused_ = true;
      return false;
    }
    credit_ = credit_ - cost_;
    return true;
  }
  void note_established() { ++established_; }
  [[nodiscard]] bool limiting() const { return limiting_; }

  // Once per turn, behind its last frame; `frames`: in all turns until now. `emptied`: the device
  // had no more.
  void end_of_input(Instant now, uint64_t frames, bool emptied) {
    const uint64_t came = frames - frames_;
    const Duration turn = now - turn_began_;
    others_ += came - std::min(came, syns_);
    came_ += came;
    if (turn >= kLongTurn) long_turns_ = long_turns_ + turn;
    frames_ = frames;
    syns_ = 0;
    turn_began_ = now;
    if (limiting_) {
      limit(now, turn, emptied);
    } else if (emptied) {
      stands_ = false;
    } else if (!stands_) {
      stands_ = true;
      begin_interval(now);
    } else if (now - interval_began_ >= kStanding) {
      if (!is_work(now)) {
        begin_interval(now);
        return;
      }
      limiting_ = ramping_ = true;
      in_vain_ = 0;
      capacity_ = std::max(measured(now), kRateMin);
      last_refused_ = now;
      credit_ = {};
      admit_rate(capacity_ / 2);
      begin_interval(now);
    }
  }

 private:
  void limit(Instant now, Duration turn, bool emptied) {
    credit_ = std::min(credit_ + turn, kCreditMax);
    emptied_ = emptied_ || emptied;
    if (refused_) last_refused_ = now;
    wanted_more_ = wanted_more_ || refused_;
    refused_ = false;
    if (now - last_refused_ >= kOverAfter) {
      limiting_ = stands_ = false;
      return;
    }
    if (now - interval_began_ < kInterval) return;
    if (!is_work(now)) {
      limiting_ = stands_ = false;
    } else if (!emptied_) {
      capacity_ = std::max((capacity_ * 3 + measured(now)) / 4, kRateMin);
      admit_rate(capacity_ / 2);
      ramping_ = ramping_ && !was_emptied_;
      was_emptied_ = false;
      // Where fewest are let in and the queue stands all the same, it is not of their making.
      in_vain_ = capacity_ == kRateMin ? in_vain_ + 1 : 0;
      if (in_vain_ == kInVainMax) limiting_ = stands_ = false;
    } else {
      was_emptied_ = true;
      in_vain_ = 0;
      if (wanted_more_) capacity_ += capacity_ / (ramping_ ? 2 : 32);
      admit_rate(capacity_ + capacity_ / 8);
    }
    begin_interval(now);
  }

  void begin_interval(Instant now) {
    interval_began_ = now;
    established_ = others_ = came_ = 0;
    long_turns_ = {};
    emptied_ = wanted_more_ = false;
  }
  // Whether this interval's frames, or its time, were taken by more than SYNs.
  [[nodiscard]] bool is_work(Instant now) const {
    return others_ * kWorkShare >= came_ || long_turns_ * 2 >= now - interval_began_;
  }
  // Connections per second that were established in this interval.
  [[nodiscard]] uint64_t measured(Instant now) const {
    return established_ * 1'000'000'000 / static_cast<uint64_t>((now - interval_began_).ns);
  }
  void admit_rate(uint64_t per_second) {
    cost_ = nanoseconds(static_cast<int64_t>(1'000'000'000 / per_second));
  }

  bool limiting_ = false;
  bool ramping_ = false;      // limiting: the queue that it began with has gone, and no other come
  bool was_emptied_ = false;  // limiting: an interval has ended with the device emptied
  bool stands_ = false;   // not limiting: no turn has emptied the device since the interval began
  bool emptied_ = false;  // limiting: a turn of this interval has
  bool refused_ = false;  // a SYN, in this turn
  bool wanted_more_ = false;  // the same, in this interval
  uint32_t in_vain_ = 0;      // intervals in a row
  uint64_t frames_ = 0;
  uint64_t syns_ = 0;         // in this turn
  uint64_t established_ = 0;  // in this interval, as are the next three
  uint64_t others_ = 0;       // frames that are no SYN
  uint64_t came_ = 0;
  Duration long_turns_;
  uint64_t capacity_ = 0;  // connections per second
  Duration credit_;
  Duration cost_;  // of a SYN
  Instant turn_began_;
  Instant interval_began_;
  Instant last_refused_;
};

}  // namespace millrace::stack
