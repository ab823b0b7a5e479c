// SPDX-License-Identifier: BSD-3-Clause
#include "nic/loopback.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <utility>
#include <vector>

#include "base/check.h"
#include "wire/vlan.h"

namespace millrace::nic {
namespace {

using IndexRing = boost::lockfree::spsc_queue<uint32_t>;

// One direction.
class Lane {
 public:
  explicit Lane(const LoopbackSizes& sizes)
      : full(sizes.slots),
        free(sizes.slots),
        slot_bytes_((sizes.frame_bytes + 63) / 64 * 64),
        memory_(size_t{sizes.slots} * slot_bytes_),
        lengths_(sizes.slots) {
    for (uint32_t i = 0; i < sizes.slots; ++i) free.push(i);
  }

  std::span<std::byte> slot(uint32_t index) {
    return {memory_.data() + size_t{index} * slot_bytes_, slot_bytes_};
  }
  uint32_t& length(uint32_t index) { return lengths_[index]; }

  IndexRing full;
  IndexRing free;

 private:
  size_t slot_bytes_;
  std::vector<std::byte> memory_;
  std::vector<uint32_t> lengths_;
};

// Owned by both ends: the last one to go deletes it.
struct Cable {
  explicit Cable(const LoopbackSizes& sizes) : lanes{Lane(sizes), Lane(sizes)} {}
  std::array<Lane, 2> lanes;
  std::atomic<int> ends{2};
};

class End final : public Wire {
 public:
  End(Cable* cable, size_t side, bool tags)
      : cable_(cable), out_(cable->lanes[side]), in_(cable->lanes[1 - side]), tags_(tags) {}
  ~End() override {
    // Released so that this end's last writes are seen by whoever deletes.
    if (cable_->ends.fetch_sub(1, std::memory_order_acq_rel) == 1) delete cable_;
  }

  size_t receive(std::span<RxFrame> frames, bool& full) override {
    const size_t wanted = std::min(frames.size(), kBurstMax);
    held_ = in_.full.pop(held_indices_.data(), wanted);
    full = held_ == wanted;
    for (size_t i = 0; i < held_; ++i) {
      const uint32_t index = held_indices_[i];
      frames[i] = RxFrame{.data = in_.slot(index).data(), .length = in_.length(index)};
      if (tags_) wire::take_off_tags(in_.slot(index).data(), frames[i]);
    }
    tallies_.frames_in.add(held_);
    return held_;
  }

  void release() override {
    size_t released = 0;
    for (size_t i = 0; i < held_; ++i) {
      if (held_indices_[i] != kKept) held_indices_[released++] = held_indices_[i];
    }
    in_.free.push(held_indices_.data(), released);
    held_ = 0;
  }

  void* keep(size_t index, RxFrame& /*frame*/) override {
    const auto slot = static_cast<uintptr_t>(std::exchange(held_indices_[index], kKept));
    return reinterpret_cast<void*>((slot + 1) << 1);
  }

  void give_back(std::span<void* const> tokens) override {
    for (void* const token : tokens) {
      in_.free.push(static_cast<uint32_t>((reinterpret_cast<uintptr_t>(token) >> 1) - 1));
    }
  }

  size_t room(Instant /*now*/) override {
    if (spare_count_ < kBurstMax / 2) {
      spare_count_ += out_.free.pop(spare_.data() + spare_count_, kBurstMax - spare_count_);
      if (spare_count_ == 0) tallies_.tx_full.add(1);
    }
    return spare_count_;
  }

  void send(std::span<const TxFrame> frames) override {
    MR_ASSERT(frames.size() <= spare_count_);
    std::array<uint32_t, kBurstMax> indices;
    for (size_t i = 0; i < frames.size(); ++i) {
      const uint32_t index = spare_[--spare_count_];
      MR_ASSERT(frames[i].total_bytes() <= out_.slot(index).size());
      out_.length(index) = static_cast<uint32_t>(write_frame(frames[i], out_.slot(index)));
      indices[i] = index;
    }
    out_.full.push(indices.data(), frames.size());
    tallies_.frames_out.add(frames.size());
  }

  [[nodiscard]] bool pending() const override { return false; }
  void discard(size_t further) override { tallies_.tx_dropped.add(further); }
  bool poll_link() override { return cable_->ends.load(std::memory_order_acquire) == 2; }

 private:
  static constexpr uint32_t kKept = UINT32_MAX;

  Cable* cable_;
  Lane& out_;
  Lane& in_;
  bool tags_;
  size_t held_ = 0;
  size_t spare_count_ = 0;
  std::array<uint32_t, kBurstMax> held_indices_{};
  std::array<uint32_t, kBurstMax> spare_{};
};

}  // namespace

std::pair<std::unique_ptr<Wire>, std::unique_ptr<Wire>> make_loopback(const LoopbackSizes& sizes) {
  auto* cable = new Cable(sizes);
  return {std::make_unique<End>(cable, 0, sizes.tags), std::make_unique<End>(cable, 1, sizes.tags)};
}

}  // namespace millrace::nic
