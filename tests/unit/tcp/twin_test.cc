// SPDX-License-Identifier: BSD-3-Clause
// What a sender knows of its flight and what a receiver keeps behind a gap agree with records of
// every single byte, whatever happens in whatever order; and what a hostile peer can cost is
// bounded.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/random.h"
#include "support/flight_twin.h"
#include "support/reassembly_twin.h"
#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

// --- The sender's record ------------------------------------------------------------------------

void compare_flights(uint32_t connections, uint32_t extra_runs, uint32_t flight_max, uint64_t seeds,
                     int steps) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    base::Random random(seed);
    const auto choose = [&](uint32_t n) { return random.below(n); };
    const auto isn = static_cast<uint32_t>(random.next());
    test::FlightTwin twin(connections, extra_runs, isn, flight_max);
    for (int i = 0; i < steps; ++i) {
      const std::optional<std::string> wrong = twin.step(choose);
      ASSERT_FALSE(wrong) << "seed " << seed << ", step " << i << ": " << *wrong;
    }
    const std::optional<std::string> wrong = twin.finish();
    ASSERT_FALSE(wrong) << "seed " << seed << ", at the end: " << *wrong;
  }
}

TEST(TcpFlightTwin, AgreesWithARecordOfEveryByte) { compare_flights(1, 1000, 400, 200, 400); }

TEST(TcpFlightTwin, WithoutMemoryForEveryRunItIsCoarserAndNeverWrong) {
  for (const uint32_t extra : {0u, 1u, 2u, 5u, 17u}) compare_flights(1, extra, 600, 40, 400);
}

TEST(TcpFlightTwin, ConnectionsThatShareTheMemoryHaveOneRunEach) {
  for (const uint32_t extra : {0u, 3u, 20u}) compare_flights(4, extra, 200, 40, 800);
}

// --- What a hostile peer can cost ---------------------------------------------------------------

class TcpSackPanic : public TcpFixture {
 protected:
  static constexpr uint32_t kFlight = 20'000;

  TcpSackPanic() : many(*base::Slab<tcp::Run>::create(4 * kFlight, false)) {
    ctx.runs = &many;
    c.set(kSack);
    c.snd_una = SeqNum(0xffff'ff00);
    c.snd_nxt = c.snd_end = c.snd_una + kFlight;
  }

  // One acknowledgement that sacks [begin, end) from snd_una.
  void sack(uint32_t begin, uint32_t end) {
    std::byte raw[8];
    for (int i = 0; i < 4; ++i) {
      raw[i] = static_cast<std::byte>((c.snd_una + begin).raw() >> (24 - 8 * i));
      raw[4 + i] = static_cast<std::byte>((c.snd_una + end).raw() >> (24 - 8 * i));
    }
    wire::Segment s;
    s.ack = c.snd_una;
    s.sack_count = 1;
    s.sack_blocks = raw;
    Delivery d;
    deliver_sacked(c, open_sender(c, ctx), ctx, s, d);
  }

  base::Slab<tcp::Run> many;
};

TEST_F(TcpSackPanic, SackingEverySecondByteMakesABoundedNumberOfRuns) {
  // Not one for each hole, but for each segment in flight.
  const uint32_t most = kRunsMax + kFlight / c.snd_mss;
  for (uint32_t at = 1; at + 1 < kFlight; at += 2) {
    sack(at, at + 1);
    ASSERT_LE(senders[c.sender].runs, most);
    ASSERT_EQ(many.used(), senders[c.sender].runs);
  }
  EXPECT_EQ(senders[c.sender].runs, most);
  // Everything is repaired nevertheless.
  ctx.now_us += 1'000'000;
  lose_all(c, senders[c.sender], ctx);
  uint32_t resent = 0;
  SeqNum begin;
  while (const uint32_t n = next_lost(c, senders[c.sender], ctx, 1000, begin)) {
    note_resent(c, senders[c.sender], ctx, n);
    resent += n;
  }
  EXPECT_GE(resent, kFlight - most);
  EXPECT_EQ(senders[c.sender].lost_bytes, 0u);
  close_sender(c, ctx);
  EXPECT_EQ(many.used(), 0u);
}

TEST_F(TcpSackPanic, TheHolesMayBeFilledAndTheRunsAreBack) {
  for (uint32_t at = 1; at + 1 < kFlight; at += 2) sack(at, at + 1);
  sack(0, kFlight);
  EXPECT_EQ(senders[c.sender].runs, 1u);
  EXPECT_EQ(senders[c.sender].sacked_bytes, kFlight);
  close_sender(c, ctx);
}

// --- The receiver's gaps ------------------------------------------------------------------------

void compare_gaps(uint32_t small_max, uint32_t large_max, bool exact, uint64_t seeds) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    base::Random random(seed);
    const auto choose = [&](uint32_t n) { return random.below(n); };
    const auto isn = static_cast<uint32_t>(random.next());
    test::ReassemblyTwin twin(small_max, large_max, exact, isn, seed % 2 == 0);
    for (int i = 0; i < 120 && !twin.over(); ++i) {
      const std::optional<std::string> wrong = twin.step(choose);
      ASSERT_FALSE(wrong) << "seed " << seed << ", step " << i << ": " << *wrong;
    }
    const std::optional<std::string> wrong = twin.finish();
    ASSERT_FALSE(wrong) << "seed " << seed << ", at the end: " << *wrong;
  }
}

TEST(TcpReassemblyTwin, BytesAndBlocksAreThoseOfAnArray) { compare_gaps(400, 400, true, 60); }

TEST(TcpReassemblyTwin, WithoutMemoryTheStreamIsStillRight) {
  for (const uint32_t small : {0u, 1u, 3u, 10u}) {
    for (const uint32_t large : {0u, 1u, 3u}) compare_gaps(small, large, false, 8);
  }
}

TEST(TcpReassemblyTwin, ManyTinySegmentsCostABoundedChain) {
  // SegmentSmack: single bytes far apart, in any order, and an acknowledgement for each.
  auto blocks = *Blocks::create(4096, 4096, false);
  auto inboxes = *base::Slab<Inbox>::create(1, false);
  Counters counters;
  std::vector<TcpOptions> profiles(1);
  Context ctx;
  ctx.counters = &counters;
  ctx.blocks = &blocks;
  ctx.inboxes = &inboxes;
  ctx.profiles = &profiles;
  Connection c;
  c.set(kSack);
  base::Random random(1);
  const std::byte byte{1};
  for (int i = 0; i < 20'000; ++i) {
    keep_out_of_order(c, ctx, c.rcv_nxt + 2 + 2 * random.below(30'000), {&byte, 1});
    const Inbox& inbox = inboxes[c.inbox];
    ASSERT_LE(inbox.gap_blocks, kGapBlocksMax + inbox.gap_bytes / kGapBytesPerBlock);
    ASSERT_EQ(blocks.small_used() + blocks.large_used(), inbox.gap_blocks);
    wire::SegmentHeader h;
    report_gaps(c, ctx, h);
    ASSERT_LE(h.sack_count, 4);
  }
  clear_inbox(c, ctx);
  EXPECT_EQ(blocks.small_used() + blocks.large_used() + inboxes.used(), 0u);
}

}  // namespace
}  // namespace millrace::tcp
