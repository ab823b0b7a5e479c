// SPDX-License-Identifier: BSD-3-Clause
// The ladder of a connection: what either end sent, and what that made of both, as RFC 9293 draws
// it in its figures 6 to 13. Here as data; ladder_text.h and ladder_json.h write it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "millrace/tcp_info.h"
#include "millrace/time.h"
#include "trace/segment.h"
#include "trace/sequence.h"

namespace millrace::trace {

struct Change {
  State before = State::kClosed;
  State after = State::kClosed;

  [[nodiscard]] bool any() const { return before != after; }
  [[nodiscard]] bool is(State from, State to) const { return before == from && after == to; }
};

// How much of a segment's way a row shows.
enum class Way : uint8_t {
  kWhole,
  kSent,     // something crosses it: its arrival is a row of its own
  kArrived,  // that row
  kLost,
  kNothing,  // no segment: an end changed by itself
};

// One line. Where there is no segment, `segment` and `place` mean nothing, and `from` is the end
// that changed.
struct Row {
  Duration time;  // since the first row
  Way way = Way::kWhole;
  Side from = Side::kLeft;
  Segment segment;
  Place place;
  std::array<SackRange, 4> sack{};  // relative
  std::array<Change, 2> ends;       // left, right

  [[nodiscard]] bool arrived() const { return way == Way::kWhole || way == Way::kArrived; }
  [[nodiscard]] bool departed() const { return way != Way::kArrived && way != Way::kNothing; }
  [[nodiscard]] const Change& sender() const { return ends[static_cast<size_t>(from)]; }
  [[nodiscard]] const Change& receiver() const { return ends[static_cast<size_t>(other(from))]; }
};

struct Ladder {
  std::array<std::string, 2> names = {"client", "server"};
  std::array<Endpoint, 2> ends;
  std::vector<Row> rows;
  uint64_t rows_left_out = 0;  // beyond a bound, at the end
};

}  // namespace millrace::trace
