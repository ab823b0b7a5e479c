// SPDX-License-Identifier: BSD-3-Clause
// Receive-side scaling: the published examples, a twin that reads as the definition, keys that
// nobody can aim by.
#include "flow/rss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/random.h"
#include "naive_toeplitz.h"

namespace millrace::flow {
namespace {

// The key and the examples by which drivers are verified (Microsoft, "Verifying the RSS hash").
const std::vector<uint8_t> kPublishedKey = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

FlowKey key_of(const char* peer, uint16_t peer_port, const char* local, uint16_t local_port) {
  return {IpAddress::parse(local).value(), IpAddress::parse(peer).value(), local_port, peer_port};
}

std::vector<uint8_t> any_key(base::Random& random, size_t bytes) {
  std::vector<uint8_t> key(bytes);
  for (uint8_t& byte : key) byte = static_cast<uint8_t>(random.next());
  return key;
}

FlowKey random_tuple(base::Random& random) {
  FlowKey key;
  const auto port = [&] { return static_cast<uint16_t>(random.next()); };
  if (random.below(2) == 0) {
    key.local = IpAddress::v4(static_cast<uint32_t>(random.next()));
    key.peer = IpAddress::v4(static_cast<uint32_t>(random.next()));
  } else {
    std::array<uint8_t, 16> bytes{};
    for (IpAddress* address : {&key.local, &key.peer}) {
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next() | 1);
      *address = IpAddress::v6(bytes);
    }
  }
  key.local_port = port();
  key.peer_port = port();
  return key;
}

TEST(Rss, HashesThePublishedExamples) {
  const Toeplitz toeplitz(kPublishedKey);
  EXPECT_EQ(toeplitz.hash(key_of("66.9.149.187", 2794, "161.142.100.80", 1766)), 0x51ccc178u);
  EXPECT_EQ(toeplitz.hash(key_of("199.92.111.2", 14230, "65.69.140.83", 4739)), 0xc626b0eau);
  EXPECT_EQ(toeplitz.hash(key_of("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766)),
            0x40207d3du);
  EXPECT_EQ(toeplitz.hash(key_of("3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739)),
            0xdde51bbfu);
}

TEST(Rss, AgreesWithTheDefinitionForAnyKey) {
  base::Random random(1);
  for (const size_t bytes : {40u, 41u, 48u, 52u}) {
    const std::vector<uint8_t> key = any_key(random, bytes);
    const Toeplitz toeplitz(key);
    for (int i = 0; i < 500; ++i) {
      const FlowKey tuple = random_tuple(random);
      ASSERT_EQ(toeplitz.hash(tuple), naive_toeplitz(key, tuple_bytes(tuple))) << tuple.to_string();
    }
  }
}

TEST(Rss, TheLocalPortAddsWhatItAddsAlone) {
  base::Random random(2);
  const Toeplitz toeplitz(any_key(random, 40));
  for (int i = 0; i < 1000; ++i) {
    FlowKey tuple = random_tuple(random);
    const uint32_t whole = toeplitz.hash(tuple);
    const uint32_t added = toeplitz.of_local_port(tuple.peer.is_v4(), tuple.local_port);
    tuple.local_port = 0;
    ASSERT_EQ(toeplitz.hash(tuple) ^ added, whole);
  }
}

TEST(Rss, ADrawnKeySpreadsThePortsOfEitherEndEvenlyOverTheLargestTable) {
  base::Random random(3);
  for (int i = 0; i < 200; ++i) {
    const Toeplitz toeplitz(random_key(random.next()));
    for (const char* address : {"10.0.0.1", "2001:db8::1"}) {
      std::array<std::vector<uint32_t>, 2> counts;
      counts.fill(std::vector<uint32_t>(512));
      const IpAddress any = IpAddress::parse(address).value();
      for (uint32_t port = 0; port < 65536; ++port) {
        const auto number = static_cast<uint16_t>(port);
        ++counts[0][toeplitz.hash({any, any, number, 80}) & 511];
        ++counts[1][toeplitz.hash({any, any, 80, number}) & 511];
      }
      for (const auto& of_end : counts) {
        ASSERT_TRUE(std::all_of(of_end.begin(), of_end.end(), [](uint32_t n) { return n == 128; }));
      }
    }
  }
}

// Tuples whose 16-bit words add up to the same, whatever the key: by a key that repeats itself they
// all have one hash.
TEST(Rss, WhoDoesNotKnowTheKeyCannotAimAtAShard) {
  base::Random random(5);
  for (int i = 0; i < 20; ++i) {
    const Rss rss(
        {.count = 4, .rss_key = random_key(random.next()), .rss_table = even_table(512, 4)});
    std::array<uint32_t, 4> owned{};
    for (uint32_t j = 0; j < 4000; ++j) {
      const auto word = static_cast<uint16_t>(random.next());
      const FlowKey aimed{IpAddress::v4(0x0a000001), IpAddress::v4(0x0b000000 | word), 80,
                          static_cast<uint16_t>(word ^ 0x1234)};
      ++owned[rss.owner_of(aimed)];
    }
    for (const uint32_t count : owned) EXPECT_NEAR(count, 1000, 250);
  }
}

TEST(Rss, TheTableIsIndexedByTheRemainder) {
  for (const size_t size : {1u, 2u, 3u, 100u, 128u, 384u, 512u}) {
    const Rss rss(
        {.count = 5,
         .rss_key = kPublishedKey,
         .rss_table = even_table(size, static_cast<uint16_t>(std::min<size_t>(size, 5)))});
    base::Random random(size);
    for (int i = 0; i < 100; ++i) {
      const auto hash = static_cast<uint32_t>(random.next());
      ASSERT_EQ(rss.owner_of_hash(hash), hash % size % 5) << size;
    }
  }
}

TEST(Rss, AnEvenTableGivesEachShardItsPart) {
  const std::vector<uint16_t> table = even_table(512, 3);
  for (uint16_t shard = 0; shard < 3; ++shard) {
    EXPECT_NEAR(static_cast<double>(std::count(table.begin(), table.end(), shard)), 512.0 / 3, 1);
  }
}

}  // namespace
}  // namespace millrace::flow
