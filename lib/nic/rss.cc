// SPDX-License-Identifier: BSD-3-Clause
#include "nic/rss.h"

#include <rte_ethdev.h>

#include <algorithm>

#include "flow/rss.h"

namespace millrace::nic {
namespace {

constexpr uint64_t kTcpTypes = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;

using RetaGroups = std::vector<rte_eth_rss_reta_entry64>;

RetaGroups groups_for(size_t entries) {
  RetaGroups groups((entries + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE);
  for (size_t i = 0; i < entries; ++i) {
    groups[i / RTE_ETH_RETA_GROUP_SIZE].mask |= uint64_t{1} << (i % RTE_ETH_RETA_GROUP_SIZE);
  }
  return groups;
}

}  // namespace

RssPlan plan_rss(const rte_eth_dev_info& info, uint16_t workers, uint16_t queues,
                 const std::vector<uint8_t>& key, uint64_t random) {
  RssPlan plan;
  plan.hash_types = info.flow_type_rss_offloads & kTcpTypes;
  plan.by_device = queues > 1 && plan.hash_types != 0 && info.reta_size >= 1 &&
                   info.reta_size <= Sharding::kTableMax &&
                   info.hash_key_size <= Sharding::kKeyBytesMax;
  plan.key = key.empty() ? flow::random_key(random) : key;
  if (plan.by_device) {
    // What a device wants beyond 40 bytes has no part in the hash of a TCP tuple.
    plan.key.resize(std::max<size_t>(info.hash_key_size, Sharding::kKeyBytesMin));
  }
  plan.table = flow::even_table(plan.by_device ? info.reta_size : Sharding::kTableMax, workers);
  return plan;
}

void put_rss(rte_eth_conf& conf, RssPlan& plan) {
  if (!plan.by_device) return;
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  conf.rx_adv_conf.rss_conf.rss_key = plan.key.data();
  conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<uint8_t>(plan.key.size());
  conf.rx_adv_conf.rss_conf.rss_hf = plan.hash_types;
}

bool apply_rss(uint16_t port, const RssPlan& plan, uint16_t queues) {
  const auto entries = static_cast<uint16_t>(plan.table.size());
  const auto queue_of = [&](size_t i) { return static_cast<uint16_t>(plan.table[i] % queues); };
  RetaGroups wanted = groups_for(entries);
  for (size_t i = 0; i < entries; ++i) {
    wanted[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = queue_of(i);
  }
  RetaGroups found = groups_for(entries);
  if (rte_eth_dev_rss_reta_update(port, wanted.data(), entries) != 0 ||
      rte_eth_dev_rss_reta_query(port, found.data(), entries) != 0) {
    return false;
  }
  for (size_t i = 0; i < entries; ++i) {
    const uint16_t queue = found[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
    if (queue != queue_of(i)) return false;
  }
  // Some drivers take key and types when they are configured, some only here.
  std::vector<uint8_t> key = plan.key;
  rte_eth_rss_conf wish{};
  wish.rss_key = key.data();
  wish.rss_key_len = static_cast<uint8_t>(key.size());
  wish.rss_hf = plan.hash_types;
  rte_eth_dev_rss_hash_update(port, &wish);
  std::fill(key.begin(), key.end(), uint8_t{0});
  rte_eth_rss_conf conf{};
  conf.rss_key = key.data();
  conf.rss_key_len = static_cast<uint8_t>(key.size());
  if (rte_eth_dev_rss_hash_conf_get(port, &conf) != 0) return false;
  return key == plan.key && (conf.rss_hf & plan.hash_types) == plan.hash_types;
}

}  // namespace millrace::nic
