// SPDX-License-Identifier: BSD-3-Clause
// What is in a parcel between two shards: records of these kinds, each with what move_out.cc puts
// in and move_in.cc takes out behind it.
#pragma once

#include <cstdint>

#include "millrace/address.h"
#include "tcp/half_open.h"

namespace millrace::stack {

enum class MoveRecord : uint32_t {
  kOptions,     // TcpOptions, of the connections that follow
  kConnection,  // PackedConnection, what tcp/pack.h says, statistics, the application's luggage
  kHalfOpen,    // tcp::HalfOpen
  kTimeWait,    // PackedTimeWait
  kUsedCookie,  // UsedCookies::Slot
  kUsedSyn,     // the same of Fast Open
  kLast,        // Instant: until when cookies of ours may come back
};

struct PackedConnection {
  uint32_t bytes = 0;     // of the record behind this, for who does not read all of it
  bool accepted = false;  // its application is that of the listener
  // When its timer would have fired: what it waits for need not be a deadline of its own (pacing).
  bool armed = false;
  uint32_t timer_tick = 0;
  bool hop_usable = false;
  bool hop_router = false;
  // Where its frames go to.
  MacAddress hop_mac;
  IpAddress hop_address;
  Vlan hop_vlan;
};

struct PackedTimeWait {
  FlowKey key;
  tcp::TimeWait state;
  bool timestamps = false;
  uint32_t deadline = 0;
};

}  // namespace millrace::stack
