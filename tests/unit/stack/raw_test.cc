// SPDX-License-Identifier: BSD-3-Clause
// Segments beside the connections: the path to a peer, frames of a handler's own, and what it gets
// of what belongs to nobody.
#include "millrace/raw.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "millrace/shard.h"
#include "wire/frame.h"

namespace millrace {
namespace {

constexpr IpAddress kOurs = IpAddress::v4(0x0a000001);
constexpr IpAddress kPeers = IpAddress::v4(0x0a000002);

ShardConfig config_of(const IpAddress& address, uint8_t number) {
  ShardConfig config;
  config.interface.mac = {{2, 0, 0, 0, 0, number}};
  config.interface.addresses = {{address, 24}};
  config.interface.gratuitous_arp = false;
  config.connections_max = 64;
  config.half_open_max = 64;
  config.time_wait_max = 64;
  config.small_blocks_max = 64;
  config.large_blocks_max = 64;
  config.seed = number;
  return config;
}

// Sends what it is told to, keeps what comes.
class Notebook final : public RawHandler {
 public:
  bool on_segment(Shard& /*shard*/, const RawSegment& segment) override {
    heard.push_back(segment);
    return takes;
  }
  size_t transmit(Shard& /*shard*/, std::span<TxFrame> out) override {
    size_t filled = 0;
    for (; filled < out.size() && !to_say.empty(); ++filled) {
      build_raw(out[filled], path, to_say.front());
      to_say.erase(to_say.begin());
    }
    return filled;
  }
  [[nodiscard]] bool has_output() const override { return !to_say.empty(); }

  RawPath path;
  std::vector<RawSegment> to_say;
  std::vector<RawSegment> heard;
  bool takes = true;
};

class NobodysApp final : public App {
  void on_established(Shard&, ConnectionRef) override {}
  size_t on_data(Shard&, ConnectionRef, std::span<const std::byte> data) override {
    return data.size();
  }
  void on_closed(Shard&, ConnectionRef, CloseReason) override {}
};

// Our shard with a handler, and a peer that listens on port 80.
class Raw : public testing::Test {
 protected:
  Raw()
      : ours_(std::move(Shard::create(config_of(kOurs, 1), now_).value())),
        peer_(std::move(Shard::create(config_of(kPeers, 2), now_).value())) {
    ours_->set_raw_handler(&notebook_);
    EXPECT_TRUE(peer_->listen({{}, 80}, app_).ok());
  }

  static std::vector<std::vector<std::byte>> transmit(Shard& shard, Instant now) {
    std::vector<std::vector<std::byte>> out;
    std::array<TxFrame, 4> frames;
    while (const size_t n = shard.transmit(now, frames)) {
      for (const TxFrame& frame : std::span(frames).first(n)) {
        out.emplace_back(frame.total_bytes());
        write_frame(frame, out.back());
      }
    }
    return out;
  }
  static void receive(Shard& shard, Instant now, const std::vector<std::byte>& bytes) {
    const RxFrame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
    shard.receive(now, {&frame, 1});
  }
  // A turn of each; returns how many frames have crossed.
  size_t exchange() {
    now_ = now_ + milliseconds(1);
    ours_->advance(now_);
    peer_->advance(now_);
    const auto to_peer = transmit(*ours_, now_);
    for (const auto& frame : to_peer) receive(*peer_, now_, frame);
    const auto to_us = transmit(*peer_, now_);
    for (const auto& frame : to_us) receive(*ours_, now_, frame);
    return to_peer.size() + to_us.size();
  }
  void find_path() {
    ASSERT_FALSE(ours_->raw_path(kPeers).value().has_value());
    EXPECT_EQ(exchange(), 2u);  // ARP, asked and answered
    notebook_.path = ours_->raw_path(kPeers).value().value();
  }
  static RawSegment syn(uint16_t local_port, uint16_t peer_port) {
    return {.key = {kOurs, kPeers, local_port, peer_port},
            .seq = 1000,
            .flags = kRawSyn,
            .window_shift = 7,
            .mss = 1460,
            .sack_permitted = true};
  }

