// SPDX-License-Identifier: BSD-3-Clause
// How the window grows, by figures: what is measured, when that is, and what follows. tests/scene
// has the same as diagrams.
#include "tcp/autotune.h"

#include "base/random.h"
#include "tcp/reassembly.h"
#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

constexpr uint32_t kKib = 1024;

class TcpAutotune : public TcpFixture {
 protected:
  TcpAutotune() {
    blocks = *Blocks::create(kSmallMax, 1u << 17, false);
    begin(1024 * kKib);
  }

  // The round trip is known to be 100 ms. Sequence numbers begin where a look is due.
  void begin(uint32_t buffer_bytes) {
    options().receive_buffer_bytes = buffer_bytes;
    c.generation += 1;
    c.set_window_shifts(0, 5);
    c.srtt_us8 = 100'000 * 8;
    c.rcv_nxt = SeqNum(0xffff'0000);
    c.rcv_adv = c.rcv_nxt + 0xffff;
    begin_receive_limit(c, options());
  }
  void arrive(uint32_t bytes, uint32_t ts_echo = 0) {
    const SeqNum before = c.rcv_nxt;
    c.rcv_nxt += bytes;
    note_received(c, ctx, before, ts_echo);
  }
  // Comes in one burst of segments, and is taken and acknowledged at once.
  void arrive_all(uint32_t bytes, uint32_t ts_echo = 0) {
    for (; bytes > c.rcv_mss; bytes -= c.rcv_mss) arrive(c.rcv_mss, ts_echo);
    arrive(bytes, ts_echo);
    c.rcv_adv = max(c.rcv_adv, c.rcv_nxt + window());
  }
  void wait_ms(uint32_t ms) {
    ctx.tick += ms;
    ctx.now_us += ms * 1000;
  }
  // So much was taken in a round trip that is over now, and in the one before.
  void end_round(uint32_t taken_before, uint32_t taken) {
    wait_ms(100);
    c.rcv_nxt += 16 * kKib - 1;
    autotune = {.generation = c.generation,
                .rtt_us = 100'000,
                .began_at = c.rcv_nxt - (taken - 1),
                .began_us = ctx.now_us - 100'000,
                .taken = taken_before,
                .edge = c.rcv_adv + window()};
    arrive(1);
    EXPECT_EQ(measured().taken, taken);
  }
  [[nodiscard]] uint32_t window() const { return receive_limit(c, ctx); }
  [[nodiscard]] Autotune measured() const { return receive_rate(c, ctx); }
};

TEST_F(TcpAutotune, ItBeginsWith64KiB) { EXPECT_EQ(window(), 64 * kKib); }

TEST_F(TcpAutotune, ABufferOfThatSizeIsOfferedWhole) {
  begin(64 * kKib);
  EXPECT_EQ(c.rcv_window, kWholeBuffer);
  EXPECT_EQ(window(), 64 * kKib);
  begin(64 * kKib + 1);
  EXPECT_EQ(window(), 64 * kKib);
}

TEST_F(TcpAutotune, AFixedWindowIsTheBuffer) {
  options().receive_autotuning = false;
  begin(1024 * kKib);
  EXPECT_EQ(window(), 1024 * kKib);
}

TEST_F(TcpAutotune, WithoutScalingThereIsNothingToGrowInto) {
  c.set_window_shifts(0, 0);
  begin_receive_limit(c, options());
  EXPECT_EQ(c.rcv_window, kWholeBuffer);
}

TEST_F(TcpAutotune, NothingIsTouchedBeforeMuchHasArrived) {
  for (int i = 0; i < 4; ++i) arrive(1000);
  EXPECT_EQ(autotune.generation, 0u) << "not 4 KiB";
  arrive(1000);
  EXPECT_EQ(autotune.generation, c.generation);
  EXPECT_EQ(measured().rtt_us, 100'000u) << "what our own segments took";
}

TEST_F(TcpAutotune, ItIsTwiceWhatWasTakenInARoundTripAndSixteenSegments) {
  end_round(64 * kKib, 64 * kKib);
  EXPECT_EQ(window(), 144 * kKib) << "128 KiB and 16,000 bytes, rounded up to an eighth";
  begin(1024 * kKib);
  end_round(80 * kKib, 64 * kKib);
  EXPECT_EQ(window(), 144 * kKib) << "also when it was more before";
}

TEST_F(TcpAutotune, ARateThatRisesByAThirdOrMoreGetsFourTimesWhatWasTaken) {
  end_round(48 * kKib, 64 * kKib);
  EXPECT_EQ(window(), 144 * kKib);
  for (const uint32_t taken_before : {47 * kKib, 32 * kKib, 1u, 0u}) {
    begin(1024 * kKib);
    end_round(taken_before, 64 * kKib);
    EXPECT_EQ(window(), 288 * kKib) << "256 KiB and 16,000 bytes, after " << taken_before;
  }
}

TEST_F(TcpAutotune, AStreamThatDoublesEachRoundTripNeverWaitsForTheWindow) {
  begin(64 * 1024 * kKib);
  c.set_window_shifts(0, 11);
  for (uint32_t flight = 14'600; flight < 32 * 1024 * kKib; flight *= 2) {
    ASSERT_GE(window(), flight);
    arrive_all(flight);
    wait_ms(100);
  }
}

TEST_F(TcpAutotune, AFifthOfTheWindowInARoundTripIsNoReasonToGrow) {
  for (int round = 0; round < 200; ++round) {
    arrive_all(12'000);
    wait_ms(100);
  }
  EXPECT_EQ(window(), 64 * kKib);
  EXPECT_GT(measured().taken, 0u);
}

TEST_F(TcpAutotune, BytesThatNobodyReadsAreNoReasonToGrow) {
  arrive_all(16 * kKib);
  for (int round = 0; round < 4; ++round) {
    wait_ms(100);
    std::vector<std::byte> data(16 * kKib);
    ASSERT_EQ(keep_unread(c, ctx, data), data.size());
    arrive_all(16 * kKib);
  }
  EXPECT_EQ(window(), 64 * kKib);
  EXPECT_EQ(measured().taken, 0u);
  clear_inbox(c, ctx);
}

TEST_F(TcpAutotune, OnceTheBufferIsOfferedWholeNothingIsMeasuredAnyMore) {
  begin(100 * kKib);
  for (int round = 0; round < 4; ++round) {
    arrive_all(64 * kKib);
    wait_ms(100);
  }
  EXPECT_EQ(window(), 100 * kKib);
  EXPECT_EQ(c.rcv_window, kWholeBuffer);
  const uint32_t began_us = autotune.began_us;
  arrive_all(100 * kKib);
  EXPECT_EQ(autotune.began_us, began_us);
}

TEST_F(TcpAutotune, TheNextConnectionOfThePlaceBeginsAnew) {
  arrive_all(100 * kKib);
  wait_ms(100);
  arrive_all(100 * kKib);
  ASSERT_GT(window(), 64 * kKib);
  begin(1024 * kKib);
  EXPECT_EQ(window(), 64 * kKib);
  EXPECT_EQ(measured().taken, 0u);
  EXPECT_EQ(measured().rtt_us, 0u);
}

// --- The round trip -----------------------------------------------------------------------------

class TcpReceiveRtt : public TcpAutotune {
 protected:
  TcpReceiveRtt() { c.srtt_us8 = 0; }  // we have sent nothing that could be timed

  // Bytes sent in answer to what we sent so long ago.
  void echo(uint32_t ms) {
    c.set(kTimestamps);
    wait_ms(1000);
    arrive(4 * kKib, ctx.tick + c.ts_offset - ms);
    c.rcv_adv = c.rcv_nxt + window();
  }
};

TEST_F(TcpReceiveRtt, TimestampsTellIt) {
  c.ts_offset = 0xffff'ff00;
  echo(50);
  echo(50);
  EXPECT_EQ(measured().rtt_us, 50'000u);
  echo(40);
  EXPECT_EQ(measured().rtt_us, 40'000u) << "less is believed at once";
  echo(80);
  EXPECT_EQ(measured().rtt_us, 45'000u)
      << "more by an eighth: the peer may have had nothing to say";
}

TEST_F(TcpReceiveRtt, AnEchoThatMakesNoSenseSaysNothing) {
  echo(50);
  echo(50);
  echo(500'000);
  echo(0x8000'0000);
  EXPECT_EQ(measured().rtt_us, 50'000u);
}

TEST_F(TcpReceiveRtt, AClockOfMillisecondsCannotSayThatItIsLessThanTwo) {
  echo(0);
  echo(0);
  EXPECT_EQ(measured().rtt_us, 2000u);
}

TEST_F(TcpReceiveRtt, WithoutTimestampsItIsTheTimeAWindowTakes) {
  arrive_all(16 * kKib);  // the edge is timed from here: 64 KiB behind
  wait_ms(30);
  arrive_all(32 * kKib);
  EXPECT_EQ(measured().rtt_us, 0u);
  wait_ms(30);
  arrive_all(48 * kKib);
  EXPECT_EQ(measured().rtt_us, 60'000u);
}

TEST_F(TcpReceiveRtt, APeerThatDoesNotWaitForTheWindowTakesLongerAndTheLeastCounts) {
  arrive_all(16 * kKib);
  for (const auto& [ms, expected_ms] : {std::pair{500u, 500u}, {20, 20}, {500, 20}}) {
    wait_ms(ms);
    arrive_all(64 * kKib);
    EXPECT_EQ(measured().rtt_us, expected_ms * 1000) << ms;
  }
}

// --- Options that change ------------------------------------------------------------------------

TEST_F(TcpAutotune, ALargerBufferLetsItGrowOnFromWhereItIs) {
  begin(100 * kKib);
  c.rcv_window = kWholeBuffer;
  TcpOptions larger = options();
  larger.receive_buffer_bytes = 1024 * kKib;
  change_receive_limit(c, options(), larger);
  options() = larger;
  EXPECT_EQ(window(), 104 * kKib) << "rounded up to an eighth";
}

TEST_F(TcpAutotune, ASmallerBufferEndsTheGrowth) {
  c.rcv_window = base::pack_eighths(512 * kKib);
  TcpOptions smaller = options();
  smaller.receive_buffer_bytes = 300 * kKib;
  change_receive_limit(c, options(), smaller);
  options() = smaller;
  EXPECT_EQ(window(), 300 * kKib);
}

TEST_F(TcpAutotune, OtherOptionsLeaveItAsItIs) {
  c.rcv_window = base::pack_eighths(512 * kKib);
  TcpOptions other = options();
  other.nodelay = true;
  change_receive_limit(c, options(), other);
  EXPECT_EQ(window(), 512 * kKib);
}

// --- Memory -------------------------------------------------------------------------------------

TEST_F(TcpAutotune, WhereHalfOfTheBlocksAreInUseItDoesNotGrow) {
  blocks = *Blocks::create(kSmallMax, 256, false);
  std::vector<uint32_t> taken;
  for (uint32_t i = 0; i <= 128; ++i) taken.push_back(blocks.allocate(4000, SeqNum{}));
  arrive_all(16 * kKib);
  for (int round = 0; round < 4; ++round) {
    wait_ms(100);
    arrive_all(64 * kKib);
  }
  EXPECT_EQ(window(), 64 * kKib);
  for (const uint32_t block : taken) blocks.release(block);
  wait_ms(100);
  arrive_all(64 * kKib);
  EXPECT_GT(window(), 64 * kKib);
}

TEST_F(TcpAutotune, OneConnectionIsPromisedAQuarterOfWhatIsFree) {
  blocks = *Blocks::create(kSmallMax, 256, false);
  begin(64 * 1024 * kKib);
  c.set_window_shifts(0, 11);
  for (int round = 0; round < 10; ++round) {
    arrive_all(window());
    wait_ms(100);
  }
  const uint32_t quarter = 256 * LargeBlock::kDataBytes / 4;
  EXPECT_GE(window(), quarter);
  EXPECT_LE(window(), quarter * 9 / 8);
}

TEST_F(TcpAutotune, WhenMemoryIsScarceNoFurtherPromiseIsMadeBeyond64KiB) {
  c.rcv_window = base::pack_eighths(512 * kKib);
  ctx.share_max = kScarceShare;
  EXPECT_EQ(window(), 64 * kKib);
  ctx.share_max = UINT32_MAX;
  EXPECT_EQ(window(), 512 * kKib);
}

TEST_F(TcpAutotune, WhenMemoryIsScarceWhoHoldsMuchIsGivenNoMoreAndTheOthersAre) {
  blocks = *Blocks::create(kSmallMax, kLargeMax, false);
  const std::vector<std::byte> data(256 * kKib);
  const size_t kept = keep_unread(c, ctx, data);
  EXPECT_NEAR(static_cast<double>(kept), 0.75 * kLargeMax * LargeBlock::kDataBytes, 4096);
  EXPECT_FALSE(keep_out_of_order(c, ctx, c.rcv_nxt + 1000, std::span(data).first(1000)));

  Connection other;
  EXPECT_EQ(keep_unread(other, ctx, std::span(data).first(32 * kKib)), 32 * kKib);
  EXPECT_TRUE(keep_out_of_order(other, ctx, other.rcv_nxt + 1000, std::span(data).first(1000)));
  clear_inbox(other, ctx);
  clear_inbox(c, ctx);
  EXPECT_TRUE(all_given_back());
}

// What must hold, whatever arrives: it becomes no less and stays within the buffer.
TEST_F(TcpAutotune, ItNeverShrinksAndNeverLeavesTheBuffer) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    base::Random random(seed);
    const uint32_t buffer = 1 + random.below(8'000'000);
    begin(buffer);
    c.srtt_us8 = random.below(2) * (random.below(100'000) + 1) * 8;
    c.flags = random.below(2) * kTimestamps;
    uint32_t before = window();
    for (int step = 0; step < 300; ++step) {
      arrive_all(1 + random.below(window()), ctx.tick - random.below(300));
      if (random.below(2) != 0) wait_ms(random.below(200));
      ASSERT_GE(window(), before) << "seed " << seed;
      ASSERT_LE(window(), buffer) << "seed " << seed;
      before = window();
    }
  }
}

}  // namespace
}  // namespace millrace::tcp
