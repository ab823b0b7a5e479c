// SPDX-License-Identifier: BSD-3-Clause
// SYNs of all kinds to two hosts that answer with cookies, one of which knows no short way: what
// they say and count is the same, and sound.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "millrace/host.h"
#include "support/naive_frame.h"
#include "wire/build.h"
#include "wire/plain_syn.h"

namespace millrace {
namespace {

using test::Bytes;

constexpr MacAddress kOurMac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};
constexpr uint32_t kOurIp = 0x0a000001;
constexpr uint32_t kPeerIp = 0x0a000002;  // and the next

// In millrace's layout of options, which is Linux's. The address and port say which SYN it is.
Bytes syn(const wire::SegmentHeader& header, uint32_t peer = kPeerIp, uint16_t local_port = 80) {
  TxFrame frame;
  frame.payload_spans = 0;
  frame.payload_bytes = 0;
  const FlowKey key{IpAddress::v4(peer), IpAddress::v4(kOurIp), 5000, local_port};
  wire::build_tcp(frame, wire::make_ethernet(kOurMac, kPeerMac, wire::kEthertypeIpv4), {}, key,
                  header);
  Bytes bytes(frame.total_bytes());
  write_frame(frame, bytes);
  return bytes;
}

wire::SegmentHeader linux_header() {
  return {.seq = wire::SeqNum(1000),
          .flags = wire::kSyn,
          .has_timestamps = true,
          .sack_permitted = true,
          .window_shift = 7,
          .mss = 1460,
          .ts_value = 77};
}

bool is_plain_syn(const Bytes& bytes) {
  const RxFrame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
  return wire::is_plain_syn(frame, wire::plain_shape(kOurMac));
}

TEST(StackPlainSyn, ThreeLayoutsOfOptionsArePlain) {
  EXPECT_TRUE(is_plain_syn(syn(linux_header())));
  EXPECT_TRUE(is_plain_syn(syn({.flags = wire::kSyn, .mss = 536})));
  EXPECT_TRUE(is_plain_syn(syn({.flags = wire::kSyn})));
}

TEST(StackPlainSyn, WhatIsNotQuiteOneIsNot) {
  wire::SegmentHeader h = linux_header();
  h.flags |= wire::kEce | wire::kCwr;
  EXPECT_FALSE(is_plain_syn(syn(h))) << "asks for ECN";
  h = linux_header();
  h.flags |= wire::kAck;
  EXPECT_FALSE(is_plain_syn(syn(h))) << "a SYN-ACK";
  h = linux_header();
  h.sack_permitted = false;
  EXPECT_FALSE(is_plain_syn(syn(h))) << "another layout";
  h = linux_header();
  h.fast_open_length = 2;
  EXPECT_FALSE(is_plain_syn(syn(h))) << "Fast Open";
  EXPECT_FALSE(is_plain_syn(syn(linux_header(), kPeerIp, 0))) << "port 0";
  Bytes frame = syn(linux_header());
  frame.back() ^= std::byte{1};
  EXPECT_FALSE(is_plain_syn(frame)) << "a wrong checksum";
  frame = syn(linux_header());
  frame.pop_back();
  EXPECT_FALSE(is_plain_syn(frame)) << "cut off";
  frame = syn(linux_header());
  frame[5] ^= std::byte{1};
  EXPECT_FALSE(is_plain_syn(frame)) << "to somebody else";
}

class Pair {
 public:
  explicit Pair(const TcpOptions& options) {
    for (const bool prediction : {true, false}) {
      ShardConfig config;
      config.interface.mac = kOurMac;
      config.interface.addresses = {{IpAddress::v4(kOurIp), 24}};
      config.interface.routes = {{{IpAddress::v4(0), 0}, IpAddress::v4(kPeerIp)}};
      config.connections_max = config.time_wait_max = 64;
      config.half_open_max = 8;
      config.small_blocks_max = config.large_blocks_max = 256;
      config.syn_cookies = SynCookies::kAlways;
      config.control_frames_max = 16;
      config.prediction = prediction;
      config.seed = 5;
      hosts_.push_back(std::move(Host::create(config).value()));
      listeners_.push_back(hosts_.back()->listen({IpAddress{}, 80}, options).value());
    }
  }

