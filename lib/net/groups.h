// SPDX-License-Identifier: BSD-3-Clause
// When to tell routers and switches which multicast groups we are in, so that neighbour discovery
// reaches us through a switch that looks (RFC 3810 section 6; RFC 2710 where a querier knows no
// more, RFC 3810 section 8.2.1). Groups are solicited-node groups, by the last 24 bits of
// addresses. In: the groups, queries, the time. Out: what to report now.
//
//   a change, where the link is told unasked  --at once, and again within a second-->  report
//   a query   --after a random part of the time that it allows-->                     report
//
// Must hold: at most kMax groups are reported without being asked for one by one, and at most
// kAskedMax are remembered for that; whoever asks for more hears of all of them. We never say that
// we have left: a router finds out by asking.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "millrace/time.h"
#include "wire/mld.h"

namespace millrace::net {

class Groups {
 public:
  static constexpr size_t kMax = 1024;

  // `random` decides on delays. `announces`: changes are reported unasked.
  Groups(uint64_t random, bool announces) : random_(random), announces_(announces) {}

  // The groups that we are in now, in order, each once, kMax at most.
  void set(std::vector<uint32_t> groups, Instant now);
  [[nodiscard]] std::span<const uint32_t> groups() const { return groups_; }
  // A router asks for all groups.
  void on_query(Duration response_max, bool version_1, Instant now);
  // A router asks for this one, which is ours.
  void on_query(uint32_t group, Duration response_max, bool version_1, Instant now);

  // What is due: report(record, groups, version_1); of version 2 at most wire::kGroupRecordsMax
  // groups at a time, of version 1 one.
  template <class Report>
  void advance(Instant now, Report&& report);
  [[nodiscard]] Instant next_deadline() const { return next_; }

 private:
  static constexpr size_t kAskedMax = 8;
  static constexpr uint8_t kTimes = 2;  // RFC 3810 section 9.1
  // Reports of version 1 in a row: each is a frame, and there may be kMax of them.
  static constexpr size_t kRowMax = 32;
  static constexpr Duration kRowPause = milliseconds(10);

  struct Asked {
    uint32_t group = 0;
    Instant at = Instant::never();
  };

  [[nodiscard]] Instant within(Duration most, Instant now) {
    return now + milliseconds(random_.below(static_cast<uint32_t>(most.milliseconds()) + 1));
  }
  void note_version(bool version_1, Instant now);
  void begin_round(Instant now);
  void reckon();

  template <class Report>
  void say(std::span<const uint32_t> groups, wire::GroupRecord record, Report&& report) const;

  base::Random random_;
  bool announces_;
  std::vector<uint32_t> groups_;
  std::array<Asked, kAskedMax> asked_{};
  Instant change_at_ = Instant::never();  // all groups are to be reported as joined
  uint8_t changes_left_ = 0;
  Instant answer_at_ = Instant::never();  // all, as an answer
  bool older_ = false;                    // a querier of version 1 was heard
  Instant older_until_;
  // A round of reports that goes through groups_.
  bool in_round_ = false;
  wire::GroupRecord round_record_ = wire::GroupRecord::kToExclude;
  size_t round_next_ = 0;
  Instant round_at_ = Instant::never();
  Instant next_ = Instant::never();
};

template <class Report>
void Groups::say(std::span<const uint32_t> groups, wire::GroupRecord record,
                 Report&& report) const {
  const size_t at_once = older_ ? 1 : wire::kGroupRecordsMax;
  for (size_t at = 0; at < groups.size(); at += at_once) {
    report(record, groups.subspan(at, std::min(at_once, groups.size() - at)), older_);
  }
}

template <class Report>
void Groups::advance(Instant now, Report&& report) {
  if (now < next_) return;
  if (older_ && now >= older_until_) older_ = false;
  for (Asked& asked : asked_) {
    if (now < asked.at) continue;
    asked.at = Instant::never();
    say(std::span(&asked.group, 1), wire::GroupRecord::kIsExclude, report);
  }
  if (!in_round_) begin_round(now);
  if (in_round_ && now >= round_at_) {
    const size_t left = groups_.size() - std::min(round_next_, groups_.size());
    const size_t count = older_ ? std::min(left, kRowMax) : left;
    say(std::span(groups_).subspan(groups_.size() - left, count), round_record_, report);
    round_next_ += count;
    in_round_ = count < left;
    round_at_ = in_round_ ? now + kRowPause : Instant::never();
  }
  reckon();
}

}  // namespace millrace::net
