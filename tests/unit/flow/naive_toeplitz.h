// SPDX-License-Identifier: BSD-3-Clause
// Toeplitz's hash as its definition reads: bit by bit, over the bytes of a tuple.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "millrace/address.h"

namespace millrace::flow {

inline std::vector<uint8_t> tuple_bytes(const FlowKey& key) {
  std::vector<uint8_t> bytes;
  for (const IpAddress& address : {key.peer, key.local}) {
    const auto all = address.bytes();
    bytes.insert(bytes.end(), all.begin() + (address.is_v4() ? 12 : 0), all.end());
  }
  for (const uint16_t port : {key.peer_port, key.local_port}) {
    bytes.push_back(static_cast<uint8_t>(port >> 8));
    bytes.push_back(static_cast<uint8_t>(port & 0xff));
  }
  return bytes;
}

inline uint32_t naive_toeplitz(std::span<const uint8_t> key, std::span<const uint8_t> input) {
  const auto key_bit = [&](size_t i) {
    return i / 8 < key.size() && key[i / 8] >> (7 - i % 8) & 1;
  };
  uint32_t hash = 0;
  for (size_t i = 0; i < input.size() * 8; ++i) {
    if ((input[i / 8] >> (7 - i % 8) & 1) == 0) continue;
    uint32_t window = 0;
    for (size_t j = 0; j < 32; ++j) window = window << 1 | (key_bit(i + j) ? 1 : 0);
    hash ^= window;
  }
  return hash;
}

}  // namespace millrace::flow
