// SPDX-License-Identifier: BSD-3-Clause
// Windows by their figures: RFC 5681, 6928 (NewReno), 9438 (CUBIC), 9406 (HyStart++). MSS is 1000.
#include "tcp/congestion.h"

#include <cmath>

#include "tcp/flight.h"
#include "tcp/recovery.h"
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
  // A full window is in flight when the first loss is noticed.
  void lose_in_window(uint32_t bytes) {
    in_flight(bytes);
    c.cwnd = bytes;
    open_sender(c, ctx);
    congestion_on_loss(c, ctx, bytes);
  }
  // Recovery is over: the window is what it left.
  void recover_in_window(uint32_t bytes) {
    lose_in_window(bytes);
    c.cwnd = c.ssthresh;
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
  lose_in_window(10'000);
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

TEST_F(TcpCongestion, TheInitialWindowOfSmallSegmentsIsTenOfThem) {
  // RFC 6928: min(10 * MSS, max(2 * MSS, 14600)).
  for (const auto& [mss, window] : {std::pair{536, 5360},
                                    {1220, 12'200},
                                    {1448, 14'480},
                                    {1460, 14'600},
                                    {2000, 14'600},
                                    {7300, 14'600},
                                    {7301, 14'602}}) {
    c.snd_mss = static_cast<uint16_t>(mss);
    EXPECT_EQ(initial_window(c, ctx), static_cast<uint32_t>(window)) << mss;
  }
}

TEST_F(TcpCongestion, SlowStartStopsAtTheThresholdAndTheRestAvoidsCongestion) {
  c.cwnd = 9000;
  c.ssthresh = 10'000;
  congestion_on_ack(c, ctx, 3000, 9000, 0);
  EXPECT_EQ(c.cwnd, 10'000u + 2000 * 1000 / 10'000);
}

TEST_F(TcpCongestion, TheWindowIsBounded) {
  c.cwnd = (1u << 30) - 10;
  c.ssthresh = UINT32_MAX;
  congestion_on_ack(c, ctx, 1u << 20, c.cwnd, 0);
  EXPECT_EQ(c.cwnd, 1u << 30);
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
  lose_in_window(100'000);
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
  recover_in_window(1'000'000);
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
  recover_in_window(100'000);
  for (int round = 0; round < 50; ++round) round_trip(1);
  // 9/17 of a segment for each round trip: the cubic would have moved by next to nothing.
  EXPECT_NEAR(c.cwnd, 70'000 + 50 * 1000 * 9.0 / 17, 1500);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, FastConvergenceLeavesRoomOnlyWhenTheWindowWasLargerBefore) {
  in_flight(100'000);
  c.cwnd = 100'000;
  open_sender(c, ctx);
  Sender& r = senders[c.sender];
  congestion_on_loss(c, ctx, 100'000);
  EXPECT_EQ(r.w_max, 100'000u);
  c.cwnd = 99'000;  // did not get back: 99 * (1 + 0.7) / 2
  congestion_on_loss(c, ctx, 99'000);
  EXPECT_EQ(r.w_max, 84'150u);
  c.cwnd = 90'000;  // above that
  congestion_on_loss(c, ctx, 90'000);
  EXPECT_EQ(r.w_max, 90'000u);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, TheThresholdIsSevenTenthsOfWhatWasInFlightNotOfTheWindow) {
  in_flight(20'000);
  c.cwnd = 100'000;
  open_sender(c, ctx);
  congestion_on_loss(c, ctx, 20'000);
  EXPECT_EQ(c.ssthresh, 14'000u);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, TheTimeToThePlateauIsTheCubeRoot) {
  recover_in_window(1'000'000);
  round_trip(100);
  // K = cbrt((1000 - 700) / 0.4) = 9.086 s.
  EXPECT_NEAR(senders[c.sender].k_ms, 9086, 1);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, TheWindowGrowsByHalfInARoundTripAtMost) {
  recover_in_window(100'000);
  round_trip(100);
  // So far beyond the plateau that the curve is out of sight.
  senders[c.sender].epoch_tick -= 40'000;
  const uint32_t before = c.cwnd;
  round_trip(100);
  // Each acknowledgement takes its share of the way to 1.5 times the window of then.
  EXPECT_GT(c.cwnd, before * 14 / 10);
  EXPECT_LE(c.cwnd, before * 165 / 100);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, BackAtTheFormerWindowTheRenoFriendlyRegionGrowsLikeReno) {
  // Section 4.3: alpha is 9/17 up to the window from before the reduction, and 1 from there on.
  recover_in_window(10'000);
  int rounds = 0;
  for (; c.cwnd < 10'000 && rounds < 100; ++rounds) round_trip(1);
  EXPECT_NEAR(rounds, 3 * 17 / 9.0, 1.5);
  const uint32_t before = c.cwnd;
  for (int i = 0; i < 20; ++i) round_trip(1);
  EXPECT_NEAR(c.cwnd, before + 20'000, 1500);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, AnAppLimitedWindowStaysAndTheCurveWaits) {
  // Section 5.8: else the window would leap when the application has more to send.
  recover_in_window(1'000'000);
  for (int i = 0; i < 10; ++i) round_trip(100);
  const uint32_t before = c.cwnd;
  for (int i = 0; i < 300; ++i) {  // 30 s with a tenth of the window in use
    ctx.tick += 100;
    congestion_on_ack(c, ctx, 1000, before / 10, 0);
  }
  EXPECT_EQ(c.cwnd, before);
  round_trip(100);
  const double t = 1.1;
  EXPECT_NEAR(c.cwnd / 1000.0, 0.4 * std::pow(t - 9.086, 3) + 1000, 25);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, IdleTimeDoesNotCount) {
  recover_in_window(1'000'000);
  for (int i = 0; i < 10; ++i) round_trip(100);
  ctx.tick += 60'000;
  round_trip(100);
  // Of the minute two round trips count at most.
  EXPECT_NEAR(c.cwnd / 1000.0, 0.4 * std::pow(1.3 - 9.086, 3) + 1000, 25);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, AnUndoGoesOnWithTheCurveAsItWas) {
  recover_in_window(1'000'000);
  for (int i = 0; i < 20; ++i) round_trip(100);
  const Sender before = senders[c.sender];
  const uint32_t window = c.cwnd;
  congestion_on_loss(c, ctx, window);
  c.cwnd = c.ssthresh;
  congestion_on_undo(c, ctx);
  const Sender& after = senders[c.sender];
  EXPECT_EQ(c.cwnd, window);
  EXPECT_EQ(after.w_max, before.w_max);
  EXPECT_EQ(after.k_ms, before.k_ms);
  EXPECT_EQ(after.epoch_tick, before.epoch_tick);
  EXPECT_EQ(after.w_est_256, before.w_est_256);
  for (int i = 20; i < 40; ++i) round_trip(100);
  EXPECT_NEAR(c.cwnd / 1000.0, 0.4 * std::pow(4.0 - 9.086, 3) + 1000, 25);
  close_sender(c, ctx);
}

TEST_F(TcpCubic, AfterATimeoutThePlateauIsWhereSlowStartEnds) {
  // Section 4.8: K is 0 and W_max the window at the beginning of congestion avoidance.
  in_flight(100'000);
  c.cwnd = 100'000;
  c.backoff = 1;
  recover_on_timeout(c, ctx);
  EXPECT_EQ(c.ssthresh, 70'000u);
  EXPECT_EQ(c.cwnd, 1000u);
  c.cwnd = c.ssthresh;
  senders[c.sender].phase = Phase::kOpen;
  round_trip(100);
  EXPECT_EQ(senders[c.sender].k_ms, 0u);
  EXPECT_EQ(senders[c.sender].w_max, 70'000u);
  close_sender(c, ctx);
}

// --- Idle ---------------------------------------------------------------------------------------

TEST_F(TcpCubic, AfterATimeoutsLengthOfSilenceTheWindowIsTheInitialOne) {
  c.srtt_us8 = 100'000 * 8;
  c.rttvar_us4 = 0;
  c.cwnd = 100'000;
  c.ssthresh = 50'000;
  c.rtt_began_us = ctx.now_us = 1000;
  ctx.now_us += 199'000;
  restart_after_idle(c, ctx);
  EXPECT_EQ(c.cwnd, 100'000u) << "the timeout is 200 ms";
  ctx.now_us += 1000;
  restart_after_idle(c, ctx);
  EXPECT_EQ(c.cwnd, 10'000u);
  EXPECT_EQ(c.ssthresh, 50'000u) << "what the path could carry stays known";
}

TEST_F(TcpCubic, ASmallWindowIsNotRaisedByIdleness) {
  c.cwnd = 3000;
  c.rtt_began_us = 0;
  ctx.now_us = 5'000'000;
  restart_after_idle(c, ctx);
  EXPECT_EQ(c.cwnd, 3000u);
}

TEST_F(TcpCubic, AfterIdleTheWindowDoesNotLeapToWhereTheCurveWas) {
  recover_in_window(100'000);
  for (int i = 0; i < 100; ++i) round_trip(10);
  ASSERT_GT(c.cwnd, 100'000u);
  c.rtt_began_us = ctx.now_us;
  ctx.now_us += 5'000'000;
  ctx.tick += 5000;
  restart_after_idle(c, ctx);
  ASSERT_EQ(c.cwnd, 10'000u);
  // Slow start to the threshold, and from there a small step for each round trip.
  for (int i = 0; i < 3; ++i) round_trip(10);
  ASSERT_NEAR(c.cwnd, 70'000u, 11'000);
  for (int i = 0; i < 2; ++i) round_trip(10);
  EXPECT_LT(c.cwnd, 80'000u);
  close_sender(c, ctx);
}

// --- HyStart++, against RFC 9406 section 4.2 ----------------------------------------------------

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

TEST_F(TcpHystart, RoundsAreCountedWhereverSequenceSpaceBegins) {
  for (const uint32_t isn : {0u, 1u, 0x7fff'0000u, 0x8000'0000u, 0xffff'0000u}) {
    c.snd_una = c.snd_nxt = SeqNum(isn);
    start_congestion(c, ctx, false);
    open_sender(c, ctx);
    for (int i = 0; i < 2; ++i) round(50'000);
    for (int i = 0; i < 2; ++i) round(60'000);
    EXPECT_TRUE(senders[c.sender].has(kInCss)) << isn;
    c.snd_nxt = c.snd_una;
    close_sender(c, ctx);
  }
}

TEST_F(TcpHystart, ARiseCountsFromAnEighthOnButBetweenFourAndSixteenMilliseconds) {
  const auto leaves = [this](uint32_t from_us, uint32_t to_us) {
    start_congestion(c, ctx, false);
    c.snd_nxt = c.snd_una;
    open_sender(c, ctx);
    for (int i = 0; i < 2; ++i) round(from_us);
    for (int i = 0; i < 2; ++i) round(to_us);
    const bool css = senders[c.sender].has(kInCss);
    c.snd_nxt = c.snd_una;
    close_sender(c, ctx);
    return css;
  };
  EXPECT_FALSE(leaves(80'000, 89'999));
  EXPECT_TRUE(leaves(80'000, 90'000));  // an eighth
  EXPECT_FALSE(leaves(10'000, 13'999));
  EXPECT_TRUE(leaves(10'000, 14'000));  // 4 ms
  EXPECT_FALSE(leaves(400'000, 415'999));
  EXPECT_TRUE(leaves(400'000, 416'000));  // 16 ms
}

TEST_F(TcpHystart, FewerThanEightSamplesSayNothing) {
  start_congestion(c, ctx, false);
  c.snd_nxt = c.snd_una;
  open_sender(c, ctx);
  for (int i = 0; i < 2; ++i) round(50'000);
  Sender& r = senders[c.sender];
  while (r.rtt_samples != 0) hystart_on_ack(c, r, 1000, (c.snd_una = r.round_end, 50'000));
  for (int i = 0; i < 7; ++i) hystart_on_ack(c, r, 1000, 90'000);
  EXPECT_FALSE(r.has(kInCss));
  hystart_on_ack(c, r, 1000, 90'000);
  EXPECT_TRUE(r.has(kInCss));
}

TEST_F(TcpHystart, ConservativeSlowStartGrowsAQuarterAsFast) {
  start_congestion(c, ctx, false);
  c.snd_nxt = c.snd_una;
  open_sender(c, ctx);
  Sender& r = senders[c.sender];
  EXPECT_EQ(hystart_on_ack(c, r, 2000, 50'000), 2000u);
  EXPECT_EQ(hystart_on_ack(c, r, 20'000, 50'000), 8000u) << "L is 8 without pacing";
  r.set(kInCss);
  r.css_rtt_us = 1;
  EXPECT_EQ(hystart_on_ack(c, r, 2000, 50'000), 500u);
  EXPECT_EQ(hystart_on_ack(c, r, 20'000, 50'000), 2000u);
}

TEST_F(TcpHystart, ConservativeSlowStartLastsFiveRounds) {
  start_congestion(c, ctx, false);
  c.snd_nxt = c.snd_una;
  open_sender(c, ctx);
  for (int i = 0; i < 2; ++i) round(50'000);
  int rounds = 0;
  for (; rounds < 20 && c.ssthresh == UINT32_MAX; ++rounds) round(60'000);
  // It began within the first round of those; that one counts.
  EXPECT_EQ(rounds, 6);
  EXPECT_NEAR(c.cwnd, c.ssthresh, 4000);
}

TEST_F(TcpHystart, NewRenoKnowsNothingOfIt) {
  options().congestion = CongestionControl::kNewReno;
  start_congestion(c, ctx, false);
  open_sender(c, ctx);
  for (int i = 0; i < 3; ++i) round(50'000);
  for (int i = 0; i < 3; ++i) round(90'000);
  EXPECT_EQ(c.ssthresh, UINT32_MAX);
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
