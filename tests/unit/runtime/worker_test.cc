// SPDX-License-Identifier: BSD-3-Clause
// A worker between a shard and a wire that the test plays.
#include "runtime/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "flow/rss.h"
#include "runtime/clock.h"
#include "unit/runtime/programs.h"

namespace millrace::runtime {
namespace {

// A wire that takes `room_` frames at a time and swallows them.
class FakeWire final : public nic::Wire {
 public:
  size_t receive(std::span<RxFrame> /*frames*/, bool& full) override {
    full = false;
    return 0;
  }
  void release() override {}
  // Never waits, but remembers how long it was to: a frame came at once.
  bool wait(Duration length) override {
    if (interrupts) waits.push_back(length);
    return interrupts;
  }
  void* keep(size_t /*index*/, RxFrame& /*frame*/) override { return nullptr; }
  void give_back(std::span<void* const> /*tokens*/) override {}
  size_t room(Instant /*now*/) override { return room_; }
  void send(std::span<const TxFrame> frames) override {
    EXPECT_LE(frames.size(), room_);
    sent += frames.size();
  }
  [[nodiscard]] bool pending() const override { return false; }
  void discard(size_t further) override { discarded += further; }
  bool poll_link() override { return link_up.load(); }

  std::atomic<bool> link_up{true};
  size_t sent = 0;
  size_t discarded = 0;
  bool interrupts = false;
  std::vector<Duration> waits;
  size_t room_ = kBurstMax;
};

// Asks an address on the link that nobody has: one ARP request. Ends after some turns.
class Turns final : public App, public Program {
 public:
  explicit Turns(int turns_max) : turns_max_(turns_max) {}
  Result<void> start(Shard& shard) override {
    const auto id = shard.connect(Endpoint::parse("10.0.0.9:80").value(), *this);
    if (!id) return id.error();
    return {};
  }
  void turn(Shard& shard) override {
    ++turns;
    time_went_back = time_went_back || shard.now() < last_;
    last_ = shard.now();
  }
  [[nodiscard]] bool finished() const override { return turns >= turns_max_; }
  void on_established(Shard& /*shard*/, ConnectionRef /*connection*/) override {}
  size_t on_data(Shard& /*shard*/, ConnectionRef /*connection*/,
                 std::span<const std::byte> data) override {
    return data.size();
  }
  void on_closed(Shard& /*shard*/, ConnectionRef /*connection*/, CloseReason reason) override {
    EXPECT_EQ(reason, CloseReason::kLocalAbort);
    ++closed;
  }

  int turns = 0;
  int closed = 0;
  bool time_went_back = false;

 private:
  int turns_max_;
  Instant last_{};
};

std::unique_ptr<Shard> make_shard() {
  ShardConfig config = small_shard("10.0.0.1/24");
  config.interface.mac = MacAddress::parse("02:00:00:00:00:01").value();
  config.seed = 1;
  auto shard = Shard::create(config, Clock::system().now());
  return std::move(*shard);
}

constexpr WorkerConfig kQuick{.dpdk = false, .drain_timeout = milliseconds(5)};

// Between a shard's creation and its start devices are opened and peers waited for.
TEST(Worker, AProgramStartsAtTheTimeItIs) {
  class Started final : public Program {
   public:
    Result<void> start(Shard& shard) override {
      time = shard.now();
      return {};
    }
    [[nodiscard]] bool finished() const override { return true; }
    Instant time{};
  };
  ShardConfig config = small_shard("10.0.0.1/24");
  config.interface.mac = MacAddress::parse("02:00:00:00:00:01").value();
  config.seed = 1;
  const Instant now = Clock::system().now();
  auto shard = Shard::create(config, now - seconds(5));
  ASSERT_TRUE(shard) << shard.error().message;
  FakeWire wire;
  Started program;
  Company company(1);
  Worker worker(kQuick, **shard, program, wire, company, nullptr);
  ASSERT_TRUE(worker.start());
  worker.join();
  EXPECT_GE(program.time, now);
}

TEST(Worker, SendsWhatTheShardHas) {
  auto shard = make_shard();
  FakeWire wire;
  Turns program(10);
  Company company(1);
  Worker worker(kQuick, *shard, program, wire, company, nullptr);
  ASSERT_TRUE(worker.start());
  worker.join();
  EXPECT_GE(wire.sent, 2u) << "our announcement and a request for the peer's address";
  EXPECT_EQ(wire.discarded, 0u);
  EXPECT_EQ(program.closed, 1);
  EXPECT_FALSE(program.time_went_back);
  EXPECT_FALSE(worker.running());
  EXPECT_GE(worker.stats().turns, 10u);
  EXPECT_EQ(worker.stats().frames_received, 0u);
}

TEST(Worker, KeepsFramesWhileNobodyIsThereAndGivesThemUpAtTheEnd) {
  auto shard = make_shard();
  FakeWire wire;
  wire.link_up = false;
  Turns program(1000);
  Company company(1);
  Worker worker(kQuick, *shard, program, wire, company, nullptr);
  ASSERT_TRUE(worker.start());
  worker.join();
  EXPECT_EQ(wire.sent, 0u);
  EXPECT_GE(wire.discarded, 2u);
  EXPECT_EQ(shard->use().control_frames, 0u);
  EXPECT_EQ(shard->use().connections, 0u);
}

// A device that takes nothing does not keep the worker from ending.
TEST(Worker, EndsOnADeviceThatTakesNothing) {
  auto shard = make_shard();
  FakeWire wire;
  wire.room_ = 0;
  Turns program(10);
  Company company(1);
  Worker worker(kQuick, *shard, program, wire, company, nullptr);
  ASSERT_TRUE(worker.start());
  worker.join();
  EXPECT_EQ(wire.sent, 0u);
  EXPECT_FALSE(worker.drained());
}

TEST(Worker, StopsWhenAskedHoweverItIdles) {
  for (const Idling idling : {Idling::kPoll, Idling::kYield, Idling::kSleep}) {
    auto shard = make_shard();
    FakeWire wire;
    EchoServer program;
    WorkerConfig config = kQuick;
    config.idling = idling;
    Company company(1);
    Worker worker(config, *shard, program, wire, company, nullptr);
    ASSERT_TRUE(worker.start());
    EXPECT_TRUE(worker.running());
    worker.stop();
    worker.join();
    EXPECT_FALSE(worker.running());
    EXPECT_TRUE(worker.drained());
    EXPECT_EQ(program.stoppings, 1);
  }
}

// Ends when the wire was to be waited on ten times.
class TenWaits final : public Program {
 public:
  TenWaits(const FakeWire& wire, Instant next) : wire_(wire), next_(next) {}
  Result<void> start(Shard& /*shard*/) override { return {}; }
  [[nodiscard]] Instant next_turn() const override { return next_; }
  [[nodiscard]] bool finished() const override { return wire_.waits.size() >= 10; }

