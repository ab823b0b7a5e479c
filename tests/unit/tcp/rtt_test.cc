// SPDX-License-Identifier: BSD-3-Clause
// RFC 6298, with figures worked out by hand.
#include "tcp/rtt.h"

#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

class TcpRtt : public TcpFixture {};

TEST_F(TcpRtt, BeforeTheFirstSampleTheTimeoutIsTheInitialOne) {
  EXPECT_EQ(rto_ticks(c, ctx), 1000u);
}

TEST_F(TcpRtt, TheFirstSampleSetsBothEstimates) {
  take_rtt_sample(c, 80'000);
  EXPECT_EQ(c.srtt_us8 >> 3, 80'000u);    // SRTT = R
  EXPECT_EQ(c.rttvar_us4 >> 2, 40'000u);  // RTTVAR = R/2
  EXPECT_EQ(rto_ticks(c, ctx), 240u);     // SRTT + 4 * RTTVAR
}

TEST_F(TcpRtt, LaterSamplesMoveByAnEighthAndAQuarter) {
  take_rtt_sample(c, 80'000);
  take_rtt_sample(c, 160'000);
  // RTTVAR = 3/4 * 40 + 1/4 * |80 - 160| = 50 ms; SRTT = 7/8 * 80 + 1/8 * 160 = 90 ms.
  EXPECT_EQ(c.rttvar_us4 >> 2, 50'000u);
  EXPECT_EQ(c.srtt_us8 >> 3, 90'000u);
  EXPECT_EQ(rto_ticks(c, ctx), 290u);
}

TEST_F(TcpRtt, TheTimeoutStaysWithinItsBounds) {
  take_rtt_sample(c, 10);
  EXPECT_EQ(rto_ticks(c, ctx), 200u);
  options().rto_min = milliseconds(5);
  EXPECT_EQ(rto_ticks(c, ctx), 5u);
  for (int i = 0; i < 100; ++i) take_rtt_sample(c, 200'000'000);
  EXPECT_EQ(rto_ticks(c, ctx), 60'000u);
}

TEST_F(TcpRtt, EachBackOffDoublesUpToTheMaximum) {
  take_rtt_sample(c, 80'000);
  for (const uint32_t expected : {240u, 480u, 960u, 1920u}) {
    EXPECT_EQ(rto_ticks(c, ctx), expected);
    ++c.backoff;
  }
  c.backoff = 255;
  EXPECT_EQ(rto_ticks(c, ctx), 60'000u);
}

TEST_F(TcpRtt, ALostSynMakesTheFirstDataWaitThreeSeconds) {
  c.rttvar_us4 = kSynWasLost;  // RFC 6298 section 5.7
  EXPECT_EQ(rto_ticks(c, ctx), 3000u);
  take_rtt_sample(c, 80'000);
  EXPECT_EQ(rto_ticks(c, ctx), 240u);
}

}  // namespace
}  // namespace millrace::tcp
