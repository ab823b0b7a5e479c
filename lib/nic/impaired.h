// SPDX-License-Identifier: BSD-3-Clause
// A wire that treats badly what is sent on it (millrace/impairment.h), and hands on what is
// received. It stands before any other wire; where nothing is to be impaired there is none, and no
// cost.
//
//     send --cut into frames--> lost?  doubled?  due when? --held, by time--> the wire behind
//
// Must hold: one thread; frames are handed on in the order of their times, and of equal times in
// that in which they came; what is held is bounded, and a frame too many is lost.
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/impairment.h"
#include "nic/wire.h"

namespace millrace::nic {

class ImpairedWire final : public Wire {
 public:
  static constexpr size_t kHeldMax = 1u << 16;

  // `wire` must outlive this one. Wires of one process differ by `number`.
  ImpairedWire(Wire& wire, const Impairment& impairment, uint64_t number);

  size_t receive(std::span<RxFrame> frames, bool& full) override {
    return wire_.receive(frames, full);
  }
  void release() override { wire_.release(); }
  void* keep(size_t index, RxFrame& frame) override { return wire_.keep(index, frame); }
  void give_back(std::span<void* const> tokens) override { wire_.give_back(tokens); }
  bool wait(Duration length) override { return held_.empty() && wire_.wait(length); }
  size_t room(Instant now) override;
  void send(std::span<const TxFrame> frames) override;
  [[nodiscard]] bool pending() const override { return !held_.empty() || wire_.pending(); }
  void discard(size_t further) override;
  size_t relay(Instant now) override { return wire_.relay(now); }
  bool poll_link() override { return wire_.poll_link(); }

  // What was done to the frames so far.
  struct Done {
    uint64_t lost = 0;
    uint64_t duplicated = 0;
    uint64_t reordered = 0;
  };
  [[nodiscard]] const Done& done() const { return done_; }

 private:
  struct Held {
    Instant due;
    uint64_t order = 0;
    TxFrame frame;  // its payload is what stands below
    std::vector<std::byte> payload;
  };

  void impair(const TxFrame& frame);
  void hold(const TxFrame& frame, Instant due);
  // Hands on what is due, as far as the wire has room.
  void hand_on(size_t room);
  // A number in [0, 1) that nothing but the seed and how many were drawn before decide.
  double draw();

  Wire& wire_;
  Impairment impairment_;
  uint64_t state_;
  Instant now_;
  Instant last_due_;  // of the frames that keep their order
  uint64_t order_ = 0;
  std::vector<Held> held_;  // a heap, the next one first
  Done done_;
};

}  // namespace millrace::nic
