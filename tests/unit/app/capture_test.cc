// SPDX-License-Identifier: BSD-3-Clause
// What is recorded is read again: bytes, times, lengths, states.
#include <gtest/gtest.h>

#include <sstream>

#include "capture/pcapng.h"
#include "trace/capture_file.h"
#include "unit/app/trace_frames.h"

namespace millrace::capture {
namespace {

TEST(CapturePcapng, IsReadAsItWasWritten) {
  std::vector<std::byte> frame(61);
  for (size_t i = 0; i < frame.size(); ++i) frame[i] = std::byte(i);
  std::string file = section_block(2, 256);
  for (int64_t i = 0; i < 3; ++i) {
    file += packet_block({.shard = 1, .ns = 1'800'000'000'123'456'789 + i, .length = 1514},
                         std::span(frame).first(frame.size() - static_cast<size_t>(i)),
                         i == 2 ? "" : "FIN-WAIT-1");
  }
  file += loss_block(1, 1'800'000'000'000'000'000, 5);
  auto read = trace::CaptureFile::read(std::make_unique<std::istringstream>(file), "it");
  ASSERT_TRUE(read.ok()) << read.error().message;
  trace::CapturedPacket packet;
  for (int64_t i = 0; i < 3; ++i) {
    const Result<bool> more = read->next(packet);
    ASSERT_TRUE(more.ok() && *more);
    EXPECT_EQ(packet.time.ns, 1'800'000'000'123'456'789 + i);
    EXPECT_EQ(packet.bytes.size(), frame.size() - static_cast<size_t>(i));
    EXPECT_TRUE(std::equal(packet.bytes.begin(), packet.bytes.end(), frame.begin()));
    EXPECT_EQ(packet.comment, i == 2 ? "" : "FIN-WAIT-1");
  }
  const Result<bool> more = read->next(packet);
  ASSERT_TRUE(more.ok()) << more.error().message;
  EXPECT_FALSE(*more);
}

TEST(CapturePcapng, BlocksAreAlignedAndSayTheirLengthTwice) {
  for (size_t bytes = 14; bytes < 20; ++bytes) {
    const std::vector<std::byte> frame(bytes);
    const std::string block = packet_block({.shard = 0, .ns = 1, .length = 20}, frame, "x");
    uint32_t first = 0, last = 0;
    std::memcpy(&first, block.data() + 4, 4);
    std::memcpy(&last, block.data() + block.size() - 4, 4);
    EXPECT_EQ(block.size() % 4, 0u);
    EXPECT_EQ(first, block.size());
    EXPECT_EQ(last, block.size());
  }
}

}  // namespace
}  // namespace millrace::capture
