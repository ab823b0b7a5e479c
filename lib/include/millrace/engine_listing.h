// SPDX-License-Identifier: BSD-3-Clause
// A listing of all shards of a running engine (Engine::list(), millrace/listing.h), read by a
// thread that is none of its workers.
//
// Threading: one thread at a time. Nothing here waits; who finds no entry now asks again.
// Lifetime: the engine outlives its listings.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "millrace/listing.h"

namespace millrace {

class EngineListing {
 public:
  class Impl;

  // Gives up what has not been listed yet.
  ~EngineListing();
  EngineListing(const EngineListing&) = delete;
  EngineListing& operator=(const EngineListing&) = delete;

  // Takes entries, all of one shard, and says of which; 0: there are none now. Shards follow one
  // another.
  size_t take(std::span<Listed> out, size_t& shard_index);
  // Whether all has been taken.
  [[nodiscard]] bool over() const;
  // Whether each shard was listed to its end: none was whose worker has ended meanwhile. Of one
  // whose worker did not run there is nothing to list.
  [[nodiscard]] bool complete() const;
  // Requires: over(). Entries that matched, by State.
  [[nodiscard]] std::array<uint64_t, kStateCount> counts() const;

 private:
  friend class Engine;
  explicit EngineListing(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
