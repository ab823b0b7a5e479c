// SPDX-License-Identifier: BSD-3-Clause
// One worker's part in steering: looks at each frame that its queue has brought, keeps its own,
// hands the others to the workers that own them, and takes what others hand to it. In: bursts of a
// wire. Out: bursts for this worker's shard. Must hold: frames of a flow that come by one queue
// reach its shard in the order in which they came; what does not fit into a lane is dropped and
// counted; no frame's memory goes back to the wire while somebody looks at it.
//
// Where the device hashes, its hash names the owner, and most frames are at the right place
// already; it is believed as long as it agrees with the computation, for each of the first frames
// and for one in a thousand later.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "flow/steering.h"
#include "millrace/frame.h"
#include "nic/wire.h"
#include "runtime/exchange.h"
#include "runtime/moving.h"

namespace millrace::runtime {

struct SteeringTallies {
  nic::Tally handed_out;  // frames given to other workers, those for all once for each
  nic::Tally handed_in;   // frames taken from other workers
  nic::Tally dropped;     // frames for which a lane, or memory for copies, had no room
  nic::Tally kept;        // frames kept back until what they belong to had moved here
  nic::Tally hashes_checked;
  nic::Tally hashes_wrong;  // after the first of them the device's hash is not used any more
};

class Steerer {
 public:
  // What is for all is copied, up to that size; longer than any ARP or ND message need be.
  static constexpr size_t kCopyBytes = 2048;
  static constexpr size_t kCopies = 32;
  // What was put together of fragments is copied, too: an Ethernet header and any IP packet.
  static constexpr size_t kWholeBytes = 14 + 65535;
  static constexpr size_t kWholes = 8;
  static constexpr uint32_t kChecksAtFirst = 64;
  static constexpr uint32_t kCheckEvery = 1024;

  // Frames kept back while what they belong to moves here; one more is dropped.
  static constexpr size_t kKeptMax = 1024;

  // `exchange`, `wire` and `moving`, which may be null, must outlive the steerer.
  Steerer(const flow::Steering& steering, Exchange& exchange, uint16_t self, nic::Wire& wire,
          const Moving* moving = nullptr);

  // Of a burst that the wire has just received: hands over what is others', and moves what is ours
  // to the front; returns how many that are. Before wire.release().
  size_t keep_own(std::span<RxFrame> burst);
  // Hands a datagram over that our shard has put together (Shard::take_whole()); `frame` may go
  // then.
  void pass_on(const RxFrame& frame);
  // Frames that other workers have handed over, of one of them at a time; 0: none. They are valid
  // until release(), which must follow.
  size_t take(std::span<RxFrame> frames);
  void release();
  // Tells the other workers; hears from them, one at a time; false: nothing new.
  void tell(std::span<const PathNews> news);
  bool hear(PathNews& news) { return exchange_.mailbox(self_).take(news); }
  // Gives the wire what the others are done with. Once a turn.
  void collect();
  // The same with what nobody has taken. Requires: no worker runs any more.
  void reclaim();

  // --- Entries that change hands (moving.h) -----------------------------------------------------
  // The table, and how many workers hear what is for all.
  void set_table(std::span<const uint16_t> table, size_t active);
  // From now on by the plan's table, and whoever takes its entries keeps their frames back.
  void adopt(const MovePlan& plan);
  // Everything that comes from now on was steered by the plan's table.
  [[nodiscard]] bool all_marked() const { return marks_missing_ == 0; }
  // Whose flows may be known, though not all of what moves is here: their frames are not kept back.
  void set_shard(const Shard& shard) { shard_ = &shard; }
  // Of what was kept back, what the shard knows by now, in the order in which it came; 0: no more
  // for now. Valid until release_kept(), which must follow.
  size_t take_known(std::span<RxFrame> frames) { return take_kept(frames, true); }
  // The same of all; 0: that was all, and nothing is kept back any more.
  size_t take_all(std::span<RxFrame> frames) { return take_kept(frames, false); }
  void release_kept();

  [[nodiscard]] const SteeringTallies& tallies() const { return tallies_; }

 private:
  struct Batch {
    size_t count = 0;
    std::array<Handed, nic::Wire::kBurstMax> frames;
  };
  struct Copy {
    uint32_t holders = 0;  // lanes that have not given it back
    std::span<std::byte> bytes;
  };

  struct Kept {
    Handed handed;
    Lane* lane = nullptr;  // null: of our own wire
  };

  [[nodiscard]] uint16_t recipient_of(const RxFrame& frame);
  [[nodiscard]] bool is_to_be_kept(const RxFrame& frame) const;
  bool keep_own_frame(const RxFrame& frame, size_t index);
  size_t take_kept(std::span<RxFrame> frames, bool known_only);
  size_t sort_taken(std::span<const Handed> handed, Lane& lane, std::span<RxFrame> frames);
  void on_mark();
  void check(const RxFrame& frame);
  void hand(uint16_t to, const RxFrame& frame, size_t index);
  void hand_to_all(const RxFrame& frame);
  Copy* copy(std::vector<Copy>& copies, RxFrame& frame);
  void stage_copy(uint16_t to, const RxFrame& frame, Copy& copy);
  void stage(uint16_t to, const RxFrame& frame, void* token);
  [[nodiscard]] bool has_room(uint16_t to) const;
  void flush();
  void give_back(std::span<void* const> tokens);

  flow::Steering steering_;
  Exchange& exchange_;
  uint16_t self_;
  nic::Wire& wire_;
  const Moving* moving_;
  bool gives_;
  size_t active_;       // workers that hear what is for all
  bool alone_ = false;  // every frame is ours
  bool trusts_ = true;  // the device's hash
  uint32_t checks_left_ = kChecksAtFirst;
  uint32_t until_check_ = 1;

  std::vector<Batch> batches_;     // by taker; staged during keep_own()
  std::vector<uint16_t> touched_;  // those with something in them
  std::vector<Copy> copies_;
  std::vector<Copy> wholes_;
  std::vector<std::byte> copied_;  // their bytes
  std::vector<Lane*> incoming_;
  size_t next_incoming_ = 0;
  Lane* taken_from_ = nullptr;
  size_t taken_ = 0;
  std::array<void*, nic::Wire::kBurstMax> taken_tokens_{};
  const MovePlan* keeping_ = nullptr;  // whose entries' frames are kept back
  const Shard* shard_ = nullptr;
  std::vector<Kept> kept_;
  std::vector<Kept> kept_out_;  // taken, and not released
  size_t marks_missing_ = 0;    // of the plan that was adopted last
  size_t marks_early_ = 0;      // of the next one
  SteeringTallies tallies_;
};

}  // namespace millrace::runtime
