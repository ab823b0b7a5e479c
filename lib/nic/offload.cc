// SPDX-License-Identifier: BSD-3-Clause
#include "nic/offload.h"

#include <fmt/format.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "wire/vlan.h"

namespace millrace::nic {
namespace {

// A verdict from the two bits of an mbuf's flags, in the order unknown, bad, good, none. "None"
// says that the field is not filled in but the bytes are right: the sender of a virtual link left
// the sum out.
ChecksumVerdict verdict(uint64_t flags, uint64_t bad, uint64_t good) {
  if ((flags & good) != 0) return ChecksumVerdict::kGood;
  return (flags & bad) != 0 ? ChecksumVerdict::kBad : ChecksumVerdict::kUnknown;
}

bool is_virtio_user(std::string_view driver) { return driver == "net_virtio_user"; }

}  // namespace

Offloads negotiate(std::string_view driver, uint64_t rx_capabilities, uint64_t tx_capabilities,
                   const OffloadWish& wish) {
  Offloads offloads;
  // These drivers compute checksums on this CPU, in a pass of their own; ours is part of the copy.
  const bool sums_in_software = driver == "net_tap";
  // Virtio knows no verdict on the IP header, which costs the core little.
  if (!sums_in_software && (rx_capabilities & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0) {
    offloads.rx_flags |=
        rx_capabilities & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
    offloads.rx_checksum = true;
  }
  if (!sums_in_software && (tx_capabilities & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0) {
    offloads.tx_flags |= RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    offloads.tx_tcp_checksum = true;
  }
  constexpr uint64_t kTso = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  if (wish.segmentation && offloads.tx_tcp_checksum && (tx_capabilities & kTso) == kTso) {
    offloads.tx_flags |= kTso | (tx_capabilities & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
    offloads.tx_ip_checksum = (tx_capabilities & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
    offloads.tso = true;
  }
  // What virtio calls LRO are segments that the peer never cut; a NIC would have to join them
  // first.
  if (wish.segmentation && is_virtio_user(driver)) {
    offloads.rx_flags |= rx_capabilities & RTE_ETH_RX_OFFLOAD_TCP_LRO;
  }
  if ((rx_capabilities & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0) {
    offloads.rx_flags |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
    offloads.rss_hash = true;
  }
  if (wish.tags && (rx_capabilities & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0) {
    offloads.rx_flags |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    offloads.tags_off = true;
  }
  if (wish.tags && (tx_capabilities & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0) {
    offloads.tx_flags |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
    offloads.tags_in = true;
  }
  // Its condition holds: every mbuf we send is of one pool and referenced once.
  offloads.tx_flags |= tx_capabilities & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  return offloads;
}

std::string describe(const Offloads& offloads) {
  const auto by = [](bool device) { return device ? "by the device" : "in software"; };
  return fmt::format("rx checksum {}, tx checksum {}{}{}{}", by(offloads.rx_checksum),
                     by(offloads.tx_tcp_checksum), offloads.tso ? ", TSO" : "",
                     offloads.tags_off ? ", VLAN stripped" : "",
                     offloads.tags_in ? ", VLAN inserted" : "");
}

void read_verdicts(RxFrame& frame, const rte_mbuf& mbuf) {
  frame.ip_checksum =
      verdict(mbuf.ol_flags, RTE_MBUF_F_RX_IP_CKSUM_BAD, RTE_MBUF_F_RX_IP_CKSUM_GOOD);
  frame.l4_checksum =
      verdict(mbuf.ol_flags, RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
}

void read_vlan(RxFrame& frame, const rte_mbuf& mbuf) {
  if ((mbuf.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0) return;
  const uint16_t id = wire::vlan_id(mbuf.vlan_tci);
  const bool two = (mbuf.ol_flags & RTE_MBUF_F_RX_QINQ_STRIPPED) != 0;
  frame.vlan = two ? Vlan(wire::vlan_id(mbuf.vlan_tci_outer), id) : Vlan(id);
}

}  // namespace millrace::nic
