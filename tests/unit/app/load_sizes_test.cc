// SPDX-License-Identifier: BSD-3-Clause
// What differs from request to request: sizes, targets, waits.
#include "load/sizes.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "load/due_heap.h"
#include "load/targets.h"

namespace millrace::load {
namespace {

// How many of a thousand are of each size.
std::map<uint64_t, int> thousand(const std::string& text) {
  const Sizes sizes = Sizes::parse(text).value();
  std::map<uint64_t, int> counts;
  for (int i = 0; i < 1000; ++i) ++counts[sizes.at((i + 0.5) / 1000)];
  return counts;
}

TEST(Sizes, AreOneAStretchOrSeveralWithWeights) {
  EXPECT_EQ(thousand("4k"), (std::map<uint64_t, int>{{4096, 1000}}));
  EXPECT_EQ(thousand("7-10"), (std::map<uint64_t, int>{{7, 250}, {8, 250}, {9, 250}, {10, 250}}));
  EXPECT_EQ(thousand("1500:1,64:7,576:2"),
            (std::map<uint64_t, int>{{64, 700}, {576, 200}, {1500, 100}}));
  EXPECT_EQ(thousand("1-2:1,9:3"), (std::map<uint64_t, int>{{1, 125}, {2, 125}, {9, 750}}));
}

TEST(Sizes, KnowTheirEnds) {
  const Sizes sizes = Sizes::parse("576:4,64-100:7,20:0001").value();
  EXPECT_EQ(sizes.min(), 20u);
  EXPECT_EQ(sizes.max(), 576u);
  EXPECT_EQ(sizes.at(0), 20u);
  EXPECT_EQ(sizes.at(0.99999999), 576u);
  EXPECT_FALSE(sizes.one());
  EXPECT_TRUE(Sizes(64).one());
}

TEST(Sizes, RefuseWhatIsNone) {
  for (const char* text : {"", "x", "-", "5-", "-5", "9-7", "64:", "64:0", "64:x", "64,", ",64",
                           "64:1000001", "1-2-3"}) {
    EXPECT_FALSE(Sizes::parse(text).ok()) << text;
  }
}

TEST(Targets, ComeAsOftenAsTheyWeighAndAsEvenlyAsCanBe) {
  const auto round = [](std::initializer_list<const char*> texts) {
    std::vector<Target> targets;
    for (const char* text : texts) targets.push_back(Target::parse(text).value());
    std::string ports;
    for (const Endpoint& target : one_round(targets)) ports += std::to_string(target.port);
    return ports;
  };
  EXPECT_EQ(round({"10.0.0.1:1", "10.0.0.1:2"}), "12");
  EXPECT_EQ(round({"10.0.0.1:1=3", "10.0.0.1:2"}), "1121");
  EXPECT_EQ(round({"10.0.0.1:1=50", "10.0.0.1:2=100"}), "212");
  EXPECT_EQ(round({"10.0.0.1:1=5", "10.0.0.1:2=1", "[2001:db8::1]:3=1"}), "1121311");
}

TEST(Targets, RefuseWhatIsNone) {
  for (const char* text : {"10.0.0.1", "10.0.0.1:80=", "10.0.0.1:80=0", "10.0.0.1:80=1001", "=3"}) {
    EXPECT_FALSE(Target::parse(text).ok()) << text;
  }
}

TEST(DueHeap, IsTheSameAsAMapByTime) {
  constexpr uint32_t kSlots = 50;
  std::mt19937_64 random(7);
  DueHeap heap(kSlots);
  std::map<uint32_t, Instant> twin;
  Instant now;
  for (int step = 0; step < 20'000; ++step) {
    now = now + nanoseconds(static_cast<int64_t>(random() % 5));
    const auto slot = static_cast<uint32_t>(random() % kSlots);
    if (twin.contains(slot)) {
      heap.remove(slot);
      twin.erase(slot);
    } else {
      const Instant due = now + nanoseconds(static_cast<int64_t>(random() % 200));
      heap.add(slot, due);
      twin[slot] = due;
    }
    for (uint32_t due = heap.take_due(now); due != DueHeap::kNone; due = heap.take_due(now)) {
      ASSERT_TRUE(twin.contains(due));
      for (const auto& [other, when] : twin) ASSERT_LE(twin[due], when) << other;
      twin.erase(due);
    }
    for (const auto& [other, when] : twin) ASSERT_GT(when, now) << other;
  }
}

}  // namespace
}  // namespace millrace::load
