// SPDX-License-Identifier: BSD-3-Clause
// Which of several shards a received frame is for. In: bytes that anybody may have sent. Out: one
// shard, all of them, or none in particular. Looks no further than it takes to find the tuple;
// whether the frame is sound is for the shard to say.
//
//     TCP over IPv4 or IPv6                      the tuple's owner
//     ICMP and ICMPv6 errors that quote TCP      the owner of the tuple they quote
//     ARP, neighbour discovery (RFC 4861)        all: each shard has neighbours of its own
//     fragments                                  the first: their ports are not in every one; it
//                                                hands the whole on (Shard::take_whole())
//     anything else                              whoever has it: no state is looked up for it
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "flow/rss.h"
#include "millrace/frame.h"

namespace millrace::flow {

class Steering {
 public:
  // Requires: as Rss.
  explicit Steering(const Sharding& sharding) : rss_(sharding), count_(sharding.count) {}

  static constexpr uint16_t kAll = 0xffff;
  static constexpr uint16_t kAny = 0xfffe;
  // A shard, kAll or kAny.
  [[nodiscard]] uint16_t recipient_of(const RxFrame& frame) const;
  // Toeplitz's hash, as a device computes it; nothing for what is no TCP segment in one piece.
  [[nodiscard]] std::optional<uint32_t> hash_of(const RxFrame& frame) const;

  // The tuple that decides about it, ours first; nothing where none does.
  [[nodiscard]] static std::optional<FlowKey> key_of(const RxFrame& frame);

  // Requires: as many entries as before.
  void set_table(std::span<const uint16_t> table) { rss_.set_table(table); }

  [[nodiscard]] const Rss& rss() const { return rss_; }
  [[nodiscard]] uint16_t shard_count() const { return count_; }

 private:
  Rss rss_;
  uint16_t count_;
};

}  // namespace millrace::flow
