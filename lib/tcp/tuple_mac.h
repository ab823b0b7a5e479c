// SPDX-License-Identifier: BSD-3-Clause
// What an outsider cannot foresee of a tuple, and 28 bits beside it: a CBC-MAC. IPv4 takes one
// block; IPv6 three, the first of which is no block of IPv4, so that neither message begins the
// other.
//
//     IPv4   local, peer | ports, rest, 1            IPv6   ports, rest, 0 | local | peer
#pragma once

#include <cstdint>

#include "base/aes.h"
#include "millrace/address.h"

namespace millrace::tcp {

// Requires: rest < 2^28. Nothing of the result that an outsider sees may be the input of another
// block under the same key.
inline base::AesBlock tuple_mac(const base::Aes128& secret, const FlowKey& key, uint32_t rest) {
  const bool v4 = key.peer.is_v4();
  const uint32_t ports = uint32_t{key.local_port} << 16 | key.peer_port;
  base::AesBlock block{0, uint64_t{ports} << 32 | rest << 4 | uint32_t{v4}};
  if (v4) [[likely]] {
    block.low = uint64_t{key.local.v4_value()} << 32 | key.peer.v4_value();
    return secret.encrypt(block);
  }
  const IpAddress::Words local = key.local.words();
  const IpAddress::Words peer = key.peer.words();
  block = secret.encrypt(block) ^ base::AesBlock{local[0], local[1]};
  block = secret.encrypt(block) ^ base::AesBlock{peer[0], peer[1]};
  return secret.encrypt(block);
}

}  // namespace millrace::tcp
