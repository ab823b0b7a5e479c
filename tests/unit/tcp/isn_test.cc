// SPDX-License-Identifier: BSD-3-Clause
// RFC 6528: a clock of 4 microseconds, shifted for each tuple by a secret amount.
#include "tcp/isn.h"

#include <gtest/gtest.h>

#include <set>

namespace millrace::tcp {
namespace {

FlowKey key(uint16_t port) {
  return {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), port, 80};
}

TEST(TcpIsn, GrowsByOneEveryFourMicroseconds) {
  const TupleHash hash = hash_tuple({1, 2}, key(1000));
  const wire::SeqNum first = initial_sequence(hash, {});
  EXPECT_EQ(initial_sequence(hash, {3'999}), first);
  EXPECT_EQ(initial_sequence(hash, {4'000}), first + 1);
  EXPECT_EQ(initial_sequence(hash, Instant{} + seconds(1)), first + 250'000);
  // The clock goes round in 4.77 hours.
  EXPECT_EQ(initial_sequence(hash, {(int64_t{1} << 32) * 4000}), first);
}

TEST(TcpIsn, EveryPartOfTheTupleAndTheSecretMatters) {
  std::set<uint32_t> seen;
  const FlowKey base = key(1000);
  FlowKey other = base;
  seen.insert(hash_tuple({1, 2}, base).isn_offset);
  other.local_port = 1001;
  seen.insert(hash_tuple({1, 2}, other).isn_offset);
  other = base;
  other.peer_port = 81;
  seen.insert(hash_tuple({1, 2}, other).isn_offset);
  other = base;
  other.local = IpAddress::v4(0x0a000003);
  seen.insert(hash_tuple({1, 2}, other).isn_offset);
  other = base;
  other.peer = IpAddress::v4(0x0a000003);
  seen.insert(hash_tuple({1, 2}, other).isn_offset);
  seen.insert(hash_tuple({3, 2}, base).isn_offset);
  seen.insert(hash_tuple({1, 3}, base).isn_offset);
  EXPECT_EQ(seen.size(), 7u);
}

TEST(TcpIsn, TheTimestampOffsetIsIndependentOfTheSequenceOffset) {
  int equal = 0;
  for (uint16_t port = 1; port < 1000; ++port) {
    const TupleHash hash = hash_tuple({5, 6}, key(port));
    equal += hash.isn_offset == hash.ts_offset ? 1 : 0;
  }
  EXPECT_EQ(equal, 0);
}

}  // namespace
}  // namespace millrace::tcp
