// SPDX-License-Identifier: BSD-3-Clause
// Which ports are whose: beside a count of all ports by the definition of the hash, for keys of all
// kinds, tables of many sizes, and both families.
#include "flow/port_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/random.h"
#include "naive_toeplitz.h"

namespace millrace::flow {
namespace {

struct KeyKind {
  const char* name;
  std::vector<uint8_t> key;
};

// Those by which ports lead everywhere, and those by which they do not.
std::vector<KeyKind> all_keys() {
  base::Random random(7);
  std::vector<uint8_t> any(52);
  for (uint8_t& byte : any) byte = static_cast<uint8_t>(random.next());
  std::vector<uint8_t> symmetric(40);
  for (size_t i = 0; i < symmetric.size(); ++i) symmetric[i] = i % 2 == 0 ? 0x6d : 0x5a;
  std::vector<uint8_t> even_weight(40);
  for (size_t i = 0; i < even_weight.size(); ++i) even_weight[i] = i % 2 == 0 ? 0x6d : 0x5b;
  std::vector<uint8_t> sparse(40);
  sparse[14] = 0x10;
  sparse[37] = 0x01;
  return {{"random", any},          {"drawn", random_key(0x1234)},
          {"symmetric", symmetric}, {"symmetric of even weight", even_weight},
          {"sparse", sparse},       {"all zeros", std::vector<uint8_t>(40)}};
}

std::vector<FlowKey> tuples() {
  return {
      {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 0, 80},
      {IpAddress::v4(0xc0a80107), IpAddress::v4(0x08080808), 0, 443},
      {IpAddress::parse("2001:db8::1").value(), IpAddress::parse("2001:db8::2").value(), 0, 80}};
}

// The ports of the range by the shard that owns them.
std::vector<std::vector<uint16_t>> naive_shares(const Rss& rss, const std::vector<uint8_t>& key,
                                                FlowKey tuple, uint16_t shards, uint16_t first,
                                                uint16_t last) {
  std::vector<std::vector<uint16_t>> ports(shards);
  const auto table = rss.table();
  for (uint32_t port = first; port <= last; ++port) {
    tuple.local_port = static_cast<uint16_t>(port);
    const uint32_t hash = naive_toeplitz(key, tuple_bytes(tuple));
    ports[table[hash % table.size()]].push_back(tuple.local_port);
  }
  return ports;
}

std::vector<uint16_t> share_by_walk(const PortShare& share, const FlowKey& tuple) {
  const PortShare::Walk walk = share.walk(tuple);
  std::vector<uint16_t> ports;
  for (uint32_t i = 0; i < walk.length(); ++i) {
    const uint16_t port = share.port(walk, i);
    if (port != 0) ports.push_back(port);
  }
  std::sort(ports.begin(), ports.end());
  return ports;
}

void expect_equal_shares(size_t table_size, uint16_t shards, uint16_t first, uint16_t last) {
  for (const KeyKind& kind : all_keys()) {
    const Rss rss(
        {.count = shards, .rss_key = kind.key, .rss_table = even_table(table_size, shards)});
    for (const FlowKey& tuple : tuples()) {
      const auto expected = naive_shares(rss, kind.key, tuple, shards, first, last);
      for (uint16_t shard = 0; shard < shards; ++shard) {
        const PortShare share(rss, shard, first, last);
        ASSERT_EQ(share_by_walk(share, tuple), expected[shard])
            << kind.name << ", table of " << table_size << ", shard " << shard << " of " << shards
            << ", " << tuple.to_string();
      }
    }
  }
}

TEST(PortShare, EveryPortBelongsToTheShardThatTheAnswerReaches) {
  expect_equal_shares(128, 4, 1024, 65535);
}

TEST(PortShare, AnySizeOfTheTable) {
  for (const size_t size : {1u, 2u, 3u, 7u, 64u, 100u, 255u, 256u, 384u, 511u, 512u}) {
    expect_equal_shares(size, static_cast<uint16_t>(std::min<size_t>(size, 3)), 32768, 36863);
  }
}

TEST(PortShare, RangesThatBeginAndEndAnywhere) {
  for (const auto& [first, last] : std::vector<std::pair<uint16_t, uint16_t>>{
           {1, 65535}, {1, 1}, {65535, 65535}, {1023, 1025}, {40000, 40001}, {511, 1537}}) {
    expect_equal_shares(512, 2, first, last);
  }
}

TEST(PortShare, AShardWithoutEntriesHasNoPorts) {
  const Rss rss({.count = 3, .rss_key = random_key(1), .rss_table = {0, 1, 0, 1}});
  const PortShare share(rss, 2, 1024, 65535);
  EXPECT_EQ(share.walk(tuples().front()).length(), 0u);
}

// A port costs one look: where each block of ports has all entries, no place is empty.
TEST(PortShare, NoPlaceIsEmptyInARangeOfWholeBlocks) {
  const Rss rss({.count = 4, .rss_key = random_key(0x89ab), .rss_table = even_table(512, 4)});
  for (uint16_t shard = 0; shard < 4; ++shard) {
    const PortShare share(rss, shard, 1024, 65535);
    for (const FlowKey& tuple : tuples()) {
      const PortShare::Walk walk = share.walk(tuple);
      ASSERT_EQ(walk.length(), (65536u - 1024u) / 4);
      ASSERT_EQ(share_by_walk(share, tuple).size(), walk.length());
    }
  }
}

}  // namespace
}  // namespace millrace::flow
