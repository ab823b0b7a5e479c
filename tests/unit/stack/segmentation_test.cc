// SPDX-License-Identifier: BSD-3-Clause
// A shard whose device cuts segments: how many of them one description stands for. That the wire
// sees no difference is the simulator's to show.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "millrace/shard.h"

namespace millrace {
namespace {

constexpr IpAddress kOurs = IpAddress::v4(0x0a000001);
constexpr IpAddress kPeers = IpAddress::v4(0x0a000002);
constexpr size_t kMss = 1448;  // with timestamps

class Reader final : public App {
 public:
  void on_established(Shard&, ConnectionRef) override {}
  size_t on_data(Shard&, ConnectionRef, std::span<const std::byte> data) override {
    bytes += data.size();
    return data.size();
  }
  void on_peer_closed(Shard&, ConnectionRef) override { closed = true; }
  void on_closed(Shard&, ConnectionRef, CloseReason) override {}

  size_t bytes = 0;
  bool closed = false;
};

// Our shard, connected to a peer whose device does nothing for it.
class Segmentation : public testing::Test {
 protected:
  void connect(uint32_t tso_bytes_max) {
    ours_ = std::move(Shard::create(config_of(kOurs, 1, tso_bytes_max), now_).value());
    peer_ = std::move(Shard::create(config_of(kPeers, 2, 0), now_).value());
    EXPECT_TRUE(peer_->listen({{}, 80}, reader_).ok());
    id_ = ours_->connect({kPeers, 80}, reader_, 0, {.nodelay = true}).value();
    for (int i = 0; i < 3; ++i) exchange();
  }
  static ShardConfig config_of(const IpAddress& address, uint8_t number, uint32_t tso_bytes_max) {
    ShardConfig config;
    config.interface.mac = {{2, 0, 0, 0, 0, number}};
    config.interface.addresses = {{address, 24}};
    config.connections_max = config.half_open_max = config.time_wait_max = 16;
    config.small_blocks_max = config.large_blocks_max = config.flight_runs_max = 1024;
    config.tso_bytes_max = tso_bytes_max;
    config.seed = number;
    return config;
  }
  // What one call describes: the segments of each description, which the peer gets.
  std::vector<size_t> send(size_t frames_max = 64) {
    std::vector<TxFrame> frames(frames_max);
    std::vector<size_t> segments;
    for (const TxFrame& frame : std::span(frames).first(ours_->transmit(now_, frames))) {
      segments.push_back(frame.segments());
      for (size_t i = 0; i < frame.segments(); ++i) deliver(*peer_, cut_segment(frame, i));
    }
    return segments;
  }
  void answer() {
    std::array<TxFrame, 64> frames;
    while (const size_t n = peer_->transmit(now_, frames)) {
      for (const TxFrame& frame : std::span(frames).first(n)) deliver(*ours_, frame);
    }
  }
  void exchange() {
    now_ = now_ + milliseconds(1);
    ours_->advance(now_);
    peer_->advance(now_);
    while (!send().empty()) {
    }
    answer();
  }
  void deliver(Shard& shard, const TxFrame& frame) {
    std::vector<std::byte> bytes(frame.total_bytes());
    write_frame(frame, bytes);
    const RxFrame received{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
    shard.receive(now_, {&received, 1});
  }
  void write(size_t bytes) {
    ASSERT_EQ(ours_->send_static(id_, std::span(kBody).first(bytes)), bytes);
  }

  static inline const std::vector<std::byte> kBody = std::vector<std::byte>(100'000);
  Instant now_;
  Reader reader_;
  std::unique_ptr<Shard> ours_;
  std::unique_ptr<Shard> peer_;
  ConnectionId id_;
};

TEST_F(Segmentation, WhatLeavesTogetherIsOneDescription) {
  connect(65'000);
  write(5 * kMss + 100);
  ours_->shutdown(id_);
  const uint64_t frames = ours_->counters().get(Counter::kFramesOut);
  const uint64_t bytes = ours_->counters().get(Counter::kBytesOut);
  EXPECT_EQ(send(), std::vector<size_t>{6});
  EXPECT_EQ(reader_.bytes, 5 * kMss + 100);
  EXPECT_TRUE(reader_.closed) << "FIN goes with the last of them";
  EXPECT_EQ(ours_->counters().get(Counter::kFramesOut) - frames, 6u);
  EXPECT_EQ(ours_->counters().get(Counter::kBytesOut) - bytes, 6 * 66 + 5 * kMss + 100);
}

TEST_F(Segmentation, ADeviceThatCannotGetsEachSegmentByItself) {
  connect(0);
  write(5 * kMss);
  EXPECT_EQ(send(), (std::vector<size_t>{1, 1, 1, 1, 1}));
}

TEST_F(Segmentation, NoDescriptionIsLargerThanTheDeviceTakes) {
  connect(3 * kMss);
  write(7 * kMss);
  EXPECT_EQ(send(), (std::vector<size_t>{3, 3, 1}));
  exchange();
  exchange();
  EXPECT_EQ(reader_.bytes, 7 * kMss);
}

TEST_F(Segmentation, TheCallersBoundIsOneOfSegments) {
  connect(65'000);
  write(8 * kMss);
  EXPECT_EQ(send(5), std::vector<size_t>{5});
  EXPECT_EQ(send(2), std::vector<size_t>{2});
  EXPECT_EQ(send(5), std::vector<size_t>{1});
}

TEST_F(Segmentation, TheCongestionWindowIsNotOverrun) {
  connect(65'000);
  write(20 * kMss);
  EXPECT_EQ(send(), std::vector<size_t>{10}) << "the initial window";
  answer();
  exchange();
  EXPECT_EQ(reader_.bytes, 20 * kMss);
}

}  // namespace
}  // namespace millrace
