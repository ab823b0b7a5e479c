// SPDX-License-Identifier: BSD-3-Clause
// Offloads are taken where they are offered and never assumed.
#include "nic/offload.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

namespace millrace::nic {
namespace {

constexpr uint64_t kRxAll = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
                            RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_RSS_HASH;
constexpr uint64_t kTxAll = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                            RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE | RTE_ETH_TX_OFFLOAD_TCP_TSO;

TEST(Offloads, NothingIsAskedOfADeviceThatOffersNothing) {
  const Offloads offloads = negotiate("net_memif", 0, 0);
  EXPECT_EQ(offloads.rx_flags, 0u);
  EXPECT_EQ(offloads.tx_flags, 0u);
  EXPECT_FALSE(offloads.rx_checksum);
  EXPECT_FALSE(offloads.tx_tcp_checksum);
  EXPECT_EQ(describe(offloads), "rx checksum in software, tx checksum in software");
}

TEST(Offloads, OnlyWhatTheStackUsesIsAskedFor) {
  const Offloads offloads = negotiate("net_ice", kRxAll, kTxAll);
  EXPECT_EQ(offloads.rx_flags, kRxAll & ~RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  EXPECT_EQ(offloads.tx_flags, RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
  EXPECT_EQ(describe(offloads), "rx checksum by the device, tx checksum by the device");
}

TEST(Offloads, SegmentsAreCutByADeviceThatTakesChains) {
  constexpr uint64_t kCut =
      RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
  const Offloads offloads = negotiate("net_ice", kRxAll, kTxAll | kCut);
  EXPECT_TRUE(offloads.tso);
  EXPECT_TRUE(offloads.tx_ip_checksum);
  EXPECT_EQ(offloads.tx_flags & kCut, kCut);
  EXPECT_EQ(describe(offloads), "rx checksum by the device, tx checksum by the device, TSO");

  EXPECT_FALSE(negotiate("net_ice", kRxAll, kTxAll).tso) << "one mbuf holds no such frame";
  EXPECT_FALSE(negotiate("net_tap", kRxAll, kTxAll | kCut).tso);
  const Offloads unwanted = negotiate("net_ice", kRxAll, kTxAll | kCut, {.segmentation = false});
  EXPECT_FALSE(unwanted.tso);
  EXPECT_EQ(unwanted.tx_flags & kCut, 0u);
}

TEST(Offloads, TagsAreTakenOffAndPutInByADeviceThatCan) {
  constexpr uint64_t kRx = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
  constexpr uint64_t kTx = RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
  const Offloads offloads = negotiate("net_ice", kRx, kTx, {.tags = true});
  EXPECT_EQ(offloads.rx_flags, kRx);
  EXPECT_EQ(offloads.tx_flags, kTx);
  EXPECT_EQ(describe(offloads),
            "rx checksum in software, tx checksum in software, VLAN stripped, VLAN inserted");
  EXPECT_EQ(negotiate("net_ice", kRx, kTx).rx_flags, 0u) << "where there are none";
  EXPECT_EQ(negotiate("net_memif", 0, 0, {.tags = true}).tx_flags, 0u);
}

TEST(Offloads, ATagThatADeviceTookOffIsInTheMbuf) {
  rte_mbuf mbuf{};
  const auto vlan = [&](uint64_t flags) {
    mbuf.ol_flags = flags;
    RxFrame frame;
    read_vlan(frame, mbuf);
    return frame.vlan;
  };
  mbuf.vlan_tci = 0xe064;  // priority 7, VLAN 100
  mbuf.vlan_tci_outer = 0x00c8;
  EXPECT_EQ(vlan(0), Vlan());
  EXPECT_EQ(vlan(RTE_MBUF_F_RX_VLAN), Vlan()) << "it is told, and left in the frame";
  EXPECT_EQ(vlan(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED), Vlan(100));
  EXPECT_EQ(vlan(RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ_STRIPPED), Vlan(200, 100));
}

TEST(Offloads, OnlyVirtioUsersPeerMayLeaveSegmentsUncut) {
  constexpr uint64_t kRx = kRxAll | RTE_ETH_RX_OFFLOAD_TCP_LRO;
  EXPECT_NE(negotiate("net_virtio_user", kRx, 0).rx_flags & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0u);
  EXPECT_EQ(negotiate("net_virtio_user", kRx, 0, {.segmentation = false}).rx_flags &
                RTE_ETH_RX_OFFLOAD_TCP_LRO,
            0u);
  EXPECT_EQ(negotiate("net_ice", kRx, kTxAll).rx_flags & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0u);
}

TEST(Offloads, VirtioVerifiesTcpButNotTheIpHeader) {
  const Offloads offloads = negotiate("net_virtio_user", RTE_ETH_RX_OFFLOAD_TCP_CKSUM, 0);
  EXPECT_EQ(offloads.rx_flags, RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
  EXPECT_TRUE(offloads.rx_checksum);
}

TEST(Offloads, ATapsSoftwareChecksumsAreLeftToTheCore) {
  const Offloads offloads = negotiate("net_tap", kRxAll, kTxAll);
  EXPECT_FALSE(offloads.rx_checksum);
  EXPECT_FALSE(offloads.tx_tcp_checksum);
}

TEST(Verdicts, AreThoseOfTheMbuf) {
  struct Row {
    uint64_t flags;
    ChecksumVerdict ip;
    ChecksumVerdict l4;
  };
  using enum ChecksumVerdict;
  const Row table[] = {
      {0, kUnknown, kUnknown},
      {RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, kGood, kGood},
      {RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, kGood, kBad},
      {RTE_MBUF_F_RX_IP_CKSUM_BAD, kBad, kUnknown},
      // The sum is not in the frame, but the bytes never left memory.
      {RTE_MBUF_F_RX_L4_CKSUM_NONE, kUnknown, kGood},
  };
  for (const Row& row : table) {
    rte_mbuf mbuf{};
    mbuf.ol_flags = row.flags;
    RxFrame frame;
    read_verdicts(frame, mbuf);
    EXPECT_EQ(frame.ip_checksum, row.ip);
    EXPECT_EQ(frame.l4_checksum, row.l4);
  }
}

}  // namespace
}  // namespace millrace::nic
