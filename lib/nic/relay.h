// SPDX-License-Identifier: BSD-3-Clause
// Frames to send, on their way from a worker that has no transmit queue to the one that has. In:
// mbufs that the first has filled. Out: the same, in their order, for the second's queue. Must
// hold: one thread pushes and one pops; what is in the ring belongs to nobody else.
//
// Orderings: the ring's own. The push releases the mbuf's bytes, the pop acquires them.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>

struct rte_mbuf;

namespace millrace::nic {

class Relay {
 public:
  explicit Relay(size_t frames) : ring_(frames) {}

  // The sending worker. Returns how many found room.
  size_t push(rte_mbuf* const* mbufs, size_t count) { return ring_.push(mbufs, count); }
  // The queue's worker.
  size_t pop(rte_mbuf** mbufs, size_t room) { return ring_.pop(mbufs, room); }
  [[nodiscard]] bool empty() const { return ring_.read_available() == 0; }

 private:
  boost::lockfree::spsc_queue<rte_mbuf*> ring_;
};

}  // namespace millrace::nic
