// SPDX-License-Identifier: BSD-3-Clause
// Connections that ended badly, with their last events, until somebody asks.
#include <fmt/format.h>

#include <algorithm>

#include "stack/impl.h"

namespace millrace {
namespace {

constexpr std::array<std::string_view, kEventKindCount> kEventNames = {
    "opened",        "accepted",      "moved",         "state",     "timeout",
    "fast-recovery", "undo",          "loss-probe",    "keepalive", "window-probe",
    "challenge",     "old-timestamp", "no-room-ahead", "no-room",
};
static_assert(!kEventNames.back().empty(), "every event has a name");

}  // namespace

void Shard::Impl::note_bad_end(uint32_t index, CloseReason reason) {
  if (config_.events_max == 0) return;
  if (bad_ends_.size() == bad_ends_.capacity() || !bad_end_rate_.take()) {
    ++bad_ends_untold_;
    return;
  }
  const Connection& c = connections_[index];
  BadEnd& end = bad_ends_.emplace_back();
  end.key = c.key;
  end.id = {index, c.generation};
  end.reason = reason;
  end.state = c.state;
  end.untold = std::exchange(bad_ends_untold_, 0);
  end.cut = !events_.walk_back(index, [&](const tcp::EventRing::Record& record) {
    if (end.event_count == BadEnd::kEventsMax) return false;
    end.events[end.event_count++] = {ctx_.tick - record.tick, record.kind, record.state,
                                     record.detail};
    return true;
  });
  std::reverse(end.events.begin(), end.events.begin() + end.event_count);
}

bool Shard::Impl::take_bad_end(BadEnd& out) {
  if (bad_ends_.empty()) return false;
  out = bad_ends_.front();
  bad_ends_.erase(bad_ends_.begin());
  return true;
}

std::string_view to_string(EventKind kind) { return kEventNames[static_cast<size_t>(kind)]; }

std::string to_string(const BadEnd& end) {
  std::string out = fmt::format("{} ended in {}, {}:", end.key.to_string(), to_string(end.state),
                                to_string(end.reason));
  if (end.cut) out += " ...";
  for (size_t i = 0; i < end.event_count; ++i) {
    const ConnectionEvent& event = end.events[i];
    out += fmt::format(
        "{} -{:.3f} s {}", i == 0 ? "" : ",", event.age_ms / 1000.0,
        event.kind == EventKind::kState ? to_string(event.state) : to_string(event.kind));
    if (event.detail != 0) out += fmt::format(" {}", event.detail);
  }
  if (end.untold != 0) out += fmt::format(" (and {} others since the last)", end.untold);
  return out;
}

}  // namespace millrace
