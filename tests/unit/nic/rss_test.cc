// SPDX-License-Identifier: BSD-3-Clause
// Our Toeplitz beside DPDK's, over every local port: what a device is configured by and what is
// computed here name the same shard. And the configuration itself, on a device that keeps it.
#include "nic/rss.h"

#include <gtest/gtest.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_thash.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/random.h"
#include "flow/port_share.h"
#include "flow/rss.h"
#include "nic/eal.h"
#include "nic/pool.h"
#include "unit/nic/own_process.h"

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
  return {any, flow::random_key(random.next()), flow::random_key(0)};
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

// --- A device ----------------------------------------------------------------------------------

rte_eth_dev_info device(uint64_t types, uint16_t entries, uint8_t key_bytes) {
  rte_eth_dev_info info{};
  info.flow_type_rss_offloads = types;
  info.reta_size = entries;
  info.hash_key_size = key_bytes;
  return info;
}

constexpr uint64_t kBoth = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;

TEST(RssPlan, ADeviceThatHashesTcpDoesIt) {
  const RssPlan plan = plan_rss(device(kBoth | RTE_ETH_RSS_IPV4, 128, 52), 4, 4, {}, 5);
  EXPECT_TRUE(plan.by_device);
  EXPECT_EQ(plan.hash_types, kBoth);
  EXPECT_EQ(plan.key.size(), 52u);
  EXPECT_EQ(plan.table, flow::even_table(128, 4));
}

TEST(RssPlan, SoftwareDoesItElse) {
  EXPECT_FALSE(plan_rss(device(0, 128, 40), 4, 4, {}, 5).by_device) << "no hash";
  EXPECT_FALSE(plan_rss(device(kBoth, 0, 40), 4, 4, {}, 5).by_device) << "no table";
  EXPECT_FALSE(plan_rss(device(kBoth, 1024, 40), 4, 4, {}, 5).by_device) << "too large a table";
  const RssPlan plan = plan_rss(device(kBoth, 128, 40), 4, 1, {}, 5);
  EXPECT_FALSE(plan.by_device) << "one queue";
  EXPECT_EQ(plan.key.size(), 52u);
  EXPECT_EQ(plan.table, flow::even_table(512, 4));
}

TEST(RssPlan, TakesTheUsersKey) {
  const std::vector<uint8_t> key(40, 0x5a);
  EXPECT_EQ(plan_rss(device(kBoth, 64, 40), 2, 2, key, 5).key, key);
}

// net_null keeps key and table as a NIC does.
TEST(RssDeathTest, IsWrittenToTheDeviceAndReadBack) {
  in_own_process([] {
    auto eal = Eal::create({.kind = DeviceKind::kTap,
                            .memory_mb = 64,
                            .process_id = getpid(),
                            .cpus = allowed_cpus()});
    ASSERT_TRUE(eal) << eal.error().message;
    auto pool = Pool::create(plan_pool({.mbufs = 4096}).value(), 0);
    ASSERT_TRUE(pool) << pool.error().message;
    ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null0", ""), 0);
    uint16_t port = 0;
    ASSERT_EQ(rte_eth_dev_get_port_by_name("net_null0", &port), 0);
    rte_eth_dev_info info{};
    ASSERT_EQ(rte_eth_dev_info_get(port, &info), 0);
    RssPlan plan = plan_rss(info, 3, 2, {}, 0x1234);
    ASSERT_TRUE(plan.by_device);
    rte_eth_conf conf{};
    put_rss(conf, plan);
    ASSERT_EQ(rte_eth_dev_configure(port, 2, 2, &conf), 0);
    for (uint16_t queue = 0; queue < 2; ++queue) {
      ASSERT_EQ(rte_eth_rx_queue_setup(port, queue, 64, 0, nullptr, pool->get()), 0);
      ASSERT_EQ(rte_eth_tx_queue_setup(port, queue, 64, 0, nullptr), 0);
    }
    ASSERT_EQ(rte_eth_dev_start(port), 0);
    EXPECT_TRUE(apply_rss(port, plan, 2));
    plan.hash_types |= RTE_ETH_RSS_ESP;
    EXPECT_FALSE(apply_rss(port, plan, 2)) << "what was not taken is noticed";
    rte_eth_dev_stop(port);
    rte_eth_dev_close(port);
  });
}

}  // namespace
}  // namespace millrace::nic
