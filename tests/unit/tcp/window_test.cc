// SPDX-License-Identifier: BSD-3-Clause
// The window that is announced: as large as there is memory, moved in steps worth having
// (RFC 9293 section 3.8.6.2.2), never taken back.
#include "tcp/window.h"

#include <algorithm>

#include "base/random.h"
#include "tcp/reassembly.h"
#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

class TcpWindow : public TcpFixture {
 protected:
  void begin(uint32_t buffer, uint8_t shift) {
    options().receive_buffer_bytes = buffer;
    c.key.peer = IpAddress::v4(0x0a000002);
    c.rcv_nxt = c.rcv_adv = SeqNum(0xffff'f000);
    c.set_window_shifts(0, shift);
  }
  void receive(uint32_t bytes, uint32_t unread) {
    c.rcv_nxt += bytes;
    std::vector<std::byte> data(unread);
    ASSERT_EQ(keep_unread(c, ctx, data), unread);
  }
};

TEST_F(TcpWindow, TheShiftIsTheSmallestThatReachesTheBuffer) {
  EXPECT_EQ(window_shift_for(1), 0);
  EXPECT_EQ(window_shift_for(65535), 0);
  EXPECT_EQ(window_shift_for(65536), 1);
  EXPECT_EQ(window_shift_for(256 * 1024), 3);
  EXPECT_EQ(window_shift_for(0xffff'ffff), 14);
}

TEST_F(TcpWindow, AllFreeMemoryIsOffered) {
  begin(20'000, 0);
  EXPECT_EQ(announce_window(c, ctx), 20'000);
  receive(5000, 0);  // the application took it all
  EXPECT_EQ(announce_window(c, ctx), 20'000);
}

TEST_F(TcpWindow, WithoutScalingItEndsAt65535AndThereIsNothingToUpdate) {
  begin(256 * 1024, 0);
  EXPECT_EQ(announce_window(c, ctx), 65535);
  EXPECT_FALSE(window_update_due(c, ctx));
}

TEST_F(TcpWindow, UnreadBytesCloseIt) {
  begin(4000, 0);
  EXPECT_EQ(announce_window(c, ctx), 4000);
  receive(3000, 3000);
  EXPECT_EQ(announce_window(c, ctx), 1000);
  receive(1000, 1000);
  EXPECT_EQ(announce_window(c, ctx), 0);
}

TEST_F(TcpWindow, ItReopensByASegmentOrHalfTheBufferAndNotByLess) {
  begin(4000, 0);
  announce_window(c, ctx);
  receive(4000, 4000);
  EXPECT_EQ(announce_window(c, ctx), 0);
  pop_unread(c, ctx, 1000);
  EXPECT_FALSE(window_update_due(c, ctx));
  EXPECT_EQ(announce_window(c, ctx), 0);
  pop_unread(c, ctx, 459);
  EXPECT_FALSE(window_update_due(c, ctx));
  pop_unread(c, ctx, 1);  // 1460 in all
  EXPECT_TRUE(window_update_due(c, ctx));
  EXPECT_EQ(announce_window(c, ctx), 1460);
  clear_inbox(c, ctx);
}

TEST_F(TcpWindow, AfterThePeersFinThereIsNothingToUpdate) {
  begin(4000, 0);
  announce_window(c, ctx);
  receive(4000, 4000);
  announce_window(c, ctx);
  c.state = State::kCloseWait;
  pop_unread(c, ctx, front_unread(c, ctx).size());
  EXPECT_FALSE(window_update_due(c, ctx));
  clear_inbox(c, ctx);
}

// What must hold, whatever happens: the right edge moves left by less than a unit of the scale, and
// stays within a unit of the memory there is.
TEST_F(TcpWindow, TheRightEdgeStaysWhatWasPromised) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    base::Random random(seed);
    const uint32_t buffer = 1 + random.below(400'000);
    const uint8_t shift = window_shift_for(buffer);
    const auto unit = static_cast<int32_t>(1u << shift);
    begin(buffer, shift);
    announce_window(c, ctx);
    for (int step = 0; step < 500; ++step) {
      const SeqNum before = c.rcv_adv;
      const int32_t window = SeqNum::distance(c.rcv_nxt, c.rcv_adv);
      if (window > 0 && random.below(2) != 0) {
        const uint32_t bytes = 1 + random.below(std::min(static_cast<uint32_t>(window), 3000u));
        const uint32_t unread = random.below(3) == 0 ? bytes : 0;
        if (blocks.small_used() + 12 < kSmallMax && blocks.large_used() + 1 < kLargeMax) {
          receive(bytes, unread);
        }
      } else if (!front_unread(c, ctx).empty()) {
        pop_unread(c, ctx, 1 + random.below(static_cast<uint32_t>(front_unread(c, ctx).size())));
      }
      const uint32_t scaled = announce_window(c, ctx);
      // The field may say less than a unit less, but what it once said stays acceptable.
      const auto unsaid = static_cast<int32_t>(c.rcv_adv - c.rcv_nxt - (scaled << shift));
      ASSERT_GE(unsaid, 0) << "seed " << seed;
      ASSERT_LT(unsaid, unit) << "seed " << seed;
      ASSERT_GE(SeqNum::distance(before, c.rcv_adv), 0) << "seed " << seed;
      const uint32_t held = c.inbox == kNil ? 0 : inboxes[c.inbox].unread_bytes;
      const SeqNum free = c.rcv_nxt + (buffer > held ? buffer - held : 0);
      ASSERT_LT(SeqNum::distance(free, c.rcv_adv), unit) << "seed " << seed;
    }
    clear_inbox(c, ctx);
  }
}

}  // namespace
}  // namespace millrace::tcp
