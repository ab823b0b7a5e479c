// SPDX-License-Identifier: BSD-3-Clause
// What TcpInfo says of a connection at the points of its life where it matters.
#include <gtest/gtest.h>

#include "support/scene.h"

namespace millrace::test {
namespace {

TcpInfo info_of(Scene& s) { return s.host().info(s.connection()).value_or(TcpInfo{}); }

Stage counted(Stage stage) {
  return stage.tune_shard([](ShardConfig& c) { c.statistics = true; });
}

TEST(SceneInfo, OptionsInForce) {
  Scene plain(established());
  EXPECT_FALSE(info_of(plain).timestamps);
  EXPECT_FALSE(info_of(plain).sack);
  EXPECT_EQ(info_of(plain).congestion, CongestionControl::kNewReno);

  Scene rich(
      server().timestamps().tune([](TcpOptions& o) { o.congestion = CongestionControl::kCubic; }));
  rich.at(0).in("S 0 <mss 1000,sackOK,ts 1 0>").out("S. 0 ack 1").in(". 1 ack 1 <ts 2 *>");
  EXPECT_TRUE(info_of(rich).timestamps);
  EXPECT_TRUE(info_of(rich).sack);
  EXPECT_EQ(info_of(rich).congestion, CongestionControl::kCubic);
  EXPECT_EQ(info_of(rich).snd_mss, 988);
}

TEST(SceneInfo, BytesAndSegmentsBothWays) {
  Scene s(counted(established()));
  const TcpInfo before = info_of(s);
  EXPECT_EQ(before.bytes_acked, 0u);
  EXPECT_EQ(before.bytes_received, 0u);
  s.at(0).in("1:301 ack 1").app("write 2000").out("1:1461 ack 301");
  s.at(10).in(". 301 ack 1461").out("P. 1461:2001 ack 301");
  s.at(20).in(". 301 ack 2001");
  const TcpInfo after = info_of(s);
  EXPECT_EQ(after.bytes_received, 300u);
  EXPECT_EQ(after.bytes_acked, 2000u);
  EXPECT_EQ(after.bytes_retrans, 0u);
  EXPECT_EQ(after.segs_in - before.segs_in, 3u);
  EXPECT_EQ(after.segs_out - before.segs_out, 2u);
}

TEST(SceneInfo, SynAndFinAreNoBytes) {
  Scene s(counted(established_client()));
  EXPECT_EQ(info_of(s).bytes_acked, 0u);
  s.at(0).app("write 100").out("P. 1:101 ack 1").app("shutdown").out("F. 101 ack 1");
  s.at(1).in("F. 1 ack 101").out(". 102 ack 2");
  EXPECT_EQ(info_of(s).bytes_acked, 100u);
  EXPECT_EQ(info_of(s).bytes_received, 0u);
}

TEST(SceneInfo, WhatWasSentAgainIsCountedApart) {
  Scene s(counted(established()));
  s.at(0).app("write 500").out("P. 1:501 ack 1");
  s.at(1000).out("P. 1:501 ack 1");
  EXPECT_EQ(info_of(s).bytes_retrans, 500u);
  EXPECT_EQ(info_of(s).total_retrans, 1u);
  EXPECT_EQ(info_of(s).retransmits, 1u);
  EXPECT_TRUE(info_of(s).in_recovery);
  s.at(1010).in(". 1 ack 501");
  EXPECT_EQ(info_of(s).bytes_acked, 500u);
  EXPECT_EQ(info_of(s).retransmits, 0u);
}

TEST(SceneInfo, TheDeliveryRateIsThatOfARoundTripThatWasFull) {
  // The path gives back one each 10 ms.
  Scene s(counted(established().nodelay()));
  s.at(0).app("write 60000").whatever();
  for (int i = 1; i <= 20; ++i) {
    s.at(100 + 10 * i).in(". 1 ack " + std::to_string(1 + i * 1460)).whatever();
  }
  EXPECT_NEAR(static_cast<double>(info_of(s).delivery_rate), 146'000, 1'500);
}

TEST(SceneInfo, ARequestAtATimeHasNoDeliveryRate) {
  Scene s(counted(established().nodelay()));
  for (int i = 0; i < 5; ++i) {
    const std::string begin = std::to_string(1 + 100 * i), end = std::to_string(101 + 100 * i);
    s.at(100 * i).app("write 100").out("P. " + begin + ":" + end + " ack 1");
    s.in(". 1 ack " + end);
  }
  EXPECT_EQ(info_of(s).delivery_rate, 0u);
  EXPECT_EQ(info_of(s).bytes_acked, 500u);
}

TEST(SceneInfo, WithoutStatisticsTheSumsAreZero) {
  Scene s(established());
  s.at(0).in("1:301 ack 1").received(300);
  EXPECT_EQ(info_of(s).bytes_received, 0u);
  EXPECT_EQ(info_of(s).segs_in, 0u);
}

TEST(SceneInfo, ASlotThatIsUsedAgainBeginsAtZero) {
  Scene s(counted(established()));
  s.at(0).in("1:301 ack 1").received(300).in("R 301").closed("peer-reset");
  s.flow(5001).in("S 0 <mss 1460>").out("S. 0 ack 1").in(". 1 ack 1").silence();
  EXPECT_EQ(info_of(s).bytes_received, 0u);
}

}  // namespace
}  // namespace millrace::test
