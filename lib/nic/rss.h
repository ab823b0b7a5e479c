// SPDX-License-Identifier: BSD-3-Clause
// Receive-side scaling of a device: a key and a table that we choose, configured and read back. In:
// what the device can. Out: by which key and table frames find their queues, or that the device
// does not say; then steering is software's. Must hold: what is reported is what was read back.
#pragma once

#include <cstdint>
#include <vector>

#include "millrace/config.h"

struct rte_eth_conf;
struct rte_eth_dev_info;

namespace millrace::nic {

struct RssPlan {
  bool by_device = false;
  uint64_t hash_types = 0;      // RTE_ETH_RSS_*
  std::vector<uint8_t> key;     // as long as the device wants it, 40 bytes at least
  std::vector<uint16_t> table;  // entry -> worker; worker i's queue is i modulo the queues
};

// The key, or one of `random` where it is empty, and a table that names the workers in turn. With
// more queues than one, and a device that hashes TCP and has a table, the device does it.
RssPlan plan_rss(const rte_eth_dev_info& info, uint16_t workers, uint16_t queues,
                 const std::vector<uint8_t>& key, uint64_t random);
// Before rte_eth_dev_configure(). `conf` refers to the plan's key.
void put_rss(rte_eth_conf& conf, RssPlan& plan);
// After the start: writes the table, and reads back table, key and types. False when the device
// has not taken them; then nobody knows by what it spreads frames.
bool apply_rss(uint16_t port, const RssPlan& plan, uint16_t queues);

}  // namespace millrace::nic
