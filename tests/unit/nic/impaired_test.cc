// SPDX-License-Identifier: BSD-3-Clause
// Frames on a wire that treats them badly, before one that notes when each comes.
#include "nic/impaired.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace millrace::nic {
namespace {

class Notebook final : public Wire {
 public:
  struct Note {
    int number = 0;
    Instant when;
    bool operator==(const Note&) const = default;
  };
  std::vector<Note> notes;
  size_t room_left = kBurstMax;

  size_t receive(std::span<RxFrame>, bool&) override { return 0; }
  void release() override {}
  void* keep(size_t, RxFrame&) override { return nullptr; }
  void give_back(std::span<void* const>) override {}
  size_t room(Instant now) override {
    now_ = now;
    return room_left;
  }
  void send(std::span<const TxFrame> frames) override {
    for (const TxFrame& frame : frames) {
      EXPECT_EQ(frame.payload_spans, 1);
      notes.push_back({std::to_integer<int>(frame.payload[0][0]), now_});
    }
  }
  [[nodiscard]] bool pending() const override { return false; }
  void discard(size_t) override {}
  bool poll_link() override { return true; }

 private:
  Instant now_;
};

// Sends numbered frames, one each 100 us, from memory that is used again for the next; then waits.
std::vector<Notebook::Note> send(const char* impairment, int frames, uint64_t number = 0) {
  Notebook notebook;
  ImpairedWire wire(notebook, Impairment::parse(impairment).value(), number);
  std::byte memory{};
  Instant now{1'000'000'000};
  for (int i = 0; i < frames || wire.pending(); ++i) {
    EXPECT_GT(wire.room(now), 0u);
    if (i < frames) {
      memory = static_cast<std::byte>(i % 256);
      TxFrame frame{};
      frame.header_bytes = 54;
      frame.payload[0] = {&memory, 1};
      frame.payload_bytes = 1;
      frame.payload_spans = 1;
      wire.send({&frame, 1});
      memory = std::byte{255};
    }
    now = now + microseconds(100);
    if (i >= frames + 1000) {
      ADD_FAILURE() << "frames are held for ever";
      break;
    }
  }
  return notebook.notes;
}

TEST(Impairment, IsReadAsItIsWritten) {
  const Impairment all =
      Impairment::parse("loss=1.5%,delay=20ms,jitter=250us,reorder=2%,dup=100%,seed=7").value();
  EXPECT_EQ(all, (Impairment{.loss = 0.015,
                             .duplicate = 1,
                             .reorder = 0.02,
                             .delay = milliseconds(20),
                             .jitter = microseconds(250),
                             .seed = 7}));
  EXPECT_TRUE(Impairment{}.none());
  EXPECT_FALSE(all.none());
  for (const char* wrong :
       {"", "loss", "loss=", "loss=1", "loss=101%", "loss=-1%", "delay=20", "delay=61s",
        "delay=-1ms", "lost=1%", "loss=1%,", "seed=x", "loss=nan%"}) {
    EXPECT_FALSE(Impairment::parse(wrong).ok()) << wrong;
  }
}

TEST(ImpairedWire, DelaysEveryFrameAndKeepsTheirOrder) {
  const auto notes = send("delay=2ms", 50);
  ASSERT_EQ(notes.size(), 50u);
  for (int i = 0; i < 50; ++i) {
    const auto& note = notes[static_cast<size_t>(i)];
    EXPECT_EQ(note.number, i);
    EXPECT_EQ(note.when, Instant{1'000'000'000} + microseconds(100) * i + milliseconds(2));
  }
  const auto jittered = send("delay=2ms,jitter=5ms", 200);
  ASSERT_EQ(jittered.size(), 200u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(jittered[static_cast<size_t>(i)].number, i);
}

TEST(ImpairedWire, LosesAndDoublesAsManyAsItIsTold) {
  EXPECT_NEAR(static_cast<double>(send("loss=10%", 10'000).size()), 9000, 120);
  EXPECT_NEAR(static_cast<double>(send("duplicate=10%", 10'000).size()), 11'000, 120);
  EXPECT_EQ(send("loss=100%", 100).size(), 0u);
  EXPECT_EQ(send("loss=0%", 100).size(), 100u);
}

TEST(ImpairedWire, FramesOutOfOrderOvertakeThoseBefore) {
  const auto notes = send("delay=2ms,reorder=10%", 250);
  ASSERT_EQ(notes.size(), 250u);
  int overtook = 0;
  for (size_t i = 0; i + 1 < notes.size(); ++i) {
    if (notes[i].number > notes[i + 1].number) ++overtook;
  }
  EXPECT_GE(overtook, 10);
  std::vector<int> numbers;
  for (const auto& note : notes) numbers.push_back(note.number);
  std::sort(numbers.begin(), numbers.end());
  for (int i = 0; i < 250; ++i) EXPECT_EQ(numbers[static_cast<size_t>(i)], i);
}

TEST(ImpairedWire, IsAFunctionOfSeedAndNumber) {
  const char* const bad = "loss=20%,jitter=1ms,reorder=5%,duplicate=5%,seed=3";
  EXPECT_EQ(send(bad, 250), send(bad, 250));
  EXPECT_NE(send(bad, 250), send("loss=20%,jitter=1ms,reorder=5%,duplicate=5%,seed=4", 250));
  EXPECT_NE(send(bad, 250), send(bad, 250, 1));
}

TEST(ImpairedWire, WaitsForRoomAndGivesUpWhatItIsTold) {
  Notebook notebook;
  ImpairedWire wire(notebook, Impairment::parse("delay=1ms").value(), 0);
  const std::byte memory{};
  TxFrame frame{};
  frame.payload[0] = {&memory, 1};
  frame.payload_bytes = 1;
  frame.payload_spans = 1;
  const std::array<TxFrame, 2> two = {frame, frame};
  ASSERT_GT(wire.room(Instant{}), 0u);
  wire.send(two);
  notebook.room_left = 0;
  EXPECT_EQ(wire.room(Instant{} + milliseconds(2)), 0u);
  EXPECT_TRUE(wire.pending());
  EXPECT_TRUE(notebook.notes.empty());
  wire.discard(0);
  EXPECT_FALSE(wire.pending());
}

}  // namespace
}  // namespace millrace::nic
