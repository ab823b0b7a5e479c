// SPDX-License-Identifier: BSD-3-Clause
// What is left of a host's connections in the file where they lie.
#include "millrace/survivors.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "base/random.h"
#include "millrace/host.h"

namespace millrace {
namespace {

constexpr IpAddress kOurs = IpAddress::v4(0x0a000001);
constexpr IpAddress kPeers = IpAddress::v4(0x0a000002);

class RuntimeSurvivors : public testing::Test {
 protected:
  ~RuntimeSurvivors() override { close(file_); }

  std::unique_ptr<Host> host(const IpAddress& address, uint8_t number, int file) {
    ShardConfig config;
    config.interface.mac = {{2, 0, 0, 0, 0, number}};
    config.interface.addresses = {{address, 24}};
    config.connections_max = 1000;
    config.half_open_max = config.time_wait_max = 16;
    config.small_blocks_max = config.large_blocks_max = 64;
    config.connections_file = file;
    config.seed = number;
    return std::move(Host::create(config).value());
  }
  void exchange() {
    for (int i = 0; i < 6; ++i) {
      for (const auto& frame : ours_->collect()) peers_->inject(frame);
      for (const auto& frame : peers_->collect()) ours_->inject(frame);
    }
  }

  const int file_ = memfd_create("connections", MFD_CLOEXEC);
  std::unique_ptr<Host> ours_ = host(kOurs, 1, file_);
  std::unique_ptr<Host> peers_ = host(kPeers, 2, -1);
};

TEST_F(RuntimeSurvivors, AreTheConnectionsWithTheirNextNumbers) {
  ASSERT_TRUE(peers_->listen({IpAddress{}, 80}).ok());
  std::vector<ConnectionId> ids;
  for (uint16_t port = 5000; port < 5003; ++port) {
    ids.push_back(ours_->connect({kPeers, 80}, {}, {kOurs, port}).value());
  }
  exchange();
  const std::vector<std::byte> text(100);
  ours_->send(ids[1], text);  // not even acknowledged
  for (const auto& frame : ours_->collect()) static_cast<void>(frame);
  ours_->shutdown(ids[2]);

  const uint32_t next = ours_->info(ids[1])->snd_nxt;
  ours_.reset();
  const auto survivors = read_survivors(file_);
  ASSERT_TRUE(survivors) << survivors.error().message;
  ASSERT_EQ(survivors->size(), 3u);
  for (uint16_t i = 0; i < 3; ++i) {
    const FlowKey key{kOurs, kPeers, static_cast<uint16_t>(5000 + i), 80};
    EXPECT_EQ((*survivors)[i].key, key);
  }
  EXPECT_EQ((*survivors)[0].state, State::kEstablished);
  EXPECT_EQ((*survivors)[1].snd_nxt, next);
}

TEST_F(RuntimeSurvivors, DoNotCountThoseThatAreOver) {
  ASSERT_TRUE(peers_->listen({IpAddress{}, 80}).ok());
  const ConnectionId over = ours_->connect({kPeers, 80}).value();
  const ConnectionId stays = ours_->connect({kPeers, 80}).value();
  exchange();
  ours_->abort(over);
  exchange();
  EXPECT_TRUE(ours_->info(stays));
  EXPECT_EQ(read_survivors(file_)->size(), 1u);
}

TEST_F(RuntimeSurvivors, ThereAreNoneInAFileThatWasNeverWritten) {
  EXPECT_TRUE(read_survivors(file_)->empty());
}

TEST_F(RuntimeSurvivors, WhatCannotBeAConnectionIsLeftOut) {
  base::Random random(1);
  std::vector<uint64_t> garbage(24 * 500);
  for (uint64_t& word : garbage) word = random.next();
  ASSERT_GT(pwrite(file_, garbage.data(), garbage.size() * 8, 0), 0);
  const auto survivors = read_survivors(file_);
  ASSERT_TRUE(survivors);
  for (const Survivor& s : *survivors) {
    EXPECT_NE(s.state, State::kClosed);
    EXPECT_LT(static_cast<size_t>(s.state), kStateCount);
    EXPECT_EQ(s.key.local.is_v4(), s.key.peer.is_v4());
  }
}

TEST(RuntimeSurvivorsFile, OneThatCannotBeReadIsSaid) {
  const auto survivors = read_survivors(-1);
  ASSERT_FALSE(survivors);
  EXPECT_NE(survivors.error().message.find("cannot be read"), std::string::npos);
}

}  // namespace
}  // namespace millrace
