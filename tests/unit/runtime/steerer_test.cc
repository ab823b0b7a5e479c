// SPDX-License-Identifier: BSD-3-Clause
// Steering between workers whose wires live in memory: what arrives at the wrong one reaches the
// right one, in order, and its memory goes back; also with threads that run at their own speed.
#include "runtime/steerer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "base/random.h"
#include "support/naive_frame.h"

namespace millrace::runtime {
namespace {

using test::Bytes;

constexpr uint16_t kWorkers = 3;

Sharding three_shards() {
  return {.count = kWorkers,
          .rss_key = flow::random_key(9),
          .rss_table = flow::even_table(128, kWorkers)};
}

Bytes segment(uint16_t peer_port, uint32_t seq) {
  return test::build(test::NaiveTcp{.destination_mac = {{2, 0, 0, 0, 0, 1}},
                                    .source_mac = {{2, 0, 0, 0, 0, 2}},
                                    .source_ip = 0x0a000002,
                                    .destination_ip = 0x0a000001,
                                    .source_port = peer_port,
                                    .destination_port = 80,
                                    .seq = seq,
                                    .flags = test::kAck,
                                    .window = 1000});
}

Bytes arp() {
  return test::build(test::NaiveArp{
      .source_mac = {{2, 0, 0, 0, 0, 2}}, .sender_ip = 0x0a000002, .target_ip = 0x0a000001});
}

// A wire whose frames the test writes. It knows which of its frames somebody may still look at, and
// overwrites those that came back.
class MemoryWire final : public nic::Wire {
 public:
  void arrive(Bytes bytes, uint32_t rss_hash = 0) {
    waiting_.push_back(std::make_unique<Frame>(Frame{std::move(bytes), rss_hash}));
  }

  size_t receive(std::span<RxFrame> frames, bool& full) override {
    held_.clear();
    while (held_.size() < frames.size() && !waiting_.empty()) {
      held_.push_back(std::move(waiting_.front()));
      waiting_.erase(waiting_.begin());
      const Frame& frame = *held_.back();
      frames[held_.size() - 1] = {.data = frame.bytes.data(),
                                  .length = static_cast<uint32_t>(frame.bytes.size()),
                                  .rss_hash = frame.rss_hash};
    }
    full = held_.size() == frames.size();
    return held_.size();
  }
  void release() override {
    for (auto& frame : held_) returned += frame != nullptr;
    held_.clear();
  }
  void* keep(size_t index, RxFrame& /*frame*/) override {
    ++kept;
    return held_[index].release();
  }
  void give_back(std::span<void* const> tokens) override {
    for (void* const token : tokens) {
      auto* frame = static_cast<Frame*>(token);
      std::memset(frame->bytes.data(), 0xee, frame->bytes.size());
      delete frame;
      ++returned;
      --kept;
    }
  }
  size_t room(Instant /*now*/) override { return 0; }
  void send(std::span<const TxFrame> /*frames*/) override {}
  [[nodiscard]] bool pending() const override { return false; }
  void discard(size_t /*further*/) override {}
  bool poll_link() override { return true; }

  size_t returned = 0;
  size_t kept = 0;

 private:
  struct Frame {
    Bytes bytes;
    uint32_t rss_hash;
  };
  std::vector<std::unique_ptr<Frame>> waiting_;
  std::vector<std::unique_ptr<Frame>> held_;
};

// What a worker's shard would have got: of each segment port and sequence number.
struct Got {
  uint16_t peer_port;
  uint32_t seq;
};

class Post {
 public:
  Post(const flow::Steering& steering, Exchange& exchange, uint16_t self)
      : steerer(steering, exchange, self, wire) {}

  // A worker's turn.
  void turn() {
    steerer.collect();
    std::array<RxFrame, 8> frames;
    bool full = false;
    note(frames, steerer.keep_own(std::span(frames).first(wire.receive(frames, full))));
    wire.release();
    while (const size_t n = steerer.take(frames)) {
      note(frames, n);
      steerer.release();
    }
  }

  MemoryWire wire;
  Steerer steerer;
  std::vector<Got> got;
  size_t arps = 0;