  // Each frame on its own; what came out of the first host.
  std::vector<Bytes> play(const std::vector<Bytes>& burst) {
    std::vector<std::vector<Bytes>> said;
    for (const auto& host : hosts_) {
      std::vector<RxFrame> frames;
      for (const Bytes& b : burst) {
        frames.push_back({.data = b.data(), .length = static_cast<uint32_t>(b.size())});
      }
      host->shard().receive(host->now(), frames);
      said.push_back(host->collect());
    }
    EXPECT_EQ(said[0], said[1]);
    return said[0];
  }
  void expect_equal_counters() const {
    for (size_t i = 0; i < kCounterCount; ++i) {
      const auto counter = static_cast<Counter>(i);
      EXPECT_EQ(hosts_[0]->shard().counters().get(counter),
                hosts_[1]->shard().counters().get(counter))
          << to_string(counter);
    }
  }
  void pass(Duration time) {
    for (const auto& host : hosts_) host->set_time(host->now() + time);
  }
  Host& first() { return *hosts_[0]; }
  void close_listeners() {
    for (size_t i = 0; i < hosts_.size(); ++i) hosts_[i]->close_listener(listeners_[i]);
  }

 private:
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<ListenerId> listeners_;
};

void introduce(Pair& pair, uint32_t peer) {
  test::NaiveArp arp;
  arp.destination_mac = kOurMac;
  arp.source_mac = arp.sender_mac = kPeerMac;
  arp.sender_ip = peer;
  arp.target_ip = kOurIp;
  pair.play({test::build(arp)});
}

TEST(StackPlainSyn, AnySynIsAnsweredAsTheLongWayDoes) {
  base::Random random(3);
  const std::vector<TcpOptions> habits = {
      {},
      {.timestamps = false},
      {.window_scale = false},
      {.sack = false},
      {.mss_max = 500, .dscp = 10},
      {.ecn = Ecn::kAccurate},
      {.user_timeout = seconds(90), .user_timeout_option = true},
      {.fast_open = true},
  };
  for (const TcpOptions& options : habits) {
    Pair pair(options);
    introduce(pair, kPeerIp);
    introduce(pair, kPeerIp + 1);
    size_t answers = 0;
    for (int turn = 0; turn < 60; ++turn) {
      std::vector<Bytes> burst;
      for (uint32_t n = 1 + random.below(24); n != 0; --n) {  // more than there is room for answers
        wire::SegmentHeader h = linux_header();
        h.seq = wire::SeqNum(static_cast<uint32_t>(random.next()));
        h.ts_value = static_cast<uint32_t>(random.next());
        h.mss = static_cast<uint16_t>(random.next());
        h.window_shift = static_cast<uint8_t>(random.below(20));
        if (random.below(4) == 0) h = {.seq = h.seq, .flags = wire::kSyn, .mss = h.mss};
        if (random.below(8) == 0) h.flags |= wire::kEce | wire::kCwr;
        if (random.below(8) == 0) h.mss = 0;
        if (random.below(16) == 0) h.fast_open_length = 2;
        // A host nobody knows yet, ourselves, the broadcast address, one beyond the gateway.
        constexpr uint32_t kOthers[] = {kPeerIp + 2, kOurIp, 0x0a0000ff, 0xc0000201};
        const uint32_t peer =
            random.below(8) == 0 ? kOthers[random.below(4)] : kPeerIp + random.below(2);
        burst.push_back(syn(h, peer, random.below(8) == 0 ? 81 : 80));
      }
      for (const Bytes& frame : pair.play(burst)) {
        const test::NaiveFrame seen = test::decode(frame);
        ASSERT_EQ(seen.problem, "");
        answers += seen.tcp && seen.tcp->flags == (test::kSyn | test::kAck);
      }
      pair.pass(milliseconds(random.below(500)));
    }
    pair.expect_equal_counters();
    EXPECT_GT(answers, 200u);
  }
}

TEST(StackPlainSyn, AFloodFromNeighboursNobodyKnowsLeavesRoomForOthers) {
  Pair pair({});
  introduce(pair, kPeerIp);
  std::vector<Bytes> burst;
  for (uint32_t i = 0; i < 40; ++i) burst.push_back(syn(linux_header(), 0x0a000080 + i % 20));
  burst.push_back(syn(linux_header(), kPeerIp));
  size_t questions = 0;
  size_t answers = 0;
  for (const Bytes& frame : pair.play(burst)) {
    const test::NaiveFrame seen = test::decode(frame);
    questions += seen.arp.has_value();
    answers += seen.tcp && seen.tcp->destination_ip == kPeerIp;
  }
  EXPECT_EQ(answers, 1u);
  EXPECT_GE(questions, 4u) << "a neighbour that is never asked for never answers";
}

TEST(StackPlainSyn, WhatIsPreparedEndsWithItsListener) {
  Pair pair({});
  introduce(pair, kPeerIp);
  EXPECT_EQ(pair.play({syn(linux_header())}).size(), 1u);
  pair.close_listeners();
  const std::vector<Bytes> said = pair.play({syn(linux_header())});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(test::decode(said[0]).tcp->flags, test::kRst | test::kAck);
  pair.expect_equal_counters();
}

}  // namespace
}  // namespace millrace
