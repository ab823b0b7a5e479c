// SPDX-License-Identifier: BSD-3-Clause
// The interrupt of one receive queue, for a worker that sleeps until a frame comes:
//
//     arm -> look once more for frames -> wait -> disarm
//
// Must hold: one thread at a time calls it.
#pragma once

#include <cstdint>

#include "millrace/time.h"

namespace millrace::nic {

class RxInterrupt {
 public:
  RxInterrupt(uint16_t port, uint16_t queue) : port_(port), queue_(queue) {}
  ~RxInterrupt();
  RxInterrupt(const RxInterrupt&) = delete;
  RxInterrupt& operator=(const RxInterrupt&) = delete;

  // Whether the device has interrupts. Requires: it is started, configured for them, and has a
  // peer: a vhost device interrupts by what its guest gives it.
  [[nodiscard]] bool usable() const;

  // False when it does not work out; nothing is armed then.
  bool arm();
  // Until a frame comes, or for `length`.
  void wait(Duration length);
  void disarm();
  // What is waited on goes away with the peer, or the device.
  void forget();

 private:
  uint16_t port_;
  uint16_t queue_;
  int epoll_ = -1;      // what is waited on
  bool added_ = false;  // the queue is, to that
};

}  // namespace millrace::nic
