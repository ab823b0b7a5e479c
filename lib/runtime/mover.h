// SPDX-License-Identifier: BSD-3-Clause
// One worker's part when entries of the redirection table change hands (moving.h). In: a turn. Out:
// what belongs to these entries, packed or taken out, a bounded part of it in each turn; frames
// that were kept back, for the shard. Must hold: the shard never sees a frame of an entry before
// what belongs to that has come.
#pragma once

#include <cstdint>

#include "millrace/shard.h"
#include "runtime/moving.h"
#include "runtime/steerer.h"

namespace millrace::runtime {

class Mover {
 public:
  // Of what is packed in a turn; a connection with full buffers may be more than the second.
  static constexpr uint32_t kRecordsPerTurn = 256;
  static constexpr size_t kBytesPerTurn = size_t{1} << 20;

  // All of them must outlive the mover.
  Mover(Moving& moving, Steerer& steerer, Shard& shard, uint16_t self)
      : moving_(moving), steerer_(steerer), shard_(shard), self_(self) {
    steerer.set_shard(shard);
  }

  // Before the worker's thread starts: plans that others are through with are none of its business.
  void join();

  // Whether turn() has something to do.
  [[nodiscard]] bool due() const { return step_ != Step::kNone || moving_.epoch() != epoch_; }
  // Once a turn in which it is due, behind what was received.
  void turn(Instant now);
  [[nodiscard]] bool under_way() const { return step_ != Step::kNone; }

 private:
  enum class Step : uint8_t { kNone, kMarks, kPack, kUnpack };

  Step after_marks();
  bool pack(Instant now);
  bool unpack(Instant now);
  void end();

  Moving& moving_;
  Steerer& steerer_;
  Shard& shard_;
  uint16_t self_;
  uint32_t epoch_ = 0;
  Step step_ = Step::kNone;
  Shipment* arriving_ = nullptr;
};

}  // namespace millrace::runtime
