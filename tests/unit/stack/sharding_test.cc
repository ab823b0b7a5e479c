// SPDX-License-Identifier: BSD-3-Clause
// Shards of one group: each connects from ports whose answers reach it, and says so when it has
// none left; cookies of one are good at the others; one of them answers for all.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <set>
#include <vector>

#include "flow/rss.h"
#include "millrace/shard.h"
#include "support/naive_frame.h"
#include "support/pieces.h"

namespace millrace {
namespace {

constexpr uint16_t kShards = 3;
constexpr uint32_t kOurIp = 0x0a000001;
constexpr uint32_t kPeerIp = 0x0a000002;
constexpr MacAddress kOurMac = {{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeerMac = {{2, 0, 0, 0, 0, 2}};
const Endpoint kServer{IpAddress::v4(kPeerIp), 80};

class QuietApp final : public App {
 public:
  uint32_t established = 0;

 private:
  void on_established(Shard&, ConnectionRef) override { ++established; }
  size_t on_data(Shard&, ConnectionRef, std::span<const std::byte> data) override {
    return data.size();
  }
  void on_closed(Shard&, ConnectionRef, CloseReason) override {}
};

class ShardGroup : public testing::Test {
 protected:
  void make(uint16_t port_first = 1024, uint16_t port_last = 65535) {
    ShardConfig config;
    config.interface.mac = kOurMac;
    config.interface.addresses = {{IpAddress::v4(kOurIp), 24}};
    config.interface.gratuitous_arp = false;
    config.sharding.count = kShards;
    config.sharding.rss_key = flow::random_key(77);
    config.sharding.rss_table = flow::even_table(128, kShards);
    config.connections_max = 4096;
    config.half_open_max = 64;
    config.time_wait_max = 64;
    config.small_blocks_max = 64;
    config.large_blocks_max = 64;
    config.port_first = port_first;
    config.port_last = port_last;
    config.seed = 5;
    for (uint16_t i = 0; i < kShards; ++i) {
      config.sharding.index = i;
      shards_.push_back(std::move(Shard::create(config, now_).value()));
    }
    rss_ = std::make_unique<flow::Rss>(config.sharding);
  }

  std::vector<test::NaiveFrame> sent_by(uint16_t shard) {
    std::vector<test::NaiveFrame> out;
    std::array<TxFrame, 32> frames;
    while (const size_t n = shards_[shard]->transmit(now_, frames)) {
      for (const TxFrame& frame : std::span(frames).first(n)) {
        test::Bytes bytes(frame.total_bytes());
        write_frame(frame, bytes);
        out.push_back(test::decode(bytes));
      }
    }
    return out;
  }

  void give(uint16_t shard, const test::Bytes& bytes) {
    const RxFrame frame{.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())};
    shards_[shard]->receive(now_, {&frame, 1});
  }

  static test::NaiveArp arp_of_peer(uint16_t operation) {
    return {.destination_mac = kOurMac,
            .source_mac = kPeerMac,
            .operation = operation,
            .sender_mac = kPeerMac,
            .target_mac = operation == 1 ? MacAddress{} : kOurMac,
            .sender_ip = kPeerIp,
            .target_ip = kOurIp};
  }

  Instant now_ = {1'000'000'000};
  QuietApp app_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<flow::Rss> rss_;
};

TEST_F(ShardGroup, WhatAShardOpensIsAnsweredToIt) {
  make();
  std::set<uint16_t> ports;
  for (uint16_t i = 0; i < kShards; ++i) {
    give(i, test::build(arp_of_peer(2)));
    for (int n = 0; n < 1000; ++n) {
      const auto id = shards_[i]->connect(kServer, app_);
      ASSERT_TRUE(id.ok()) << id.error().message;
      const FlowKey key = shards_[i]->info(*id)->key;
      ASSERT_EQ(rss_->owner_of(key), i);
      ASSERT_TRUE(ports.insert(key.local_port).second) << "a port of two connections";
    }
  }
}

TEST_F(ShardGroup, WhatTheFirstPutsTogetherOfFragmentsGoesToItsOwner) {
  make();
  for (uint16_t owner = 0; owner < kShards; ++owner) {
    test::NaiveTcp syn{.destination_mac = kOurMac,
                       .source_mac = kPeerMac,
                       .source_ip = kPeerIp,
                       .destination_ip = kOurIp,
                       .source_port = 1000,
                       .destination_port = 81,
                       .flags = test::kSyn,
                       .payload = test::Bytes(20)};
    const auto key = [&] {
      return FlowKey{IpAddress::v4(kOurIp), IpAddress::v4(kPeerIp), 81, syn.source_port};
    };
    while (rss_->owner_of(key()) != owner) ++syn.source_port;
    give(owner, test::build(arp_of_peer(1)));
    (void)sent_by(owner);
    const test::Bytes whole = test::build(syn);
    give(0, test::piece_of(whole, owner, 24, 99));
    RxFrame frame;
    ASSERT_FALSE(shards_[0]->take_whole(frame));
    give(0, test::piece_of(whole, owner, 0, 24));
    ASSERT_EQ(shards_[0]->take_whole(frame), owner != 0);
    if (owner != 0) {
      ASSERT_EQ(frame.length, whole.size());
      shards_[owner]->receive(now_, {&frame, 1});
      ASSERT_FALSE(shards_[0]->take_whole(frame));
    }
    const auto sent = sent_by(owner);
    ASSERT_EQ(sent.size(), 1u) << "nobody listens there";
    EXPECT_NE(sent[0].tcp->flags & test::kRst, 0);
  }
}

TEST_F(ShardGroup, EveryPortOfTheShareIsUsedAndThenTheErrorCounts) {
  make(40000, 40299);
  size_t opened = 0;
  for (uint16_t i = 0; i < kShards; ++i) {
    size_t share = 0;
    for (;;) {
      const auto id = shards_[i]->connect(kServer, app_);
      if (!id) {
        const std::string expected = "of 300 ports 40000..40299 " + std::to_string(share) +
                                     " are those of shard " + std::to_string(i) +
                                     " of 3, and all are in use, " + std::to_string(share) +
                                     " by connections and 0 in TIME-WAIT";
        EXPECT_NE(id.error().message.find(expected), std::string::npos) << id.error().message;
        break;
      }
      ++share;
    }
    opened += share;
  }
  EXPECT_EQ(opened, 300u);
}

TEST_F(ShardGroup, APortOfAnotherShardIsRefused) {
  make();
  FlowKey key{IpAddress::v4(kOurIp), kServer.address, 1024, kServer.port};
  while (rss_->owner_of(key) == 0) ++key.local_port;
  const Endpoint local{key.local, key.local_port};
  const auto refused = shards_[0]->connect(kServer, app_, 0, {}, local);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("let the shard choose"), std::string::npos);
  EXPECT_TRUE(shards_[rss_->owner_of(key)]->connect(kServer, app_, 0, {}, local).ok());
}

// A client that comes again may reach another shard, from another port.
TEST_F(ShardGroup, AFastOpenCookieOfOneShardIsGoodAtAnother) {
  make();
  TcpOptions options;
  options.fast_open = true;
  for (auto& shard : shards_) ASSERT_TRUE(shard->listen({{}, 80}, app_, options).ok());
  for (uint16_t i = 0; i < kShards; ++i) give(i, test::build(arp_of_peer(1)));
  for (uint16_t i = 0; i < kShards; ++i) sent_by(i);
  test::NaiveTcp syn{.destination_mac = kOurMac,
                     .source_mac = kPeerMac,
                     .source_ip = kPeerIp,
                     .destination_ip = kOurIp,
                     .source_port = 5555,
                     .destination_port = 80,
                     .seq = 1000,
                     .flags = test::kSyn,
                     .window = 65535,
                     .fast_open = test::Bytes{}};
  give(0, test::build(syn));
  const auto answers = sent_by(0);
  ASSERT_EQ(answers.size(), 1u);
  ASSERT_TRUE(answers[0].tcp && answers[0].tcp->fast_open);
  syn.source_port = 5556;
  syn.fast_open = answers[0].tcp->fast_open;
  syn.payload = test::Bytes(10);
  give(2, test::build(syn));
  EXPECT_EQ(app_.established, 1u);
}

// What one shard is told about a path, the others' next connections begin with.
TEST_F(ShardGroup, NewsOfAPathAreForAll) {
  make();
  constexpr uint16_t kNarrow = 1000;
  const auto open = [&](uint16_t i) {
    give(i, test::build(arp_of_peer(1)));
    const ConnectionId id = shards_[i]->connect(kServer, app_).value();
    const test::NaiveTcp syn = *sent_by(i).back().tcp;
    give(i, test::build(test::NaiveTcp{.destination_mac = kOurMac,
                                       .source_mac = kPeerMac,
                                       .source_ip = kPeerIp,
                                       .destination_ip = kOurIp,
                                       .source_port = 80,
                                       .destination_port = syn.source_port,
                                       .seq = 5000,
                                       .ack = syn.seq + 1,
                                       .flags = test::kSyn | test::kAck,
                                       .window = 65535,
                                       .mss = 1460}));
    return id;
  };
  const ConnectionId told = open(0);
  const std::vector<std::byte> data(3000);
  EXPECT_EQ(shards_[0]->send(told, data), data.size());
  std::array<TxFrame, 8> frames;
  ASSERT_NE(shards_[0]->transmit(now_, frames), 0u);
  ASSERT_EQ(frames[0].payload_bytes, 1460);
  // Fragmentation needed, with the header that it is about and 8 bytes more.
  test::Bytes body{std::byte{0}, std::byte{0}, std::byte{kNarrow >> 8}, std::byte{kNarrow & 0xff}};
  body.insert(body.end(), frames[0].header.begin() + 14, frames[0].header.begin() + 14 + 28);
  give(0, test::build(test::NaiveIcmp{.destination_mac = kOurMac,
                                      .source_mac = kPeerMac,
                                      .source_ip = 0x0a0000fe,
                                      .destination_ip = kOurIp,
                                      .type = 3,
                                      .code = 4,
                                      .body = body}));
  std::array<PathNews, 4> news;
  ASSERT_EQ(shards_[0]->take_news(news), 1u);
  EXPECT_EQ(shards_[0]->take_news(news), 0u) << "told once";
  EXPECT_EQ(news[0].peer, kServer.address);
  EXPECT_EQ(news[0].mtu, kNarrow);

  EXPECT_EQ(shards_[1]->info(open(1))->pmtu, 1500);
  shards_[2]->learn(news[0]);
  EXPECT_EQ(shards_[2]->info(open(2))->pmtu, kNarrow);
}

TEST_F(ShardGroup, OneAnswersForAllAndAllLearn) {
  make();
  for (uint16_t i = 0; i < kShards; ++i) {
    give(i, test::build(arp_of_peer(1)));
    const auto answers = sent_by(i);
    EXPECT_EQ(answers.size(), i == 0 ? 1u : 0u);
    EXPECT_EQ(shards_[i]->use().neighbors, 1u);
    ASSERT_TRUE(shards_[i]->connect(kServer, app_).ok());
    const auto syns = sent_by(i);
    ASSERT_EQ(syns.size(), 1u);
    EXPECT_TRUE(syns[0].tcp) << "the peer is known without asking";
  }
}

TEST(ShardingConfig, NamesWhatIsWrong) {
  Sharding sharding{.index = 0, .count = 2, .rss_key = flow::random_key(1), .rss_table = {0, 1}};
  EXPECT_TRUE(validate(sharding).ok());
  const auto complaint = [](const Sharding& wrong) { return validate(wrong).error().message; };
  Sharding wrong = sharding;
  wrong.index = 2;
  EXPECT_EQ(complaint(wrong), "sharding.index is 2; it must be from 0 to 1");
  wrong = sharding;
  wrong.rss_key.resize(39);
  EXPECT_EQ(complaint(wrong), "rss_key bytes is 39; it must be from 40 to 52");
  wrong = sharding;
  wrong.rss_table = {0, 2};
  EXPECT_EQ(complaint(wrong), "rss_table entry is 2; it must be from 0 to 1");
  wrong = sharding;
  wrong.rss_table.assign(513, 0);
  EXPECT_EQ(complaint(wrong), "rss_table entries is 513; it must be from 1 to 512");
}

}  // namespace
}  // namespace millrace
