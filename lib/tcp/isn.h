// SPDX-License-Identifier: BSD-3-Clause
// Initial sequence numbers: ISN = M + F(tuple, secret), M a 4-microsecond clock and F an AES under
// a secret key (RFC 6528 section 3). Our timestamps are shifted for each tuple by a constant, too
// (RFC 7323 section 5.4): so both only grow from one incarnation of a tuple to the next.
#pragma once

#include <cstdint>

#include "base/aes.h"
#include "base/hash.h"
#include "millrace/address.h"
#include "millrace/time.h"
#include "wire/seq.h"

namespace millrace::tcp {

// F: what is added to the clock for this tuple.
uint32_t isn_offset(const base::Aes128& secret, const FlowKey& key);

inline wire::SeqNum initial_sequence(uint32_t isn_offset, Instant now) {
  return wire::SeqNum(static_cast<uint32_t>(now.ns / 4000) + isn_offset);
}

struct TimestampSecret {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

// How far our timestamps are shifted for a tuple whose keyed hash is `flow_hash`. It hides when the
// shard began, and nothing depends on nobody guessing it, so a multiplication is enough; with its
// own secret, of which the flow table's hash is no part that could be read from it.
inline uint32_t timestamp_offset(const TimestampSecret& secret, uint64_t flow_hash) {
  return static_cast<uint32_t>(base::fold_multiply(flow_hash ^ secret.k0, secret.k1));
}

}  // namespace millrace::tcp
