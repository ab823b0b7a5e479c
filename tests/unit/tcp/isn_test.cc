// SPDX-License-Identifier: BSD-3-Clause
// RFC 6528: a clock of 4 microseconds, shifted for each tuple by a secret amount.
#include "tcp/isn.h"

#include <gtest/gtest.h>

#include <set>

namespace millrace::tcp {
namespace {

uint32_t offset(uint64_t k0, uint64_t k1, const FlowKey& key) {
  return isn_offset(base::Aes128({k0, k1}), key);
}

FlowKey key(uint16_t port) {
  return {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), port, 80};
}

TEST(TcpIsn, GrowsByOneEveryFourMicroseconds) {
  const uint32_t hash = offset(1, 2, key(1000));
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
  seen.insert(offset(1, 2, base));
  other.local_port = 1001;
  seen.insert(offset(1, 2, other));
  other = base;
  other.peer_port = 81;
  seen.insert(offset(1, 2, other));
  other = base;
  other.local = IpAddress::v4(0x0a000003);
  seen.insert(offset(1, 2, other));
  other = base;
  other.peer = IpAddress::v4(0x0a000003);
  seen.insert(offset(1, 2, other));
  seen.insert(offset(3, 2, base));
  seen.insert(offset(1, 3, base));
  EXPECT_EQ(seen.size(), 7u);
}

TEST(TcpIsn, TimestampsAreShiftedByFlowAndSecret) {
  std::set<uint32_t> seen;
  for (uint64_t hash = 1; hash <= 100; ++hash) {
    seen.insert(timestamp_offset({5, 0x9e3779b97f4a7c15}, hash << 40));
    seen.insert(timestamp_offset({5, 0xbf58476d1ce4e5b9}, hash << 40));
    seen.insert(timestamp_offset({6ull << 50, 0x9e3779b97f4a7c15}, hash << 40));
  }
  EXPECT_EQ(seen.size(), 300u);
  EXPECT_EQ(timestamp_offset({5, 7}, 9), timestamp_offset({5, 7}, 9));
}

}  // namespace
}  // namespace millrace::tcp
