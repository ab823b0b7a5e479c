// SPDX-License-Identifier: BSD-3-Clause
// Windows by their figures: RFC 5681, 6928 (NewReno), 9438 (CUBIC), 9406 (HyStart++). MSS is 1000.
#include "tcp/congestion.h"

#include <cmath>

#include "tcp/flight.h"
#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

class TcpCongestion : public TcpFixture {
 protected:
  TcpCongestion() { options().congestion = CongestionControl::kNewReno; }

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
  congestion_on_ack(c, ctx, 2000, 10'000, 0);
  EXPECT_EQ(c.cwnd, 12'000u);
}

TEST_F(TcpCongestion, AWindowThatWasNotUsedDoesNotGrow) {
  start_congestion(c, ctx, false);
  congestion_on_ack(c, ctx, 1000, 1000, 0);
  EXPECT_EQ(c.cwnd, 10'000u);
}

TEST_F(TcpCongestion, AvoidanceGrowsByOneSegmentPerWindow) {
  c.cwnd = c.ssthresh = 10'000;
  for (int i = 0; i < 10; ++i) congestion_on_ack(c, ctx, 1000, 10'000, 0);
  EXPECT_NEAR(c.cwnd, 11'000u, 60);
}

TEST_F(TcpCongestion, ALossHalvesTheThresholdButNotBelowTwoSegments) {
  in_flight(10'000);
  c.cwnd = 10'000;
  open_sender(c, ctx);
  congestion_on_loss(c, ctx, c.flight());
  EXPECT_EQ(c.ssthresh, 5000u);
  in_flight(1000);
  congestion_on_loss(c, ctx, c.flight());
  EXPECT_EQ(c.ssthresh, 2000u);
  close_sender(c, ctx);
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpCongestion, WhatALossTookAnUndoGivesBack) {
  in_flight(10'000);
  c.cwnd = 10'000;
  c.ssthresh = 8000;
  open_sender(c, ctx);
  congestion_on_loss(c, ctx, c.flight());
  c.cwnd = 1000;
  congestion_on_undo(c, ctx);
  EXPECT_EQ(c.cwnd, 10'000u);
  EXPECT_EQ(c.ssthresh, 8000u);
  close_sender(c, ctx);
}

// --- CUBIC, against the formulas of RFC 9438 in floating point ----------------------------------

class TcpCubic : public TcpCongestion {
 protected:
  TcpCubic() { options().congestion = CongestionControl::kCubic; }

  // A window of data is acknowledged each round trip.
  void round_trip(uint32_t ms) {
    c.srtt_us8 = ms * 8000;
    ctx.tick += ms;
    const uint32_t window = c.cwnd;
    for (uint32_t acked = 0; acked < window; acked += 1000) {
      congestion_on_ack(c, ctx, 1000, window, 0);
    }
  }
};

TEST_F(TcpCubic, ALossLeavesSevenTenths) {
  in_flight(100'000);
  c.cwnd = 100'000;
  open_sender(c, ctx);
  congestion_on_loss(c, ctx, c.flight());
  EXPECT_EQ(c.ssthresh, 70'000u);
  EXPECT_EQ(senders[c.sender].w_max, 100'000u);
  c.cwnd = 70'000;
  in_flight(70'000);
  congestion_on_loss(c, ctx, c.flight());
  EXPECT_EQ(senders[c.sender].w_max, 59'500u) << "fast convergence: 0.85 of 70";
  close_sender(c, ctx);
}

TEST_F(TcpCubic, TheWindowFollowsTheCurve) {
  constexpr double kWmax = 1000;  // segments
  in_flight(1'000'000);
  c.cwnd = 1'000'000;
  open_sender(c, ctx);
  congestion_on_loss(c, ctx, c.flight());
  c.cwnd = c.ssthresh;
  const double k = std::cbrt(kWmax * 0.3 / 0.4);
  // Long round trips, so that the Reno-friendly region is left at once.
  for (int round = 1; round <= 150; ++round) {
    const double t = (round - 1) * 0.1;
    round_trip(100);
    const double expected = 0.4 * std::pow(t + 0.1 - k, 3) + kWmax;
    const double segments = c.cwnd / 1000.0;
    if (expected > 1500) break;
    EXPECT_NEAR(segments, expected, expected * 0.03) << "round " << round;
  }
  EXPECT_GT(c.cwnd, 1'050'000u);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, WithShortRoundTripsItIsAsFastAsReno) {
  in_flight(100'000);
  c.cwnd = 100'000;
  open_sender(c, ctx);
  congestion_on_loss(c, ctx, c.flight());
  c.cwnd = c.ssthresh;
  for (int round = 0; round < 50; ++round) round_trip(1);
  // 9/17 of a segment for each round trip: the cubic would have moved by next to nothing.
  EXPECT_NEAR(c.cwnd, 70'000 + 50 * 1000 * 9.0 / 17, 1500);
  close_sender(c, ctx);
}

// --- HyStart++ ----------------------------------------------------------------------------------

class TcpHystart : public TcpCubic {
 protected:
  // One round of slow start: everything in flight is acknowledged, segment by segment.
  void round(uint32_t rtt_us) {
    const uint32_t window = c.cwnd;
    c.snd_nxt = c.snd_una + window;
    for (uint32_t acked = 0; acked < window; acked += 1000) {
      c.snd_una += 1000;
      c.snd_nxt += 2000;
      congestion_on_ack(c, ctx, 1000, window, rtt_us);
    }
  }
};

TEST_F(TcpHystart, SlowStartDoublesWhileRoundTripsStayTheSame) {
  start_congestion(c, ctx, false);
  open_sender(c, ctx);
  for (int i = 0; i < 5; ++i) round(50'000);
  EXPECT_EQ(c.cwnd, 320'000u);
  EXPECT_EQ(c.ssthresh, UINT32_MAX);
}

TEST_F(TcpHystart, LongerRoundTripsSlowItDownAndThenEndIt) {
  start_congestion(c, ctx, false);
  open_sender(c, ctx);
  for (int i = 0; i < 3; ++i) round(50'000);
  const uint32_t before = c.cwnd;
  for (int i = 0; i < 12 && c.ssthresh == UINT32_MAX; ++i) round(60'000);
  EXPECT_NE(c.ssthresh, UINT32_MAX);
  EXPECT_LT(c.cwnd, 16 * before);
}

TEST_F(TcpHystart, ARiseThatGoesAwayWasNoQueue) {
  start_congestion(c, ctx, false);
  open_sender(c, ctx);
  for (int i = 0; i < 3; ++i) round(50'000);
  round(60'000);
  EXPECT_TRUE(senders[c.sender].has(kInCss));
  round(50'000);
  EXPECT_FALSE(senders[c.sender].has(kInCss));
  EXPECT_EQ(c.ssthresh, UINT32_MAX);
}

}  // namespace
}  // namespace millrace::tcp
