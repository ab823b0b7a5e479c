// SPDX-License-Identifier: BSD-3-Clause
// What both ends of a connection must have become, judged by its segments alone: the state machine
// of RFC 9293 section 3.3.2, as somebody beside the wire can follow it. In: segments in the order
// in which they passed. Out: rows of a ladder.
//
// Each segment is taken to have arrived when it passed. What nobody can see is not shown: an
// application that opens or closes but has said nothing yet, and the end of TIME-WAIT.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "trace/ladder.h"

namespace millrace::trace {

class Observer {
 public:
  // Where the first segment that was seen is no SYN, both are taken to be ESTABLISHED.
  explicit Observer(Side from, const Segment& first);
  Row observe(Duration time, Side from, const Segment& segment);
  // Whether `segment` is the SYN of a later connection of the same addresses and ports.
  [[nodiscard]] bool is_next_incarnation(Side from, const Segment& segment) const;

 private:
  struct End {
    State state = State::kEstablished;
    uint32_t heard = 0;                // RCV.NXT, relative
    std::optional<uint32_t> fin_sent;  // the number behind its FIN, relative
  };

  End& end(Side side) { return ends_[static_cast<size_t>(side)]; }
  [[nodiscard]] const End& end(Side side) const { return ends_[static_cast<size_t>(side)]; }
  static void receive_fin(End& receiver);
  void depart(Side from, const Segment& segment, const Place& place);
  void arrive(Side to, const Segment& segment, const Place& place);
  void reset(Side from, const Segment& segment, const Place& place);

  std::array<End, 2> ends_;
  Sequence sequence_;
};

}  // namespace millrace::trace
