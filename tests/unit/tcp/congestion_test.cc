// SPDX-License-Identifier: BSD-3-Clause
// NewReno by its figures: RFC 5681, RFC 6582, RFC 6928. MSS is 1000.
#include "tcp/congestion.h"

#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

class TcpCongestion : public TcpFixture {
 protected:
  void in_flight(uint32_t bytes) {
    c.snd_una = SeqNum(0xffff'0000);
    c.snd_nxt = c.snd_end = c.snd_una + bytes;
  }
};

TEST_F(TcpCongestion, TheInitialWindowIsTenSegments) {
  start_congestion(c, ctx, false);
  EXPECT_EQ(c.cwnd, 10'000u);
  EXPECT_EQ(c.ssthresh, UINT32_MAX);
  c.snd_mss = 8960;  // a jumbo frame: min(10 * MSS, max(2 * MSS, 14600))
  start_congestion(c, ctx, false);
  EXPECT_EQ(c.cwnd, 2u * 8960);
}

TEST_F(TcpCongestion, ALostSynLeavesOneSegment) {
  start_congestion(c, ctx, true);
  EXPECT_EQ(c.cwnd, 1000u);
}

TEST_F(TcpCongestion, SlowStartGrowsByWhatWasAcknowledged) {
  start_congestion(c, ctx, false);
  on_ack_open(c, 2000, 10'000);
  EXPECT_EQ(c.cwnd, 12'000u);
}

TEST_F(TcpCongestion, AWindowThatWasNotUsedDoesNotGrow) {
  start_congestion(c, ctx, false);
  on_ack_open(c, 1000, 1000);
  EXPECT_EQ(c.cwnd, 10'000u);
}

TEST_F(TcpCongestion, AvoidanceGrowsByOneSegmentPerWindow) {
  c.cwnd = c.ssthresh = 10'000;
  for (int i = 0; i < 10; ++i) on_ack_open(c, 1000, 10'000);
  EXPECT_NEAR(c.cwnd, 11'000u, 60);
}

TEST_F(TcpCongestion, FastRecoveryHalvesAndResendsTheHole) {
  in_flight(10'000);
  c.cwnd = 10'000;
  enter_fast_recovery(c, ctx);
  ASSERT_NE(c.recovery, kNil);
  EXPECT_EQ(c.ssthresh, 5000u);
  EXPECT_EQ(c.cwnd, 8000u);  // ssthresh + 3 segments that have left the network
  EXPECT_EQ(recoveries[c.recovery].rtx_next, c.snd_una);
  EXPECT_EQ(recoveries[c.recovery].rtx_end, c.snd_una + 1000);
  on_duplicate_in_recovery(c);
  EXPECT_EQ(c.cwnd, 9000u);

  // A partial acknowledgement names the next hole.
  recoveries[c.recovery].rtx_next += 1000;
  c.snd_una += 3000;
  EXPECT_TRUE(on_ack_in_recovery(c, ctx, 3000));
  EXPECT_EQ(c.cwnd, 7000u);  // less what was acknowledged, plus one segment
  EXPECT_EQ(recoveries[c.recovery].rtx_end, c.snd_una + 1000);

  // A full one ends it, without a burst.
  c.snd_una = c.snd_nxt;
  EXPECT_FALSE(on_ack_in_recovery(c, ctx, 7000));
  EXPECT_EQ(c.recovery, kNil);
  EXPECT_EQ(c.cwnd, 2000u);
  EXPECT_EQ(recoveries.used(), 0u);
}

TEST_F(TcpCongestion, ATimeoutLeavesOneSegmentAndGoesBackOverEverything) {
  in_flight(10'000);
  c.cwnd = 10'000;
  c.backoff = 1;
  on_timeout(c, ctx);
  EXPECT_EQ(c.cwnd, 1000u);
  EXPECT_EQ(c.ssthresh, 5000u);
  ASSERT_NE(c.recovery, kNil);
  EXPECT_EQ(recoveries[c.recovery].rtx_end, c.snd_nxt);
  c.backoff = 2;  // the same data again: ssthresh stays (RFC 5681 section 3.1)
  on_timeout(c, ctx);
  EXPECT_EQ(c.ssthresh, 5000u);
  EXPECT_EQ(recoveries.used(), 1u);
  end_recovery(c, ctx);
}

TEST_F(TcpCongestion, TheThresholdIsNeverBelowTwoSegments) {
  in_flight(1000);
  c.cwnd = 10'000;
  c.backoff = 1;
  on_timeout(c, ctx);
  EXPECT_EQ(c.ssthresh, 2000u);
  end_recovery(c, ctx);
}

}  // namespace
}  // namespace millrace::tcp
