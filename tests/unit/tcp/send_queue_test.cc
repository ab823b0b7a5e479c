// SPDX-License-Identifier: BSD-3-Clause
// What was written comes out of gather() at its sequence number until it is acknowledged.
#include "tcp/send_queue.h"

#include <algorithm>

#include "base/random.h"
#include "unit/tcp/fixture.h"

namespace millrace::tcp {
namespace {

std::vector<std::byte> text(uint32_t from, size_t bytes) {
  std::vector<std::byte> out(bytes);
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>((from + i) * 37 >> 3);
  return out;
}

class TcpSendQueue : public TcpFixture {
 protected:
  TcpSendQueue() { c.snd_una = c.snd_nxt = c.snd_end = SeqNum(0xffff'ffe0); }

  // Everything in [seq, seq + bytes), over as many frames as that takes.
  std::vector<std::byte> read(SeqNum seq, uint32_t bytes) {
    std::vector<std::byte> out;
    while (bytes != 0) {
      TxFrame frame;
      const uint32_t got = gather(c, ctx, seq, std::min(bytes, 9000u), frame);
      EXPECT_NE(got, 0u);
      if (got == 0) break;
      size_t sum = 0;
      for (uint8_t i = 0; i < frame.payload_spans; ++i) {
        sum += frame.payload[i].size();
        out.insert(out.end(), frame.payload[i].begin(), frame.payload[i].end());
      }
      EXPECT_EQ(sum, got);
      EXPECT_EQ(frame.payload_bytes, got);
      seq += got;
      bytes -= got;
    }
    return out;
  }
};

TEST_F(TcpSendQueue, HoldsNoMoreThanTheSendBuffer) {
  options().send_buffer_bytes = 1000;
  EXPECT_EQ(send_space(c, ctx), 1000u);
  EXPECT_EQ(append(c, ctx, text(0, 700)), 700u);
  EXPECT_EQ(append(c, ctx, text(700, 700)), 300u);
  EXPECT_EQ(send_space(c, ctx), 0u);
  c.snd_nxt = c.snd_end;
  c.snd_una += 400;
  release_acknowledged(c, ctx, c.snd_una);
  EXPECT_EQ(send_space(c, ctx), 400u);
  clear_send_queue(c, ctx);
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpSendQueue, Above256KibItHoldsTwiceTheCongestionWindowUpToTheSendBuffer) {
  for (const auto& [cwnd, limit] : {std::pair{10'000u, 262'144u},
                                    {131'072, 262'144},
                                    {500'000, 1'000'000},
                                    {1'000'000, 1'500'000}}) {
    options().send_buffer_bytes = 1'500'000;
    c.cwnd = cwnd;
    EXPECT_EQ(send_space(c, ctx), limit);
    options().send_buffer_bytes = 200'000;
    EXPECT_EQ(send_space(c, ctx), 200'000u);
  }
}

TEST_F(TcpSendQueue, WhenMemoryIsScarceItHolds64Kib) {
  options().send_buffer_bytes = 1'500'000;
  c.cwnd = 500'000;
  ctx.share_max = kScarceShare;
  EXPECT_EQ(send_space(c, ctx), 65'536u);
}

TEST_F(TcpSendQueue, AShortMessageCostsOneSmallBlock) {
  EXPECT_EQ(append(c, ctx, text(0, 64)), 64u);
  EXPECT_EQ(blocks.small_used(), 1u);
  EXPECT_EQ(blocks.large_used(), 0u);
  clear_send_queue(c, ctx);
}

TEST_F(TcpSendQueue, StaticBytesAreReferredToAndNotCopied) {
  static const std::vector<std::byte> kBody = text(0, 100'000);
  options().send_buffer_bytes = 200'000;
  EXPECT_EQ(append(c, ctx, text(7, 10)), 10u);
  EXPECT_EQ(append_external(c, ctx, kBody), kBody.size());
  EXPECT_LE(blocks.small_used(), 2u);
  TxFrame frame;
  ASSERT_EQ(gather(c, ctx, c.snd_una + 10, 500, frame), 500u);
  EXPECT_EQ(frame.payload[0].data(), kBody.data());
  EXPECT_EQ(read(c.snd_una + 10, 100'000), kBody);
  clear_send_queue(c, ctx);
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpSendQueue, WhenBlocksRunOutAppendTakesWhatFits) {
  options().send_buffer_bytes = 1 << 24;
  const size_t room = kSmallMax * SmallBlock::kDataBytes + kLargeMax * LargeBlock::kDataBytes;
  const std::vector<std::byte> all = text(0, room + 10'000);
  const size_t taken = append(c, ctx, all);
  EXPECT_LE(taken, room);
  EXPECT_GE(taken, kLargeMax * LargeBlock::kDataBytes);
  EXPECT_EQ(read(c.snd_una, static_cast<uint32_t>(taken)), text(0, taken));
  clear_send_queue(c, ctx);
  EXPECT_TRUE(all_given_back());
}

TEST_F(TcpSendQueue, AgreesWithAStringOverRandomWritesReadsAndAcknowledgements) {
  static const std::vector<std::byte> kStatic = text(99, 5000);
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    base::Random random(seed);
    options().send_buffer_bytes = 20'000;
    c.snd_una = c.snd_nxt = c.snd_end = SeqNum(static_cast<uint32_t>(random.next()));
    std::vector<std::byte> twin;  // [snd_una, snd_end)
    uint32_t written = 0;
    for (int step = 0; step < 300; ++step) {
      const uint32_t queued = c.snd_end - c.snd_una;
      switch (random.below(5)) {
        case 0:
        case 1: {
          const std::vector<std::byte> data = text(written, random.below(3000));
          const size_t n = append(c, ctx, data);
          twin.insert(twin.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(n));
          written += static_cast<uint32_t>(n);
          break;
        }
        case 2: {
          const size_t n = append_external(c, ctx, std::span(kStatic).first(random.below(5000)));
          twin.insert(twin.end(), kStatic.begin(),
                      kStatic.begin() + static_cast<std::ptrdiff_t>(n));
          break;
        }
        case 3: {  // something new is sent, or something old again
          if (queued == 0) break;
          const uint32_t from = random.below(queued);
          const uint32_t bytes = 1 + random.below(std::min(queued - from, 1500u));
          const auto first = twin.begin() + from;
          ASSERT_EQ(read(c.snd_una + from, bytes), std::vector(first, first + bytes))
              << "seed " << seed;
          c.snd_nxt = max(c.snd_nxt, c.snd_una + from + bytes);
          break;
        }
        case 4: {
          const uint32_t acked = random.below(c.snd_nxt - c.snd_una + 1);
          twin.erase(twin.begin(), twin.begin() + acked);
          c.snd_una += acked;
          release_acknowledged(c, ctx, c.snd_una);
          break;
        }
      }
    }
    ASSERT_EQ(read(c.snd_una, c.snd_end - c.snd_una), twin) << "seed " << seed;
    clear_send_queue(c, ctx);
    ASSERT_TRUE(all_given_back()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace millrace::tcp
