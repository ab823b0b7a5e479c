// SPDX-License-Identifier: BSD-3-Clause
// What is in flight, as runs, and what acknowledgements make of it: RFC 2018, 8985. MSS is 1000.
#include "tcp/flight.h"

#include <initializer_list>
#include <vector>

#include "tcp/rack.h"
#include "tcp/recovery.h"
#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

constexpr uint32_t kMss = 1000;
constexpr uint32_t kRttUs = 20'000;

class TcpFlight : public TcpFixture {
 protected:
  static constexpr uint32_t kRuns = 2 * kRunsMax;

  TcpFlight() : many_runs(*base::Slab<tcp::Run>::create(kRuns, false)) {
    ctx.runs = &many_runs;
    ctx.now_us = 1'000'000;
    c.set(kSack);
    c.snd_una = c.snd_nxt = start;
    c.snd_wnd = 1u << 30;
    c.cwnd = 1u << 30;
    c.ssthresh = UINT32_MAX;
    c.srtt_us8 = kRttUs * 8;
  }
  ~TcpFlight() override {
    if (!HasFailure()) close_sender(c, ctx);  // a list that is wrong may have no end
  }

  // New text, a segment each `every_us`.
  void send(uint32_t segments, uint32_t every_us = 0) {
    for (uint32_t i = 0; i < segments; ++i, ctx.now_us += every_us) {
      note_new_text(c, ctx);
      if (c.flight() == 0) c.rtt_began_us = ctx.now_us;
      c.snd_nxt += kMss;
    }
    c.snd_end = c.snd_nxt;
  }

  // Segments are counted from 0: `ack` of them are acknowledged, and those in the blocks.
  struct Block {
    uint32_t begin;
    uint32_t end;
  };
  void acknowledge(uint32_t ack, std::initializer_list<Block> sacked = {}) {
    std::vector<std::byte> bytes;
    const auto put = [&](SeqNum seq) {
      for (int shift = 24; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<std::byte>(seq.raw() >> shift & 0xff));
      }
    };
    for (const Block& block : sacked) {
      put(start + block.begin * kMss);
      put(start + block.end * kMss);
    }
    wire::Segment s;
    s.ack = start + ack * kMss;
    s.flags = wire::kAck;
    s.sack_count = static_cast<uint8_t>(sacked.size());
    s.sack_blocks = bytes.data();
    recover_on_ack(c, s, ctx, false);
  }

  // All that is lost is sent again, a segment each `every_us`; returns how many that were.
  uint32_t resend(uint32_t every_us = 0) {
    uint32_t segments = 0;
    while (resend_one()) {
      ++segments;
      ctx.now_us += every_us;
    }
    return segments;
  }
  bool resend_one() {
    SeqNum begin;
    const uint32_t bytes = next_lost(c, sender(), ctx, kMss, begin);
    if (bytes != 0) note_resent(c, sender(), ctx, bytes);
    return bytes != 0;
  }

  void lose(uint32_t segment) {
    const SeqNum begin = start + segment * kMss;
    lose_larger(c, sender(), ctx, begin, begin + kMss, 0);
  }

  // The segments that runs begin with, from the first run on.
  std::vector<uint32_t> beginnings() {
    std::vector<uint32_t> segments;
    for (uint32_t i = sender().head; i != kNil && segments.size() < kRuns; i = many_runs[i].next) {
      segments.push_back((many_runs[i].begin - start) / kMss);
    }
    return segments;
  }

  Sender& sender() { return senders[c.sender]; }
  [[nodiscard]] uint32_t pipe_segments() const { return pipe(c, ctx) / kMss; }

  const SeqNum start{0xffff'0000};
  base::Slab<tcp::Run> many_runs;
};

TEST_F(TcpFlight, AnAcknowledgementThatAlsoReportsAGapShowsNoReordering) {
  send(10);
  ctx.now_us += kRttUs;
  acknowledge(4, {{5, 6}});
  EXPECT_FALSE(sender().has(kReorderingSeen));
  acknowledge(4, {{5, 8}});
  EXPECT_EQ(sender().lost_bytes, kMss) << "three that came later arrived";
}

TEST_F(TcpFlight, BlocksInAnyOrderShowNoReordering) {
  send(10);
  ctx.now_us += kRttUs;
  acknowledge(0, {{8, 9}, {2, 3}, {5, 6}});
  EXPECT_FALSE(sender().has(kReorderingSeen));
}

TEST_F(TcpFlight, ASegmentThatFillsAGapLateShowsReordering) {
  send(10);
  ctx.now_us += kRttUs;
  acknowledge(0, {{1, 2}});
  acknowledge(2);
  EXPECT_TRUE(sender().has(kReorderingSeen));
}

