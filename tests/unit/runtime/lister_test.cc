// SPDX-License-Identifier: BSD-3-Clause
// Walks at a worker, and listings of an engine: who waits for whom, and what is given back.
#include "runtime/lister.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "millrace/engine.h"
#include "runtime/programs.h"

namespace millrace::runtime {
namespace {

class Nobody final : public App {
 public:
  void on_established(Shard&, ConnectionRef) override {}
  size_t on_data(Shard&, ConnectionRef, std::span<const std::byte> data) override {
    return data.size();
  }
  void on_closed(Shard&, ConnectionRef, CloseReason) override {}
};

// A shard with connections that nobody answers: they stay as they are.
class ListerTest : public testing::Test {
 protected:
  static constexpr size_t kConnections = 600;

  ListerTest() {
    ShardConfig config = small_shard("10.0.0.1/16");
    config.interface.mac = {{2, 0, 0, 0, 0, 1}};
    config.seed = 1;
    shard_ = std::move(Shard::create(config, {}).value());
    lister_.open();
    for (size_t i = 0; i < kConnections; ++i) {
      EXPECT_TRUE(shard_->connect({IpAddress::v4(0x0a000002), 80}, nobody_).ok());
    }
  }
  bool turn(bool busy = false) { return lister_.turn(*shard_, Clock::system(), busy); }
  size_t take(Walk& walk, size_t entries_max) {
    std::vector<Listed> some(entries_max);
    return walk.take(some);
  }

  Nobody nobody_;
  std::unique_ptr<Shard> shard_;
  Lister lister_;
};

TEST_F(ListerTest, ASlowReaderMakesTheWalkWaitAndNoWorker) {
  Walk walk;
  walk.prepare({});
  ASSERT_TRUE(lister_.post(walk));
  while (turn()) {
  }
  EXPECT_FALSE(walk.over());
  EXPECT_FALSE(turn()) << "the ring is full: nothing is done";
  const size_t first = take(walk, Walk::kRing);
  EXPECT_LE(first, Walk::kRing);
  EXPECT_GT(first, Walk::kRing - ListCursor::kSlice);
  size_t taken = first;
  while (!walk.over()) {
    EXPECT_TRUE(lister_.wanted());
    turn();
    taken += take(walk, Walk::kRing);
  }
  taken += take(walk, Walk::kRing);
  EXPECT_EQ(taken, kConnections);
  EXPECT_FALSE(lister_.wanted());
}

TEST_F(ListerTest, WalksTakeTurns) {
  std::array<Walk, 2> walks;
  for (Walk& walk : walks) {
    walk.prepare({.counts_only = true});
    ASSERT_TRUE(lister_.post(walk));
  }
  size_t turns = 0;
  for (; lister_.wanted(); ++turns) turn();
  for (Walk& walk : walks) {
    EXPECT_TRUE(walk.over());
    EXPECT_EQ(walk.cursor().counts()[static_cast<size_t>(State::kSynSent)], kConnections);
  }
  EXPECT_GE(turns, 2 * kConnections / ListCursor::kSlice) << "one slice in a turn";
}

TEST_F(ListerTest, AWalkThatIsGivenUpIsLetGo) {
  Walk walk;
  walk.prepare({});
  ASSERT_TRUE(lister_.post(walk));
  turn();
  walk.give_up();
  turn();
  EXPECT_TRUE(walk.over());
  EXPECT_FALSE(lister_.wanted());
  walk.prepare({.counts_only = true});
  EXPECT_EQ(take(walk, Walk::kRing), 0u) << "the next one begins anew";
}

TEST_F(ListerTest, ABusyWorkerPausesAfterEachSlice) {
  Walk walk;
  walk.prepare({.counts_only = true});
  ASSERT_TRUE(lister_.post(walk));
  const Instant began = Clock::system().now();
  EXPECT_TRUE(turn(true));
  const Duration slice = lister_.longest_slice();
  EXPECT_GT(slice.ns, 0);
  while (!turn(true)) {
  }
  EXPECT_GE((Clock::system().now() - began).ns, slice.ns * Lister::kPauses);
}

TEST_F(ListerTest, AWorkerThatEndsLetsItsWalksGo) {
  Walk walk;
  walk.prepare({});
  ASSERT_TRUE(lister_.post(walk));
  lister_.close();
  EXPECT_TRUE(walk.over());
  EXPECT_FALSE(walk.cursor().done());
  EXPECT_FALSE(lister_.post(walk)) << "until it begins again";
  lister_.open();
  EXPECT_TRUE(lister_.post(walk));
  lister_.close();
}

class EngineListingTest : public testing::Test {
 protected:
  EngineListingTest() {
    EngineConfig left;
    left.shard = small_shard("10.0.0.1/16");
    EngineConfig right;
    right.shard = small_shard("10.0.0.2/16");
    std::array<Program*, 2> left_programs = {&servers_[0], &servers_[1]};
    std::array<Program*, 2> right_programs = {&servers_[2], &servers_[3]};
    auto engines = Engine::create_loopback(left, left_programs, right, right_programs);
    EXPECT_TRUE(engines.ok());
    engine_ = std::move(engines->first);
    other_ = std::move(engines->second);
  }
  // Which shards the entries are of.
  static std::vector<size_t> read(EngineListing& listing) {
    std::vector<size_t> shards;
    std::array<Listed, 8> some;
    while (!listing.over()) {
      size_t shard = 0;
      for (size_t n = listing.take(some, shard); n != 0; --n) shards.push_back(shard);
    }
    return shards;
  }

  std::array<EchoServer, 4> servers_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> other_;
};

TEST_F(EngineListingTest, AllShardsAreListed) {
  ASSERT_TRUE(engine_->start().ok());
  auto listing = engine_->list({});
  ASSERT_TRUE(listing.ok());
  EXPECT_EQ(read(**listing), (std::vector<size_t>{0, 1})) << "a listener each";
  EXPECT_TRUE((*listing)->complete());
  EXPECT_EQ((*listing)->counts()[static_cast<size_t>(State::kListen)], 2u);
}

TEST_F(EngineListingTest, FourAtATimeAndPlacesComeBack) {
  ASSERT_TRUE(engine_->start().ok());
  std::vector<std::unique_ptr<EngineListing>> listings;
  for (int i = 0; i < 4; ++i) listings.push_back(std::move(*engine_->list({})));
  EXPECT_FALSE(engine_->list({}).ok());
  listings.pop_back();  // unread
  auto next = engine_->list({});
  while (!next) next = engine_->list({});  // until the workers have let go
  EXPECT_EQ(read(**next).size(), 2u);
}

TEST_F(EngineListingTest, OfAnEngineThatDoesNotRunThereIsNothingToList) {
  auto before = engine_->list({});
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(read(**before).size(), 0u);
  EXPECT_TRUE((*before)->complete());
  before->reset();
  ASSERT_TRUE(engine_->start().ok());
  engine_->stop();
  while (engine_->running()) {
  }
  auto after = engine_->list({});
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(read(**after).size(), 0u);
  EXPECT_TRUE((*after)->complete());
}

}  // namespace
}  // namespace millrace::runtime
