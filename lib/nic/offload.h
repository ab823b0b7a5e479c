// SPDX-License-Identifier: BSD-3-Clause
// What the device may do for us. In: its driver's name and capabilities. Out: the flags to
// configure, and who computes which checksum. Must hold: nothing is asked of a device that it did
// not offer; what it does not do, the core does in software.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/frame.h"

struct rte_mbuf;

namespace millrace::nic {

struct Offloads {
  uint64_t rx_flags = 0;  // RTE_ETH_RX_OFFLOAD_*
  uint64_t tx_flags = 0;  // RTE_ETH_TX_OFFLOAD_*
  bool rx_checksum = false;
  bool tx_tcp_checksum = false;
  bool tx_ip_checksum = false;  // asked for with `tso` only
  bool tso = false;             // it cuts TCP segments, from mbufs in a chain
  bool rss_hash = false;
  bool tags_off = false;  // it takes a VLAN tag off what it receives
  bool tags_in = false;   // it puts a VLAN tag, the only one, into what it sends
};

struct OffloadWish {
  bool segmentation = true;  // let it cut TCP segments, and take such as its peer leaves uncut
  bool tags = false;
};
Offloads negotiate(std::string_view driver, uint64_t rx_capabilities, uint64_t tx_capabilities,
                   const OffloadWish& wish = {});

// "rx checksum by the device, tx checksum in software"
std::string describe(const Offloads& offloads);

// The verdicts in a received mbuf's flags.
void read_verdicts(RxFrame& frame, const rte_mbuf& mbuf);
// The VLAN by the tags that the device has taken off.
void read_vlan(RxFrame& frame, const rte_mbuf& mbuf);

}  // namespace millrace::nic
