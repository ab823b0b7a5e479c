// SPDX-License-Identifier: BSD-3-Clause
// A wire inside one process: two ends, for two shards on two threads, joined by lock-free rings.
// Needs no DPDK and no rights.
//
//     left end                                             right end
//     send()    --- full: slots with a frame ------------> receive()
//     room()    <-- free: slots to write into ------------ release()
//
// and the same the other way round. A frame is copied once, into its slot, and read there. Must
// hold: a slot's index is in exactly one place, so each ring can hold all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "nic/wire.h"

namespace millrace::nic {

struct LoopbackSizes {
  uint32_t slots = 1024;        // frames under way in each direction
  uint32_t frame_bytes = 1518;  // the longest frame
  bool tags = false;            // frames may have VLAN tags, which receive() takes off
};

// Each end may be destroyed first. Frames that were sent can still be received when the other end
// has gone; poll_link() says that it has.
std::pair<std::unique_ptr<Wire>, std::unique_ptr<Wire>> make_loopback(const LoopbackSizes& sizes);

}  // namespace millrace::nic
