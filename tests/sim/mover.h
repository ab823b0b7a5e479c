// SPDX-License-Identifier: BSD-3-Clause
// Moves entries of the redirection table between the shards of a host, again and again, as workers
// that come and go do it: a shard packs a little in each turn, another takes it out a little later,
// and frames of these entries are kept back until all is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "flow/steering.h"
#include "millrace/shard.h"
#include "random.h"

namespace millrace::sim {

class Mover {
 public:
  // `chance`: in each turn, that a move begins. All but `random` must outlive this.
  Mover(double chance, std::vector<std::unique_ptr<Shard>>& shards, flow::Steering& steering,
        Random random)
      : chance_(chance), shards_(shards), steering_(steering), random_(random) {}

  // One turn, in which a move may begin or not. Returns of the frames that were kept back those
  // that receiver() knows by now; all where a move ends by it.
  struct Kept {
    std::vector<std::byte> bytes;
    RxFrame frame;  // without its data
  };
  std::vector<Kept> turn(Instant now, bool may_begin);
  [[nodiscard]] bool under_way() const { return under_way_; }
  // There was no room for what has arrived.
  [[nodiscard]] bool stuck() const { return stuck_; }
  [[nodiscard]] size_t receiver() const { return to_; }
  [[nodiscard]] uint64_t moves() const { return moves_; }
  // Whether what belongs to that entry of the table is on its way, so that nobody has it.
  [[nodiscard]] bool is_moving(uint32_t entry) const { return under_way_ && entries_[entry]; }
  // Takes the frame, if it is for the shard that is to have these entries.
  bool keep(size_t shard, const RxFrame& frame);
  // A shard that connect() finds a port on.
  [[nodiscard]] bool has_entries(size_t shard) const;

 private:
  void begin();
  [[nodiscard]] bool is_to_be_kept(const RxFrame& frame) const;

  double chance_;
  std::vector<std::unique_ptr<Shard>>& shards_;
  flow::Steering& steering_;
  Random random_;
  bool under_way_ = false;
  bool packed_ = false;  // all of it
  bool stuck_ = false;
  size_t from_ = 0;
  size_t to_ = 0;
  Shard::Entries entries_;
  std::deque<Parcel> parcels_;
  std::vector<Kept> kept_;
  uint64_t moves_ = 0;
};

}  // namespace millrace::sim
