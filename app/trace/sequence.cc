// SPDX-License-Identifier: BSD-3-Clause
#include "trace/sequence.h"

namespace millrace::trace {

Place Sequence::place(Side from, const Segment& segment) {
  std::optional<uint32_t>& first = first_[index(from)];
  std::optional<uint32_t>& peers_first = first_[index(other(from))];
  uint32_t& next = next_[index(from)];
  // An RST in answer to what has no connection has a number of its own choice, 0.
  const bool known = first.has_value();
  const bool chosen = segment.has(kRst) && !known;
  if (!known && !chosen) {
    first = segment.seq - (segment.has(kSyn) ? 0 : 1);
    next = relative(from, segment.seq);
  }
  if (segment.has(kAck) && !peers_first) {
    peers_first = segment.ack - 1;
    next_[index(other(from))] = 1;
  }
  Place place;
  place.seq = chosen ? segment.seq : relative(from, segment.seq);
  place.ack = segment.has(kAck) ? relative(other(from), segment.ack) : 0;
  if (segment.has(kRst)) return place;
  const uint32_t end = place.seq + segment.length();
  place.probe = known && segment.length() <= 1 && !segment.has(kSyn | kFin) &&
                place.seq + 1 == next && segment.has(kAck);
  place.repeated = known && segment.length() != 0 && !before(next, end) && !place.probe;
  if (before(next, end)) next = end;
  return place;
}

}  // namespace millrace::trace
