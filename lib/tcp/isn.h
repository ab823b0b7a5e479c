// SPDX-License-Identifier: BSD-3-Clause
// Initial sequence numbers: ISN = M + F(tuple, secret), M a 4-microsecond clock and F a keyed
// SipHash (RFC 6528 section 3). The other half of the same hash shifts our timestamps, for each
// tuple by a constant (RFC 7323 section 5.4), so both only grow from one incarnation of a tuple to
// the next.
#pragma once

#include <cstdint>

#include "millrace/address.h"
#include "millrace/time.h"
#include "wire/seq.h"

namespace millrace::tcp {

struct TupleHash {
  uint32_t isn_offset;
  uint32_t ts_offset;
};

struct IsnSecret {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

TupleHash hash_tuple(const IsnSecret& secret, const FlowKey& key);

inline wire::SeqNum initial_sequence(const TupleHash& hash, Instant now) {
  return wire::SeqNum(static_cast<uint32_t>(now.ns / 4000) + hash.isn_offset);
}

}  // namespace millrace::tcp
