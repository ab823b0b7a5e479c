// SPDX-License-Identifier: BSD-3-Clause
// What a device cuts out of a large frame is, byte for byte, what would have been built singly.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "millrace/frame.h"
#include "wire/build.h"

namespace millrace::wire {
namespace {

using Bytes = std::vector<std::byte>;

const FlowKey kV4{IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, 5000};
const FlowKey kV6{IpAddress::parse("2001:db8::1").value(), IpAddress::parse("2001:db8::2").value(),
                  80, 5000};

SegmentHeader header_at(uint32_t seq, Flags flags) {
  return {.seq = SeqNum(seq),
          .ack = SeqNum(77),
          .window = 1000,
          .flags = flags,
          .has_timestamps = true,
          .ts_value = 5,
          .ts_echo = 6};
}

Bytes written(const TxFrame& frame) {
  Bytes bytes(frame.total_bytes());
  EXPECT_EQ(write_frame(frame, bytes), bytes.size());
  return bytes;
}

// `pieces` one behind the other, in one frame.
TxFrame frame_of(const FlowKey& key, const std::vector<std::span<const std::byte>>& pieces,
                 uint32_t seq, Flags flags) {
  TxFrame frame;
  frame.payload_spans = static_cast<uint8_t>(pieces.size());
  frame.payload_bytes = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    frame.payload[i] = pieces[i];
    frame.payload_bytes = static_cast<uint16_t>(frame.payload_bytes + pieces[i].size());
  }
  const uint16_t type = key.peer.is_v4() ? kEthertypeIpv4 : kEthertypeIpv6;
  const auto ethernet = make_ethernet({{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 0, 1}}, type);
  build_tcp(frame, ethernet, {.ttl = 64, .tos = 8}, key, header_at(seq, flags));
  return frame;
}

TEST(CutSegment, EachIsTheFrameThatWouldHaveBeenBuiltForIt) {
  base::Random random(5);
  Bytes body(64'000);
  for (auto& byte : body) byte = static_cast<std::byte>(random.next());
  for (int round = 0; round < 500; ++round) {
    const auto mss = static_cast<uint16_t>(1 + random.below(1460));
    const size_t total = std::min<size_t>(body.size(), mss + 1 + random.below(20u * mss));
    const std::span<const std::byte> text = std::span(body).first(total);
    const size_t cut = random.below(total + 1);
    const auto seq = static_cast<uint32_t>(random.next());
    const FlowKey& key = round % 2 == 0 ? kV4 : kV6;
    TxFrame whole = frame_of(key, {text.first(cut), text.subspan(cut)}, seq, kAck | kPsh | kFin);
    set_segment_bytes(whole, mss);

    ASSERT_EQ(whole.segments(), (total + mss - 1) / mss);
    for (size_t i = 0; i < whole.segments(); ++i) {
      const size_t at = i * mss;
      const bool last = i + 1 == whole.segments();
      const auto part = text.subspan(at, std::min<size_t>(mss, total - at));
      const auto flags = static_cast<Flags>(last ? kAck | kPsh | kFin : kAck);
      const TxFrame single = frame_of(key, {part}, seq + static_cast<uint32_t>(at), flags);
      ASSERT_EQ(written(cut_segment(whole, i)), written(single)) << round << " segment " << i;
    }
  }
}

TEST(CutSegment, AFrameThatIsOneStaysAsItIs) {
  const Bytes text(100, std::byte{7});
  const TxFrame frame = frame_of(kV4, {text}, 1, kAck);
  EXPECT_EQ(frame.segments(), 1u);
  EXPECT_EQ(written(cut_segment(frame, 0)), written(frame));
}

}  // namespace
}  // namespace millrace::wire
