// SPDX-License-Identifier: BSD-3-Clause
// Receive-side scaling as devices do it: a TCP tuple in, Toeplitz's hash of it and by a table the
// shard that owns it out. What a device with this key and table does in hardware, this does in
// software, with the same result.
//
//     source address | destination address | source port | destination port      12 or 36 bytes
//          each bit that is 1 adds (exclusive or) 32 bits of the key, those from its place on
//     hash modulo the table's size -> entry -> shard
//
// Must hold: the hash is linear over GF(2): hash(a ^ b) = hash(a) ^ hash(b). So a whole byte's part
// is one look at a table, and port_share.h can turn the question round.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "millrace/address.h"
#include "millrace/config.h"

namespace millrace::flow {

class Toeplitz {
 public:
  // Requires: key.size() >= Sharding::kKeyBytesMin. What is beyond 40 bytes has no part in the hash
  // of a TCP tuple.
  explicit Toeplitz(std::span<const uint8_t> key);

  // Of a frame from key.peer to key.local.
  [[nodiscard]] uint32_t hash(const FlowKey& key) const;
  // The same from the headers: both addresses, the sender's first, 8 or 32 bytes; both ports.
  [[nodiscard]] uint32_t hash_v4(const std::byte* addresses, const std::byte* ports) const {
    return sum<8>(addresses, 0) ^ sum<4>(ports, 8);
  }
  [[nodiscard]] uint32_t hash_v6(const std::byte* addresses, const std::byte* ports) const {
    return sum<32>(addresses, 0) ^ sum<4>(ports, 32);
  }
  // What the local port adds: hash(key) = hash(key with local port 0) ^ of_local_port(...).
  [[nodiscard]] uint32_t of_local_port(bool is_v4, uint16_t port) const {
    const size_t at = is_v4 ? 10 : 34;
    return parts_[at][port >> 8] ^ parts_[at + 1][port & 0xff];
  }

 private:
  static constexpr size_t kTupleBytes = 36;

  template <size_t kBytes>
  [[nodiscard]] uint32_t sum(const std::byte* bytes, size_t at) const {
    uint32_t result = 0;
    for (size_t i = 0; i < kBytes; ++i) result ^= parts_[at + i][static_cast<uint8_t>(bytes[i])];
    return result;
  }

  std::array<std::array<uint32_t, 256>, kTupleBytes> parts_;  // what a byte's value adds, by place
};

class Rss {
 public:
  // Requires: validate(sharding) finds nothing wrong, and sharding.count > 1.
  explicit Rss(const Sharding& sharding);

  [[nodiscard]] const Toeplitz& toeplitz() const { return toeplitz_; }
  [[nodiscard]] std::span<const uint16_t> table() const { return table_; }
  // Requires: as many entries as before.
  void set_table(std::span<const uint16_t> table);
  [[nodiscard]] uint32_t entry_of_hash(uint32_t hash) const {
    return mask_ != 0 ? hash & mask_ : hash % static_cast<uint32_t>(table_.size());
  }
  [[nodiscard]] uint16_t owner_of_hash(uint32_t hash) const { return table_[entry_of_hash(hash)]; }
  [[nodiscard]] uint32_t entry_of(const FlowKey& key) const {
    return entry_of_hash(toeplitz_.hash(key));
  }
  [[nodiscard]] uint16_t owner_of(const FlowKey& key) const {
    return owner_of_hash(toeplitz_.hash(key));
  }

 private:
  Toeplitz toeplitz_;
  std::vector<uint16_t> table_;
  uint32_t mask_;  // 0: the table's size is no power of two, or 1
};

// A key of the largest size, all of it drawn from `random`, so that nobody who does not know it can
// tell which tuples have a shard in common. Not the usual symmetric kind, the same two bytes over
// and over: by such a key a hash depends on no more than the sum, by exclusive or, of the tuple's
// 16-bit words, and whoever keeps that sum the same sends everything to one shard, whatever the key
// is. Ensures: tables of all sizes have the same number of ports for each entry, of ours and of a
// peer's, in both families.
std::vector<uint8_t> random_key(uint64_t random);

// A table of `size` entries that names each of `shards` in turn.
std::vector<uint16_t> even_table(size_t size, uint16_t shards);

}  // namespace millrace::flow
