// SPDX-License-Identifier: BSD-3-Clause
// The in-process wire carries frames whole and in order, holds as many as it has slots, and no
// end waits for the other.
#include "nic/loopback.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <thread>
#include <vector>

#include "base/random.h"

namespace millrace::nic {
namespace {

// A frame of `bytes` bytes whose header begins with `number`.
TxFrame numbered(uint32_t number, std::span<const std::byte> payload = {}) {
  TxFrame frame{};
  std::memcpy(frame.header.data(), &number, sizeof(number));
  frame.header_bytes = 14;
  frame.l2_bytes = 14;
  if (!payload.empty()) {
    frame.payload[0] = payload;
    frame.payload_spans = 1;
    frame.payload_bytes = static_cast<uint16_t>(payload.size());
  }
  return frame;
}

uint32_t number_of(const RxFrame& frame) {
  uint32_t number = 0;
  std::memcpy(&number, frame.data, sizeof(number));
  return number;
}

TEST(Loopback, CarriesAFrameToTheOtherEnd) {
  auto [left, right] = make_loopback({});
  const std::array payload{std::byte{1}, std::byte{2}, std::byte{3}};
  ASSERT_GE(left->room({}), 1u);
  const TxFrame sent = numbered(42, payload);
  left->send({&sent, 1});

  std::array<RxFrame, Wire::kBurstMax> burst;
  bool full = true;
  ASSERT_EQ(right->receive(burst, full), 1u);
  EXPECT_FALSE(full);
  EXPECT_EQ(number_of(burst[0]), 42u);
  ASSERT_EQ(burst[0].length, 17u);
  EXPECT_EQ(std::memcmp(burst[0].data + 14, payload.data(), payload.size()), 0);
  right->release();
  EXPECT_EQ(left->receive(burst, full), 0u) << "a frame does not come back";
  EXPECT_EQ(left->tallies().frames_out.get(), 1u);
  EXPECT_EQ(right->tallies().frames_in.get(), 1u);
}

TEST(Loopback, HoldsAsManyFramesAsItHasSlots) {
  constexpr uint32_t kSlots = 128;
  auto [left, right] = make_loopback({.slots = kSlots});
  uint32_t sent = 0;
  while (left->room({}) != 0) {
    const TxFrame frame = numbered(sent++);
    left->send({&frame, 1});
  }
  EXPECT_EQ(sent, kSlots);
  EXPECT_GE(left->tallies().tx_full.get(), 1u);

  std::array<RxFrame, Wire::kBurstMax> burst;
  bool full = false;
  ASSERT_EQ(right->receive(burst, full), Wire::kBurstMax);
  EXPECT_TRUE(full);
  EXPECT_EQ(left->room({}), 0u) << "slots are free only when they are released";
  right->release();
  EXPECT_EQ(left->room({}), Wire::kBurstMax);
}

TEST(Loopback, AnEndOutlivesTheOther) {
  auto [left, right] = make_loopback({});
  EXPECT_TRUE(left->poll_link());
  EXPECT_TRUE(right->poll_link());
  ASSERT_NE(right->room({}), 0u);
  const TxFrame frame = numbered(7);
  right->send({&frame, 1});
  right.reset();
  EXPECT_FALSE(left->poll_link());
  std::array<RxFrame, Wire::kBurstMax> burst;
  bool full = false;
  ASSERT_EQ(left->receive(burst, full), 1u);
  EXPECT_EQ(number_of(burst[0]), 7u);
  left->release();
}

// Two threads, each sending and receiving as fast as it can.
TEST(Loopback, TwoThreadsLoseAndReorderNothing) {
  constexpr uint32_t kFrames = 200'000;
  auto ends = make_loopback({.slots = 256});
  const auto exchange = [](Wire& wire, uint64_t seed) {
    base::Random random(seed);
    std::array<RxFrame, Wire::kBurstMax> burst;
    std::array<TxFrame, Wire::kBurstMax> frames;
    uint32_t sent = 0;
    uint32_t received = 0;
    bool in_order = true;
    while (sent < kFrames || received < kFrames) {
      const size_t room = std::min<size_t>(wire.room({}), random.below(Wire::kBurstMax) + 1);
      const size_t count = std::min<size_t>(room, kFrames - sent);
      for (size_t i = 0; i < count; ++i) frames[i] = numbered(sent++);
      if (count != 0) wire.send({frames.data(), count});
      bool full = false;
      const size_t got = wire.receive(burst, full);
      for (size_t i = 0; i < got; ++i) in_order &= number_of(burst[i]) == received++;
      wire.release();
      if (count + got == 0) std::this_thread::yield();
    }
    return in_order;
  };
  bool right_in_order = false;
  std::thread right([&] { right_in_order = exchange(*ends.second, 2); });
  EXPECT_TRUE(exchange(*ends.first, 1));
  right.join();
  EXPECT_TRUE(right_in_order);
}

}  // namespace
}  // namespace millrace::nic
