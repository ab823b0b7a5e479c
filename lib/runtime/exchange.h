// SPDX-License-Identifier: BSD-3-Clause
// The ways between workers: lanes for received frames, mailboxes for news. Of frames, in: views of
// memory that the giver's wire owns. Out: the same views, in the same order, at the taker; and what
// the taker is done with, back at the giver, who alone gives it to the wire again.
//
//     giver    give()      --- frames ------------------> take()   taker
//              take_back() <-- tokens of what is over --- done()
//
// One lane for each ordered pair of workers, of which the giver has a queue of the device. Must
// hold: a lane never has more frames under way, either way, than either ring can hold; so done()
// always finds room, and a taker that does not come costs the giver a bounded number of buffers.
//
// Orderings: the rings' own. A push releases what was written before it, the pop that sees it
// acquires that: so the bytes of a frame are there when its view is, and nobody reads them any more
// when its token is back. `under_way_` is the giver's alone.
#pragma once

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/check.h"
#include "millrace/frame.h"
#include "millrace/shard.h"

namespace millrace::runtime {

// A frame on its way, and what names its memory to the giver.
struct Handed {
  RxFrame frame;
  void* token = nullptr;
  [[nodiscard]] bool is_mark() const { return token == nullptr; }
};

class Lane {
 public:
  // One place more than for frames: that of a mark.
  explicit Lane(uint32_t capacity) : capacity_(capacity), there_(capacity + 1), back_(capacity) {}

  // --- The giver's thread -----------------------------------------------------------------------
  // How many frames may be given now.
  [[nodiscard]] uint32_t room() const { return capacity_ - under_way_; }
  [[nodiscard]] uint32_t under_way() const { return under_way_; }
  // Requires: frames.size() <= room().
  void give(std::span<const Handed> frames) {
    MR_ASSERT(there_.push(frames.data(), frames.size()) == frames.size());
    under_way_ += static_cast<uint32_t>(frames.size());
  }
  // What lies between frames that were steered by one table and by the next; no frame, and not
  // given back. One at a time: the next one when the taker has seen it.
  void mark() { MR_ASSERT(there_.push(Handed{})); }
  // Tokens of frames that the taker is done with; 0: none now.
  size_t take_back(std::span<void*> tokens) {
    const size_t count = back_.pop(tokens.data(), tokens.size());
    under_way_ -= static_cast<uint32_t>(count);
    return count;
  }

  // --- The taker's thread -----------------------------------------------------------------------
  size_t take(std::span<Handed> frames) { return there_.pop(frames.data(), frames.size()); }
  void done(std::span<void* const> tokens) {
    MR_ASSERT(back_.push(tokens.data(), tokens.size()) == tokens.size());
  }

 private:
  uint32_t capacity_;
  uint32_t under_way_ = 0;  // given and not taken back
  boost::lockfree::spsc_queue<Handed> there_;
  boost::lockfree::spsc_queue<void*> back_;
};

// Where any worker leaves word for one: bounded, and what does not fit is lost. Several push, one
// pops; the queue's own orderings release and acquire the word.
class Mailbox {
 public:
  void put(const PathNews& news) { queue_.bounded_push(news); }
  bool take(PathNews& news) { return !queue_.empty() && queue_.pop(news); }

 private:
  boost::lockfree::queue<PathNews, boost::lockfree::capacity<64>> queue_;
};

class Exchange {
 public:
  static constexpr uint32_t kLaneFrames = 1024;

  // Workers 0..givers - 1 have a queue of the device.
  Exchange(size_t workers, size_t givers, uint32_t lane_frames = kLaneFrames);

  [[nodiscard]] size_t workers() const { return workers_; }
  [[nodiscard]] size_t givers() const { return givers_; }
  // Requires: from is a giver, and is not `to`.
  [[nodiscard]] Lane& lane(size_t from, size_t to) const { return *lanes_[from * workers_ + to]; }
  [[nodiscard]] Mailbox& mailbox(size_t worker) const { return *mailboxes_[worker]; }

 private:
  size_t workers_;
  size_t givers_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<Mailbox>> mailboxes_;
};

}  // namespace millrace::runtime
