// SPDX-License-Identifier: BSD-3-Clause
#include "trace/ladders.h"

#include <utility>

namespace millrace::trace {

bool Filter::passes(const Segment& s) const {
  if (address && s.source.address != *address && s.destination.address != *address) return false;
  return !port || s.source.port == *port || s.destination.port == *port;
}

std::map<Ladders::Tuple, Ladders::Current>::iterator Ladders::find(const Segment& segment,
                                                                   Side& from) {
  from = Side::kLeft;
  const auto found = current_.find({segment.source, segment.destination});
  if (found != current_.end()) return found;
  from = Side::kRight;
  return current_.find({segment.destination, segment.source});
}

// The left end is who sends SYN, who is sent SYN,ACK, or else who has the higher port.
std::map<Ladders::Tuple, Ladders::Current>::iterator Ladders::begin(Instant time,
                                                                    const Segment& segment,
                                                                    Side& from) {
  const bool opens =
      segment.has(kSyn) ? !segment.has(kAck) : segment.source.port >= segment.destination.port;
  from = opens ? Side::kLeft : Side::kRight;
  Tuple tuple{segment.source, segment.destination};
  if (!opens) std::swap(tuple.left, tuple.right);
  if (current_.size() == bounds_.tuples) return current_.end();
  ++connections_;
  const bool wanted = !filter_.nth || *filter_.nth == connections_;
  size_t index = kNotDrawn;
  if (wanted && entries_.size() < bounds_.connections) {
    index = entries_.size();
    Entry& entry = entries_.emplace_back();
    entry.number = connections_;
    entry.ladder.ends = {tuple.left, tuple.right};
  }
  return current_.insert_or_assign(tuple, Current{index, Observer(from, segment), time}).first;
}

void Ladders::add(Instant time, const Segment& segment) {
  if (!filter_.passes(segment)) return;
  ++segments_;
  Side from;
  auto current = find(segment, from);
  const bool next =
      current != current_.end() && current->second.observer.is_next_incarnation(from, segment);
  if (next) current_.erase(current);
  if (next || current == current_.end()) current = begin(time, segment, from);
  if (current == current_.end()) return;
  auto& [entry, observer, began] = current->second;
  const Row row = observer.observe(time - began, from, segment);
  if (entry == kNotDrawn) return;
  Ladder& ladder = entries_[entry].ladder;
  if (ladder.rows.size() == bounds_.rows || rows_ == bounds_.rows_in_all) {
    ++ladder.rows_left_out;
    return;
  }
  ++rows_;
  ladder.rows.push_back(row);
}

}  // namespace millrace::trace
