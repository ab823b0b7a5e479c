// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/isn.h"

#include <array>

#include "base/hash.h"

namespace millrace::tcp {

uint32_t isn_offset(const IsnSecret& secret, const FlowKey& key) {
  const uint64_t ports = (uint64_t{key.local_port} << 16) | key.peer_port;
  uint64_t hash;
  if (key.peer.is_v4()) [[likely]] {
    // 12 bytes: the second word has the ports and, in its last byte, the length.
    base::SipState state(secret.k0, secret.k1);
    state.absorb((uint64_t{key.local.v4_value()} << 32) | key.peer.v4_value());
    state.absorb(ports | uint64_t{12} << 56);
    hash = state.finish();
  } else {
    const std::array<uint64_t, 5> words = {key.local.words()[0], key.local.words()[1],
                                           key.peer.words()[0], key.peer.words()[1], ports};
    hash = base::siphash_2_4_words(secret.k0, secret.k1, words);
  }
  return static_cast<uint32_t>(hash);
}

}  // namespace millrace::tcp