 private:
  void note(std::span<const RxFrame> frames, size_t count) {
    for (const RxFrame& frame : frames.first(count)) {
      const auto decoded = test::decode(Bytes(frame.data, frame.data + frame.length));
      EXPECT_EQ(decoded.problem, "");
      if (decoded.arp) ++arps;
      if (decoded.tcp) got.push_back({decoded.tcp->source_port, decoded.tcp->seq});
    }
  }
};

struct Office {
  explicit Office(size_t givers = kWorkers, uint32_t lane_frames = 64)
      : steering(three_shards()), exchange(kWorkers, givers, lane_frames) {
    for (uint16_t i = 0; i < kWorkers; ++i) {
      posts.push_back(std::make_unique<Post>(steering, exchange, i));
    }
  }
  uint16_t owner_of(uint16_t peer_port) const {
    return steering.rss().owner_of(
        {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, peer_port});
  }
  // The last turns; then nothing may be under way.
  void expect_all_returned() {
    for (auto& post : posts) post->turn();
    for (auto& post : posts) post->steerer.collect();
    for (auto& post : posts) EXPECT_EQ(post->wire.kept, 0u);
  }

  flow::Steering steering;
  Exchange exchange;
  std::vector<std::unique_ptr<Post>> posts;
};

TEST(Steerer, WhatWasPutTogetherOfFragmentsIsCopiedToItsOwner) {
  Office office;
  uint16_t port = 1000;
  while (office.owner_of(port) != 2) ++port;
  for (uint32_t seq = 0; seq < Steerer::kWholes + 3; ++seq) {
    Bytes whole = segment(port, seq);
    office.posts[0]->steerer.pass_on(
        {.data = whole.data(), .length = static_cast<uint32_t>(whole.size())});
    std::fill(whole.begin(), whole.end(), std::byte{0xee});
  }
  office.posts[2]->turn();
  ASSERT_EQ(office.posts[2]->got.size(), Steerer::kWholes);
  for (uint32_t seq = 0; seq < Steerer::kWholes; ++seq) {
    EXPECT_EQ(office.posts[2]->got[seq].seq, seq);
  }
  EXPECT_EQ(office.posts[0]->steerer.tallies().dropped.get(), 3u) << "there are so many copies";
  office.expect_all_returned();
  const Bytes again = segment(port, 77);
  office.posts[0]->steerer.pass_on(
      {.data = again.data(), .length = static_cast<uint32_t>(again.size())});
  office.posts[2]->turn();
  EXPECT_EQ(office.posts[2]->got.size(), Steerer::kWholes + 1);
}

TEST(Steerer, EachFlowReachesItsOwnerWholeAndInOrder) {
  Office office;
  base::Random random(3);
  constexpr uint32_t kSegments = 2000;
  for (uint32_t seq = 0; seq < kSegments; ++seq) {
    const auto port = static_cast<uint16_t>(1000 + random.below(40));
    office.posts[port % kWorkers]->wire.arrive(segment(port, seq));  // a flow has one queue
    if (seq % 5 == 0) office.posts[random.below(kWorkers)]->turn();
  }
  for (uint32_t i = 0; i < kSegments; ++i) office.posts[i % kWorkers]->turn();
  size_t count = 0;
  for (uint16_t i = 0; i < kWorkers; ++i) {
    std::vector<uint32_t> last(65536);
    for (const Got& got : office.posts[i]->got) {
      ASSERT_EQ(office.owner_of(got.peer_port), i);
      ASSERT_GE(got.seq, last[got.peer_port]) << "overtaken";
      last[got.peer_port] = got.seq;
      ++count;
    }
    EXPECT_EQ(office.posts[i]->steerer.tallies().dropped.get(), 0u);
  }
  EXPECT_EQ(count, kSegments);
  office.expect_all_returned();
}

TEST(Steerer, OneQueueFeedsThemAll) {
  Office office(1);
  for (uint16_t port = 1000; port < 1300; ++port) office.posts[0]->wire.arrive(segment(port, port));
  for (int i = 0; i < 50; ++i) {
    for (auto& post : office.posts) post->turn();
  }
  size_t count = 0;
  for (const auto& post : office.posts) {
    EXPECT_GT(post->got.size(), 50u);
    count += post->got.size();
  }
  EXPECT_EQ(count, 300u);
  office.expect_all_returned();
}

TEST(Steerer, EveryWorkerHearsOfNeighbours) {
  Office office(1);
  for (int i = 0; i < 100; ++i) {
    office.posts[0]->wire.arrive(arp());
    for (auto& post : office.posts) post->turn();
  }
  for (const auto& post : office.posts) EXPECT_EQ(post->arps, 100u);
  EXPECT_EQ(office.posts[0]->steerer.tallies().handed_out.get(), 200u);
  office.expect_all_returned();
}

// Worker 2 does not run: its lane fills up, and the others go on.
TEST(Steerer, AWorkerThatDoesNotComeCostsABoundedNumberOfBuffers) {
  Office office(1, 16);
  for (uint16_t port = 1000; port < 1300; ++port) office.posts[0]->wire.arrive(segment(port, port));
  for (int i = 0; i < 50; ++i) {
    office.posts[0]->turn();
    office.posts[1]->turn();
  }
  office.posts[0]->steerer.collect();
  EXPECT_EQ(office.posts[0]->wire.kept, 16u);
  const size_t dropped = office.posts[0]->steerer.tallies().dropped.get();
  EXPECT_EQ(office.posts[0]->got.size() + office.posts[1]->got.size() + 16 + dropped, 300u);
  office.posts[2]->turn();
  EXPECT_EQ(office.posts[2]->got.size(), 16u);
  office.expect_all_returned();
}

TEST(Steerer, WhatNobodyFetchedIsReclaimed) {
  Office office(1);
  for (uint16_t port = 1000; port < 1040; ++port) office.posts[0]->wire.arrive(segment(port, port));
  office.posts[0]->wire.arrive(arp());
  for (int i = 0; i < 10; ++i) office.posts[0]->turn();
  EXPECT_GT(office.posts[0]->wire.kept, 10u);
  office.posts[0]->steerer.reclaim();
  EXPECT_EQ(office.posts[0]->wire.kept, 0u);
  EXPECT_EQ(office.posts[0]->wire.returned, 41u);
}

// The device's hash is taken for ours while it is ours.
TEST(Steerer, BelievesADeviceThatHashesAsConfigured) {
  Office office;
  for (uint16_t port = 1000; port < 1500; ++port) {
    const Bytes frame = segment(port, port);
    const uint32_t hash =
        office.steering
            .hash_of({.data = frame.data(), .length = static_cast<uint32_t>(frame.size())})
            .value();
    office.posts[office.owner_of(port)]->wire.arrive(frame, hash);
  }
  for (int i = 0; i < 100; ++i) {
    for (auto& post : office.posts) post->turn();
  }
  for (const auto& post : office.posts) {
    EXPECT_EQ(post->steerer.tallies().handed_out.get(), 0u);
    EXPECT_EQ(post->steerer.tallies().hashes_wrong.get(), 0u);
    EXPECT_EQ(post->steerer.tallies().hashes_checked.get(), Steerer::kChecksAtFirst);
  }
}

TEST(Steerer, ADeviceThatHashesOtherwiseIsFoundOutAndNothingGoesWrong) {
  Office office;
  for (uint16_t port = 1000; port < 1500; ++port) {
    office.posts[0]->wire.arrive(segment(port, port), 0x1000u + port);
  }
  for (int i = 0; i < 100; ++i) {
    for (auto& post : office.posts) post->turn();
  }
  EXPECT_EQ(office.posts[0]->steerer.tallies().hashes_wrong.get(), 1u);
  size_t count = 0;
  for (uint16_t i = 0; i < kWorkers; ++i) {
    for (const Got& got : office.posts[i]->got) ASSERT_EQ(office.owner_of(got.peer_port), i);
    count += office.posts[i]->got.size();
  }
  EXPECT_EQ(count, 500u);
}

// Three threads, each with a queue of its own, none of which brings the right frames.
TEST(Steerer, WithThreadsNothingIsLostAndNothingOvertakes) {
  constexpr uint32_t kEach = 20'000;
  Office office(kWorkers, 256);
  std::atomic<uint32_t> working{kWorkers};
  std::vector<std::thread> threads;
  for (uint16_t self = 0; self < kWorkers; ++self) {
    threads.emplace_back([&, self] {
      Post& post = *office.posts[self];
      base::Random random(self + 1u);
      for (uint32_t seq = 0; seq < kEach; ++seq) {
        // Ports by which the queue that a flow comes by is known.
        const auto port = static_cast<uint16_t>(3000 + random.below(30) * kWorkers + self);
        post.wire.arrive(segment(port, seq));
        if (seq % 8 == 7) post.turn();
      }
      working.fetch_sub(1);
      // Until nobody can hand anything over any more, and all that was has been taken.
      while (working.load() != 0) post.turn();
      post.turn();
    });
  }
  for (std::thread& thread : threads) thread.join();
  size_t count = 0;
  size_t dropped = 0;
  for (uint16_t i = 0; i < kWorkers; ++i) {
    std::vector<uint32_t> last(65536);
    for (const Got& got : office.posts[i]->got) {
      ASSERT_EQ(office.owner_of(got.peer_port), i);
      ASSERT_GE(got.seq, last[got.peer_port]);
      last[got.peer_port] = got.seq;
    }
    count += office.posts[i]->got.size();
    dropped += office.posts[i]->steerer.tallies().dropped.get();
  }
  EXPECT_EQ(count + dropped, size_t{kEach} * kWorkers);
  EXPECT_GT(count, size_t{kEach});
  office.expect_all_returned();
}

}  // namespace
}  // namespace millrace::runtime
