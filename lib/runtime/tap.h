// SPDX-License-Identifier: BSD-3-Clause
// One worker's tap: frames that its shard receives and sends are copied into slots, which go round
// between two rings; the worker fills, another thread empties. In: frames, as the worker has them.
// Out: TappedFrames. The worker never waits: without a free slot the frame is lost, and counted.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/frame.h"
#include "millrace/shard.h"
#include "millrace/tap.h"
#include "nic/wire.h"
#include "wire/frame.h"

namespace millrace::runtime {

class Tap {
 public:
  explicit Tap(const TapConfig& config);

  // --- The worker.
  // Behind shard.receive(), while the frames are there.
  void received(Instant now, const Shard& shard, std::span<const RxFrame> frames);
  // Before they are handed to the device.
  void sent(Instant now, const Shard& shard, std::span<const TxFrame> frames);

  // --- One other thread.
  // Copies the oldest frame; false: there is none.
  bool take(TappedFrame& out);
  // Frames that found no free slot. Any thread.
  [[nodiscard]] uint64_t lost() const { return lost_.get(); }

 private:
  [[nodiscard]] bool wanted(const wire::ParsedFrame& parsed, bool is_tcp) const;
  void see(Instant now, const Shard& shard, const RxFrame& frame, bool sent);

  TapConfig config_;
  std::vector<TappedFrame> slots_;
  boost::lockfree::spsc_queue<uint32_t> free_;
  boost::lockfree::spsc_queue<uint32_t> full_;
  nic::Tally lost_;
  std::vector<std::byte> written_;  // a frame to send, whole
};

}  // namespace millrace::runtime
