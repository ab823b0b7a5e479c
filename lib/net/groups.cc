// SPDX-License-Identifier: BSD-3-Clause
// RFC 3810 sections 6.1, 6.2, 8.2.1 and 9.
#include "net/groups.h"

#include <utility>

namespace millrace::net {
namespace {

constexpr Duration kUnsolicitedInterval = seconds(1);
// Robustness times the query interval, and the time to respond.
constexpr Duration kOlderVersionTimeout = seconds(2 * 125 + 10);
constexpr Duration kResponseMax = seconds(3600);  // whoever allows more will ask again before

}  // namespace

void Groups::set(std::vector<uint32_t> groups, Instant now) {
  const bool more = !std::includes(groups_.begin(), groups_.end(), groups.begin(), groups.end());
  groups_ = std::move(groups);
  if (!more || !announces_) return;
  changes_left_ = kTimes;
  change_at_ = now;
  reckon();
}

void Groups::note_version(bool version_1, Instant now) {
  if (!version_1) return;
  older_ = true;
  older_until_ = now + kOlderVersionTimeout;
}

void Groups::on_query(Duration response_max, bool version_1, Instant now) {
  note_version(version_1, now);
  answer_at_ = std::min(answer_at_, within(std::min(response_max, kResponseMax), now));
  reckon();
}

void Groups::on_query(uint32_t group, Duration response_max, bool version_1, Instant now) {
  const auto same = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& asked) {
    return asked.at != Instant::never() && asked.group == group;
  });
  const auto place = same != asked_.end()
                         ? same
                         : std::find_if(asked_.begin(), asked_.end(), [](const Asked& asked) {
                             return asked.at == Instant::never();
                           });
  if (place == asked_.end()) {
    on_query(response_max, version_1, now);
    return;
  }
  note_version(version_1, now);
  const Instant at = within(std::min(response_max, kResponseMax), now);
  *place = {group, std::min(place->at, at)};
  reckon();
}

void Groups::begin_round(Instant now) {
  const bool change = now >= change_at_;
  if (!change && now < answer_at_) return;
  in_round_ = true;
  round_next_ = 0;
  round_at_ = now;
  if (change) {
    round_record_ = wire::GroupRecord::kToExclude;
    --changes_left_;
    change_at_ = changes_left_ == 0 ? Instant::never() : within(kUnsolicitedInterval, now);
    return;
  }
  round_record_ = wire::GroupRecord::kIsExclude;
  answer_at_ = Instant::never();
}

void Groups::reckon() {
  next_ = in_round_ ? round_at_ : std::min(change_at_, answer_at_);
  for (const Asked& asked : asked_) next_ = std::min(next_, asked.at);
}

}  // namespace millrace::net
