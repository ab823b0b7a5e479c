// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/mover.h"

#include <array>

namespace millrace::runtime {

void Mover::join() {
  epoch_ = moving_.epoch();
  moving_.through_with(self_, epoch_);
  steerer_.set_table(moving_.plan().table, moving_.plan().active);
  shard_.set_table(moving_.plan().table);
}

void Mover::turn(Instant now) {
  if (step_ == Step::kNone) {
    epoch_ = moving_.epoch();
    const MovePlan& plan = moving_.plan();
    steerer_.adopt(plan);
    // Who takes does not choose ports of these entries before it knows which are in use.
    if (plan.to != self_ || plan.entries.none()) shard_.set_table(plan.table);
    step_ = Step::kMarks;
  }
  if (step_ == Step::kMarks && steerer_.all_marked()) step_ = after_marks();
  if (step_ == Step::kPack && !pack(now)) end();
  if (step_ == Step::kUnpack && !unpack(now)) end();
}

Mover::Step Mover::after_marks() {
  const MovePlan& plan = moving_.plan();
  if (plan.entries.any() && plan.from == self_) {
    shard_.begin_leaving(plan.entries);
    return Step::kPack;
  }
  if (plan.entries.any() && plan.to == self_) return Step::kUnpack;
  end();
  return Step::kNone;
}

// False: all is under way.
bool Mover::pack(Instant now) {
  constexpr uint32_t kAtOnce = 16;
  Shipment* const shipment = moving_.take_empty();
  if (shipment == nullptr) return true;
  bool more = true;
  for (uint32_t records = 0; more && records < kRecordsPerTurn; records += kAtOnce) {
    more = shard_.pack(now, shipment->parcel, kAtOnce);
    if (shipment->parcel.bytes() >= kBytesPerTurn) break;
  }
  shipment->last = !more;
  moving_.send(shipment);
  return more;
}

// False: all is here. What has come goes on at once, whatever else is under way.
bool Mover::unpack(Instant now) {
  std::array<RxFrame, Shard::kBurstMax> frames;
  const auto receive = [&](size_t count) {
    shard_.receive(now, {frames.data(), count});
    steerer_.release_kept();
  };
  if (arriving_ == nullptr) arriving_ = moving_.take_full();
  if (arriving_ == nullptr) return true;
  const bool taken = shard_.unpack(now, arriving_->parcel);
  while (const size_t count = steerer_.take_known(frames)) receive(count);
  if (!taken) return true;
  const bool last = arriving_->last;
  arriving_->parcel.clear();
  moving_.give_back(arriving_);
  arriving_ = nullptr;
  if (!last) return true;
  shard_.set_table(moving_.plan().table);
  while (const size_t count = steerer_.take_all(frames)) receive(count);
  return false;
}

void Mover::end() {
  step_ = Step::kNone;
  moving_.through_with(self_, epoch_);
}

}  // namespace millrace::runtime