 private:
  const FakeWire& wire_;
  Instant next_;
};

std::vector<Duration> waits_of(Instant next_turn) {
  auto shard = make_shard();
  FakeWire wire;
  wire.interrupts = true;
  TenWaits program(wire, next_turn);
  WorkerConfig config = kQuick;
  config.idling = Idling::kSleep;
  Company company(1);
  Worker worker(config, *shard, program, wire, company, nullptr);
  EXPECT_TRUE(worker.start());
  worker.join();
  wire.waits.resize(10);  // the drain has a deadline of its own
  return wire.waits;
}

TEST(Worker, SleepsUntilAFrameComesWhereTheWireSaysSo) {
  for (const Duration length : waits_of(Instant::never())) {
    EXPECT_EQ(length, milliseconds(50)) << "nothing is due, but a stop should be noticed";
  }
}

TEST(Worker, NapsWhenItsProgramDoesNotSayWhenItIsNextToWork) {
  for (const Duration length : waits_of(Instant{})) EXPECT_LE(length, milliseconds(1));
}

// What another worker hands over would not end a wait for the device.
TEST(Worker, OneOfSeveralDoesNotWaitForItsOwnQueue) {
  class Sleeper final : public Program {
   public:
    Result<void> start(Shard& /*shard*/) override { return {}; }
    // Time enough for the polls and pauses before its sleeps, and for some of those.
    void turn(Shard& shard) override {
      if (began == Instant{}) began = shard.now();
      now = shard.now();
    }
    [[nodiscard]] Instant next_turn() const override { return Instant::never(); }
    [[nodiscard]] bool finished() const override { return now - began > milliseconds(20); }
    Instant began{};
    Instant now{};
  };
  const Sharding sharding{
      .count = 2, .rss_key = flow::random_key(1), .rss_table = flow::even_table(8, 2)};
  const flow::Steering steering(sharding);
  Exchange exchange(2, 1);
  FakeWire wire;
  wire.interrupts = true;
  Steerer steerer(steering, exchange, 1, wire);
  auto shard = make_shard();
  Sleeper program;
  WorkerConfig config = kQuick;
  config.idling = Idling::kSleep;
  Company company(1);
  Worker worker(config, *shard, program, wire, company, &steerer);
  ASSERT_TRUE(worker.start());
  worker.join();
  EXPECT_EQ(wire.waits.size(), 0u);
}

// Nothing ever comes, so all that ends its sleeps are the timers of the address resolution.
TEST(Worker, TimersFireWhileItSleeps) {
  class Lonely final : public App, public Program {
   public:
    Result<void> start(Shard& shard) override {
      const auto id = shard.connect(Endpoint::parse("10.0.0.9:80").value(), *this);
      if (!id) return id.error();
      return {};
    }
    [[nodiscard]] bool finished() const override { return closed; }
    void on_established(Shard& /*shard*/, ConnectionRef /*connection*/) override {}
    size_t on_data(Shard& /*shard*/, ConnectionRef /*connection*/,
                   std::span<const std::byte> data) override {
      return data.size();
    }
    void on_closed(Shard& /*shard*/, ConnectionRef /*connection*/, CloseReason why) override {
      closed = true;
      reason = why;
    }
    bool closed = false;
    CloseReason reason{};
  };
  ShardConfig shard_config = small_shard("10.0.0.1/24");
  shard_config.interface.mac = MacAddress::parse("02:00:00:00:00:01").value();
  shard_config.seed = 1;
  shard_config.arp_timeout = milliseconds(20);
  auto shard = Shard::create(shard_config, Clock::system().now());
  ASSERT_TRUE(shard) << shard.error().message;
  FakeWire wire;
  Lonely program;
  WorkerConfig config = kQuick;
  config.idling = Idling::kSleep;
  Company company(1);
  Worker worker(config, **shard, program, wire, company, nullptr);
  ASSERT_TRUE(worker.start());
  worker.join();
  EXPECT_EQ(program.reason, CloseReason::kNeighborUnreachable);
  EXPECT_EQ(wire.sent, 1u + shard_config.arp_retries) << "our announcement, and each try";
}

}  // namespace
}  // namespace millrace::runtime