  Instant now_{seconds(1).ns};
  NobodysApp app_;
  Notebook notebook_;
  std::unique_ptr<Shard> ours_;
  std::unique_ptr<Shard> peer_;
};

TEST_F(Raw, ASynIsAnsweredAndNothingIsRemembered) {
  find_path();
  notebook_.to_say = {syn(5000, 80)};
  EXPECT_TRUE(ours_->has_output());
  EXPECT_EQ(exchange(), 2u);
  EXPECT_FALSE(ours_->has_output());
  ASSERT_EQ(notebook_.heard.size(), 1u);
  const RawSegment& answer = notebook_.heard.front();
  EXPECT_EQ(answer.flags, kRawSyn | kRawAck);
  EXPECT_EQ(answer.ack, 1001u);
  EXPECT_EQ(answer.key, (FlowKey{kOurs, kPeers, 5000, 80}));
  EXPECT_EQ(answer.mss, 1460u);
  EXPECT_TRUE(answer.sack_permitted);
  EXPECT_EQ(exchange(), 0u);  // it was taken: no RST
  EXPECT_EQ(ours_->use().connections, 0u);
  EXPECT_EQ(peer_->use().half_open, 1u);
  EXPECT_EQ(ours_->counters().get(Counter::kTcpOutSegs), 1u);
  EXPECT_EQ(ours_->counters().get(Counter::kDropTcpNoListener), 0u);
}

TEST_F(Raw, WhatTheHandlerDoesNotTakeIsAnsweredByReset) {
  find_path();
  notebook_.takes = false;
  notebook_.to_say = {syn(5000, 80)};
  EXPECT_EQ(exchange(), 2u);
  EXPECT_EQ(exchange(), 1u);
  EXPECT_EQ(ours_->counters().get(Counter::kTcpOutRsts), 1u);
  EXPECT_EQ(peer_->use().half_open, 0u);
}

TEST_F(Raw, AResetIsHeardToo) {
  find_path();
  notebook_.to_say = {syn(5000, 81)};
  EXPECT_EQ(exchange(), 2u);
  ASSERT_EQ(notebook_.heard.size(), 1u);
  EXPECT_EQ(notebook_.heard.front().flags, kRawRst | kRawAck);
  EXPECT_EQ(notebook_.heard.front().ack, 1001u);
}

TEST_F(Raw, ManyFramesLeaveInBurstsOfWhatThereIsRoomFor) {
  find_path();
  for (uint16_t port = 0; port < 10; ++port) {
    notebook_.to_say.push_back(syn(static_cast<uint16_t>(5000 + port), 80));
  }
  exchange();  // four at a time
  EXPECT_EQ(notebook_.heard.size(), 10u);
}

TEST_F(Raw, WithoutAHandlerNothingChanges) {
  find_path();
  notebook_.to_say = {syn(5000, 80)};
  ours_->set_raw_handler(nullptr);
  EXPECT_FALSE(ours_->has_output());
  EXPECT_EQ(exchange(), 0u);
}

TEST_F(Raw, APathNeedsARoute) {
  const auto path = ours_->raw_path(IpAddress::v4(0x0b000001));
  ASSERT_FALSE(path.ok());
  EXPECT_EQ(path.error().message, "no route to 11.0.0.1; add a gateway or a route");
}

TEST_F(Raw, ANeighborThatDoesNotAnswerIsAskedForAsLongAsSomebodyWantsThePath) {
  const IpAddress nobody = IpAddress::v4(0x0a000063);
  for (int ms = 0; ms < 10'000; ++ms) {
    ASSERT_FALSE(ours_->raw_path(nobody).value().has_value());
    exchange();
  }
  EXPECT_GE(ours_->counters().get(Counter::kArpRequestsOut), 9u);
  EXPECT_LE(ours_->counters().get(Counter::kArpRequestsOut), 11u);
}

}  // namespace
}  // namespace millrace
