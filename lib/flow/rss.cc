// SPDX-License-Identifier: BSD-3-Clause
#include "flow/rss.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"
#include "base/random.h"

namespace millrace::flow {
namespace {

// The 32 bits of `key` from bit `first` on, counted from the left; beyond its end are zeros.
uint32_t window(std::span<const uint8_t> key, size_t first) {
  uint64_t bits = 0;
  for (size_t i = 0; i < 5; ++i) {
    const size_t at = first / 8 + i;
    bits = bits << 8 | (at < key.size() ? key[at] : 0);
  }
  return static_cast<uint32_t>(bits >> (8 - first % 8));
}

// Whether the lowest bits of the hash, as many as the largest table asks for, can be brought to any
// value by the bits of a port alone: wherever it stands, sender's or receiver's.
bool spreads_ports(std::span<const uint8_t> key) {
  constexpr uint32_t kMask = Sharding::kTableMax - 1;
  for (const size_t at : {8u, 10u, 32u, 34u}) {
    std::array<uint32_t, std::bit_width(kMask)> pivots{};  // by their highest bit
    size_t rank = 0;
    for (size_t bit = 0; bit < 16; ++bit) {
      uint32_t row = window(key, 8 * at + bit) & kMask;
      while (row != 0) {
        uint32_t& pivot = pivots[static_cast<size_t>(std::bit_width(row)) - 1];
        if (pivot == 0) {
          pivot = row;
          ++rank;
          break;
        }
        row ^= pivot;
      }
    }
    if (rank != pivots.size()) return false;
  }
  return true;
}

}  // namespace

Toeplitz::Toeplitz(std::span<const uint8_t> key) {
  MR_ASSERT(key.size() >= Sharding::kKeyBytesMin);
  for (size_t at = 0; at < kTupleBytes; ++at) {
    parts_[at][0] = 0;
    for (uint32_t value = 1; value < 256; ++value) {
      const auto lowest = static_cast<size_t>(std::countr_zero(value));
      parts_[at][value] = parts_[at][value & (value - 1)] ^ window(key, 8 * at + 7 - lowest);
    }
  }
}

uint32_t Toeplitz::hash(const FlowKey& key) const {
  const std::array<std::byte, 4> ports{
      static_cast<std::byte>(key.peer_port >> 8), static_cast<std::byte>(key.peer_port & 0xff),
      static_cast<std::byte>(key.local_port >> 8), static_cast<std::byte>(key.local_port & 0xff)};
  std::array<std::byte, 32> addresses;
  const bool is_v4 = key.peer.is_v4();
  const size_t bytes = is_v4 ? 4 : 16;
  const auto peer = key.peer.bytes();
  const auto local = key.local.bytes();
  for (size_t i = 0; i < bytes; ++i) {
    addresses[i] = static_cast<std::byte>(peer[16 - bytes + i]);
    addresses[bytes + i] = static_cast<std::byte>(local[16 - bytes + i]);
  }
  return is_v4 ? hash_v4(addresses.data(), ports.data()) : hash_v6(addresses.data(), ports.data());
}

Rss::Rss(const Sharding& sharding)
    : toeplitz_(sharding.rss_key),
      table_(sharding.rss_table),
      mask_(std::has_single_bit(table_.size()) ? static_cast<uint32_t>(table_.size() - 1) : 0) {}

void Rss::set_table(std::span<const uint16_t> table) {
  MR_ASSERT(table.size() == table_.size());
  std::copy(table.begin(), table.end(), table_.begin());
}

std::vector<uint8_t> random_key(uint64_t random) {
  base::Random bits(random);
  std::vector<uint8_t> key(Sharding::kKeyBytesMax);
  do {  // some 2 in 100 keys will not do
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(bits.next() >> 56);
  } while (!spreads_ports(key));
  return key;
}

std::vector<uint16_t> even_table(size_t size, uint16_t shards) {
  std::vector<uint16_t> table(size);
  for (size_t i = 0; i < size; ++i) table[i] = static_cast<uint16_t>(i % shards);
  return table;
}

}  // namespace millrace::flow
