// SPDX-License-Identifier: BSD-3-Clause
// What a worker polls: one queue pair of a device, or one end of the in-process wire. In: bursts
// of frame descriptions. Out: bursts of frame views. Must hold: every call but the reading of
// tallies comes from one thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "millrace/frame.h"
#include "millrace/time.h"

namespace millrace::nic {

// A number that one thread adds to and any thread reads: a relaxed load and store, since the
// readers want the value and no order with other memory.
class Tally {
 public:
  void add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct WireTallies {
  Tally frames_in;
  Tally frames_out;
  Tally tx_full;     // bursts that were not taken whole
  Tally tx_dropped;  // frames given up, or refused by the driver
  Tally no_buffers;  // turns that found no memory to send with
  Tally rx_refused;  // frames larger than any IP packet
};

class Wire {
 public:
  static constexpr size_t kBurstMax = 64;
  // Frames that a device has not taken for this long are given up: it is stuck, and TCP will
  // send again what mattered.
  static constexpr Duration kStuckAfter = milliseconds(100);

  Wire() = default;
  virtual ~Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Frames that arrived, at most kBurstMax and frames.size() of them, valid until release().
  // `full` is set when the device had a whole burst, so that more may wait.
  virtual size_t receive(std::span<RxFrame> frames, bool& full) = 0;
  // Gives back what receive() returned. Must follow each receive() that fetched anything.
  virtual void release() = 0;
  // Frame `index` of what receive() returned, which may have to move, stays valid beyond release()
  // until the token that names it is given back, in any order. A token's lowest bit is 0; null:
  // there is no room to keep it.
  virtual void* keep(size_t index, RxFrame& frame) = 0;
  virtual void give_back(std::span<void* const> tokens) = 0;

  // Sleeps until a frame comes, for `length` at most; may end early. False, and nothing has
  // happened, where the device does not say when one comes.
  virtual bool wait(Duration /*length*/) { return false; }

  // How many frames may be sent now, at most kBurstMax. Offers the device first what it did not
  // take before; 0 while some of that is left, or when no memory is.
  virtual size_t room(Instant now) = 0;
  // Copies and sends. Requires: no more frames than room() just returned.
  virtual void send(std::span<const TxFrame> frames) = 0;
  // Whether frames wait that the device has not taken.
  [[nodiscard]] virtual bool pending() const = 0;
  // Gives up the frames that wait, and counts `further` ones, that nobody will come for.
  virtual void discard(size_t further) = 0;

  // Sends what workers without a queue of their own have left with this one; returns how many
  // frames. Once a turn, after send().
  virtual size_t relay(Instant /*now*/) { return 0; }

  // Whether anybody is at the other end; connects again where the driver leaves that to us. May
  // make a system call, so it is asked a few times a second.
  virtual bool poll_link() = 0;

  [[nodiscard]] const WireTallies& tallies() const { return tallies_; }

 protected:
  WireTallies tallies_;
};

}  // namespace millrace::nic
