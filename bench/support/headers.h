// SPDX-License-Identifier: BSD-3-Clause
// The segments that are built and parsed: each kind carries one more set of options.
#pragma once

#include "wire/segment.h"

namespace millrace::wire {

inline SegmentHeader plain() {
  SegmentHeader header;
  header.ack = SeqNum(1);
  header.window = 4000;
  header.flags = kAck;
  return header;
}

inline SegmentHeader stamped() {
  SegmentHeader header = plain();
  header.has_timestamps = true;
  header.ts_value = 1;
  header.ts_echo = 2;
  return header;
}

inline SegmentHeader syn() {
  SegmentHeader header = stamped();
  header.flags = kSyn;
  header.mss = 1460;
  header.sack_permitted = true;
  header.window_shift = 7;
  return header;
}

inline SegmentHeader syn_ack() {
  SegmentHeader header = syn();
  header.flags = kSyn | kAck;
  return header;
}

}  // namespace millrace::wire
