// SPDX-License-Identifier: BSD-3-Clause
#include "nic/impaired.h"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::nic {
namespace {

constexpr auto kLater = [](const auto& a, const auto& b) {
  return a.due != b.due ? b.due < a.due : b.order < a.order;
};

}  // namespace

ImpairedWire::ImpairedWire(Wire& wire, const Impairment& impairment, uint64_t number)
    : wire_(wire),
      impairment_(impairment),
      state_(impairment.seed * 0x9e3779b97f4a7c15u + number) {}

double ImpairedWire::draw() {
  uint64_t x = state_ += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

size_t ImpairedWire::room(Instant now) {
  now_ = now;
  hand_on(wire_.room(now));
  return held_.size() >= kHeldMax ? 0 : wire_.room(now);
}

void ImpairedWire::send(std::span<const TxFrame> frames) {
  for (const TxFrame& frame : frames) {
    const size_t segments = frame.segments();
    for (size_t i = 0; i < segments; ++i) {
      impair(segments == 1 ? frame : cut_segment(frame, i));
    }
  }
  hand_on(wire_.room(now_));
}

void ImpairedWire::impair(const TxFrame& frame) {
  if (draw() < impairment_.loss) {
    ++done_.lost;
    return;
  }
  if (draw() < impairment_.reorder) {
    ++done_.reordered;
    hold(frame, now_);
    return;
  }
  const auto jitter = static_cast<double>(impairment_.jitter.ns) * draw();
  last_due_ =
      std::max(last_due_, now_ + impairment_.delay + Duration{static_cast<int64_t>(jitter)});
  hold(frame, last_due_);
  if (draw() < impairment_.duplicate) {
    ++done_.duplicated;
    hold(frame, last_due_);
  }
}

void ImpairedWire::hold(const TxFrame& frame, Instant due) {
  if (held_.size() == kHeldMax) {
    ++done_.lost;
    return;
  }
  Held held{due, order_++, frame, {}};
  held.payload.reserve(frame.payload_bytes);
  for (size_t i = 0; i < frame.payload_spans; ++i) {
    held.payload.insert(held.payload.end(), frame.payload[i].begin(), frame.payload[i].end());
  }
  held.frame.payload[0] = held.payload;
  held.frame.payload_spans = held.payload.empty() ? 0 : 1;
  held_.push_back(std::move(held));
  std::push_heap(held_.begin(), held_.end(), kLater);
}

void ImpairedWire::hand_on(size_t room) {
  while (room != 0 && !held_.empty() && held_.front().due <= now_) {
    std::pop_heap(held_.begin(), held_.end(), kLater);
    wire_.send({&held_.back().frame, 1});
    held_.pop_back();
    if (--room == 0) room = wire_.room(now_);
  }
}

void ImpairedWire::discard(size_t further) {
  wire_.discard(further + held_.size());
  held_.clear();
}

}  // namespace millrace::nic