// 20 ms at 1 Gbit/s and a queue as long as that: 3,000 segments, each sent at its own time.
TEST_F(TcpFlight, AWindowOfThousandsOfSegmentsLeavesRoomForItsHoles) {
  send(3000, 12);
  EXPECT_LE(sender().runs, kRunsExact + 2 * 128u);
  acknowledge(1000, {{1001, 1500}, {1501, 3000}});
  EXPECT_EQ(sender().sacked_bytes, (499 + 1499) * kMss);
  EXPECT_EQ(sender().lost_bytes, 2 * kMss);
  EXPECT_EQ(pipe_segments(), 0u);
}

TEST_F(TcpFlight, SmallWindowsKnowTheTimeOfEachSegment) {
  send(kRunsExact - 1, 12);
  EXPECT_EQ(sender().runs, kRunsExact - 1);
}

TEST_F(TcpFlight, TheEndOfARunOfSeveralTimesMeasuresARoundTrip) {
  send(3000, 12);
  const uint32_t first_sent_us = 1'000'000;
  // Acknowledged one by one, exactly a round trip after each was sent.
  uint32_t measured = 0;
  for (uint32_t i = 0; i < 2000; ++i) {
    ctx.now_us = first_sent_us + i * 12 + 40'000;
    Delivery d;
    deliver_up_to(c, sender(), ctx, start + (i + 1) * kMss, d);
    c.snd_una = start + (i + 1) * kMss;
    if (d.rtt_us == 0) continue;
    ++measured;
    EXPECT_EQ(d.rtt_us, 40'000u) << "segment " << i;
  }
  EXPECT_GT(measured, 100u);
}

TEST_F(TcpFlight, WhatIsSentAgainInBetweenDividesRuns) {
  send(kRunsExact + 10, 200);
  acknowledge(0, {{1, 5}});
  ASSERT_EQ(sender().lost_bytes, kMss);
  send(1, 1);
  EXPECT_EQ(resend(1), 1u);
  const uint16_t before = sender().runs;
  send(1, 1);
  EXPECT_EQ(sender().runs, before + 1);
  send(1, 1);
  EXPECT_EQ(sender().runs, before + 1);
}

// After a timeout all of a large window is lost, and sent again segment by segment as
// acknowledgements come in.
TEST_F(TcpFlight, WhatIsSentAgainOverALongTimeNeedsFewRuns) {
  send(3000, 12);
  ctx.now_us += 10 * kRttUs;  // a timeout: nothing may still be on its way
  lose_all(c, sender(), ctx);
  EXPECT_EQ(pipe_segments(), 0u);
  EXPECT_EQ(resend(12), 3000u);
  EXPECT_LE(sender().runs, kRunsExact + 2 * 128u);
  EXPECT_EQ(pipe_segments(), 3000u);
}

// resend() ends with a search that finds nothing, and what is found lost next lies where it began.
TEST_F(TcpFlight, ASearchInVainLeavesWhatIsSentNextBesideItsNeighbour) {
  send(3, 10);
  lose(2);
  EXPECT_EQ(resend(), 1u);
  lose(0);
  EXPECT_EQ(resend(), 1u);
  lose(1);
  EXPECT_TRUE(resend_one());
  EXPECT_EQ(beginnings(), (std::vector<uint32_t>{0, 2})) << "0 and 1 were sent again at one time";
}

// Two segments are sacked, which say little; of half the size they would be four, which leave no
// room for reordering (RFC 8985 section 6.2.1): neither before the second of them nor behind it.
TEST_F(TcpFlight, WithEnoughSackedNothingThatLosingAllFindsMayStillArrive) {
  send(6);
  ctx.now_us += kRttUs;
  acknowledge(0, {{2, 3}, {4, 5}});
  ASSERT_EQ(sender().lost_bytes, 0u);
  c.snd_mss = kMss / 2;
  lose_all(c, sender(), ctx);
  EXPECT_EQ(sender().lost_bytes, 4 * kMss);
  EXPECT_EQ(sender().sacked_bytes, 2 * kMss);
}

TEST_F(TcpFlight, WithoutMemoryForHolesWhatIsLostIsStillSentInPieces) {
  send(3000, 12);
  for (uint32_t i = 1; i + 1 < 3000; i += 2) acknowledge(0, {{i, i + 1}});
  ctx.now_us += 10 * kRttUs;  // a timeout: nothing may still be on its way
  lose_all(c, sender(), ctx);
  const uint32_t lost = sender().lost_bytes / kMss;
  EXPECT_EQ(resend(50), lost);
  EXPECT_LE(sender().runs, kRuns);
}

}  // namespace
}  // namespace millrace::tcp
