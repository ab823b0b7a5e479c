// SPDX-License-Identifier: BSD-3-Clause
// Our Toeplitz beside DPDK's, over every local port: what a device is configured by and what is
// computed here name the same shard.
#include "flow/rss.h"

#include <gtest/gtest.h>
#include <rte_thash.h>

#include <algorithm>
#include <cstring>

#include "base/random.h"
#include "flow/port_share.h"

namespace millrace::nic {
namespace {

using flow::PortShare;
using flow::Rss;
using flow::Toeplitz;

uint32_t host_word(const std::array<uint8_t, 16>& bytes, size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

uint32_t by_dpdk(const std::vector<uint8_t>& key, const FlowKey& tuple) {
  std::array<uint32_t, 9> words{};
  size_t count = 0;
  for (const IpAddress& address : {tuple.peer, tuple.local}) {
    for (size_t at = address.is_v4() ? 12 : 0; at < 16; at += 4) {
      words[count++] = host_word(address.bytes(), at);
    }
  }
  words[count++] = uint32_t{tuple.peer_port} << 16 | tuple.local_port;
  return rte_softrss(words.data(), static_cast<uint32_t>(count), key.data());
}

std::vector<std::vector<uint8_t>> keys() {
  base::Random random(11);
  std::vector<uint8_t> any(52);
  for (uint8_t& byte : any) byte = static_cast<uint8_t>(random.next());
  return {any, flow::symmetric_key(random.next()), flow::symmetric_key(0)};
}

std::vector<FlowKey> tuples() {
  return {{IpAddress::v4(0x0a4d0001), IpAddress::v4(0x0a4d0002), 0, 80},
          {IpAddress::parse("fd00::1").value(), IpAddress::parse("2001:db8:1::2").value(), 0, 443}};
}

TEST(RssOfDpdk, HashesEveryLocalPortAlike) {
  for (const auto& key : keys()) {
    const Toeplitz toeplitz(key);
    for (FlowKey tuple : tuples()) {
      for (uint32_t port = 0; port < 65536; ++port) {
        tuple.local_port = static_cast<uint16_t>(port);
        ASSERT_EQ(toeplitz.hash(tuple), by_dpdk(key, tuple)) << tuple.to_string();
      }
    }
  }
}

// Every port that a shard would open from, and no other, comes back to it.
TEST(RssOfDpdk, SharesOfPortsCoverTheRangeOnce) {
  for (const auto& key : keys()) {
    for (const size_t size : {64u, 100u, 128u, 512u}) {
      const Rss rss({.count = 3, .rss_key = key, .rss_table = flow::even_table(size, 3)});
      for (FlowKey tuple : tuples()) {
        std::vector<int> owners(65536, -1);
        for (uint16_t shard = 0; shard < 3; ++shard) {
          const PortShare share(rss, shard, 1024, 65535);
          const PortShare::Walk walk = share.walk(tuple);
          for (uint32_t i = 0; i < walk.length(); ++i) {
            const uint16_t port = share.port(walk, i);
            if (port == 0) continue;
            ASSERT_EQ(owners[port], -1) << port << " is at two places";
            owners[port] = shard;
            tuple.local_port = port;
            ASSERT_EQ(rss.table()[by_dpdk(key, tuple) % size], shard);
          }
        }
        ASSERT_EQ(std::count(owners.begin() + 1024, owners.end(), -1), 0);
      }
    }
  }
}

}  // namespace
}  // namespace millrace::nic
