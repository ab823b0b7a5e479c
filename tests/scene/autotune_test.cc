// SPDX-License-Identifier: BSD-3-Clause
// The receive window that grows: 64 KiB at first, more when the application has taken much of it in
// a round trip, up to the receive buffer. Segments carry 1 KiB; the buffer is 1 MiB, so a window
// field counts in 32 bytes: 2048 are 64 KiB.
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

constexpr int64_t kKib = 1024;
constexpr uint32_t kBuffer = 1u << 20;

// We connected: our SYN has measured the round trip of 100 ms.
Stage connected() {
  return established_client().rtt(100).window_scale(0).autotuned(kBuffer).tune_shard(
      [](ShardConfig& c) { c.large_blocks_max = 4096; });
}

// The stream, counted in KiB.
std::string text(int64_t from, int64_t to) {
  return std::to_string(1 + from * kKib) + ":" + std::to_string(1 + to * kKib) + " ack 1";
}
std::string acked(int64_t kib) { return ". 1 ack " + std::to_string(1 + kib * kKib); }
std::string acked(int64_t kib, int64_t window_kib) {
  return acked(kib) + " win " + std::to_string(window_kib * kKib / 32);
}

// [from, to) arrives segment by segment, and then all of it is read.
void arrive(Scene& s, int64_t from, int64_t to, const std::string& options = "") {
  for (; from < to; ++from) s.in(text(from, from + 1) + options).whatever();
  s.app("read").whatever();
}
// The same. Reading opens the window to this.
void arrive(Scene& s, int64_t from, int64_t to, int64_t window_kib) {
  for (int64_t kib = from; kib < to; ++kib) s.in(text(kib, kib + 1)).whatever();
  s.app("read").out(acked(to, window_kib)).silence();
}

// --- What SYN and SYN-ACK say -------------------------------------------------------------------

TEST(SceneAutotune, TheScaleIsThatOfTheWholeBufferAndTheWindow64KiB) {
  Scene s(client().window_scale(0).autotuned(6u << 20));
  s.at(0).app("connect").out("S 0 win 65535 <mss 1460,ws 7>");
  s.at(100).in("S. 0 ack 1 <mss 1460,ws 0>").out(". 1 ack 1 win 512").silence();
}

TEST(SceneAutotune, AListenersWindowIs64KiBToo) {
  Scene s(server().window_scale(7).autotuned(6u << 20));
  s.at(0).in("S 0 <mss 1460,ws 7>").out("S. 0 ack 1 win 65535 <mss 1460,ws 7>");
  s.at(100).in(". 1 ack 1").silence();
  s.in("1:1025 ack 1").in("1025:2049 ack 1").out(". 1 ack 2049 win 496");
  s.app("read").out(". 1 ack 2049 win 512").silence();
}

TEST(SceneAutotune, AFixedWindowIsAllOfTheBufferFromTheStart) {
  Scene s(connected().tune([](TcpOptions& o) { o.receive_autotuning = false; }));
  arrive(s.at(0), 0, 2, 1024);
}

TEST(SceneAutotune, ToAPeerWithoutScalingTheFieldIsAllThereIs) {
  Scene s(client().window_scale(-1).autotuned(kBuffer));
  s.at(0).app("connect").out("S 0 win 65535");
  s.at(100).in("S. 0 ack 1 <mss 1460>").out(". 1 ack 1 win 65535").silence();
  for (int64_t at = 0; at < 10; ++at) {
    s.at(200 + 100 * at);
    arrive(s, 60 * at, 60 * at + 60);
  }
  s.claim(s.info().rcv_wnd <= 65535, "nothing to grow into");
}

// --- Growth -------------------------------------------------------------------------------------

TEST(SceneAutotune, SlowStartOfThePeerNeverMeetsTheWindow) {
  // 16 KiB, and twice as much in each round trip. The window before a round holds all of it.
  Scene s(connected());
  arrive(s.at(0), 0, 16, 64);
  arrive(s.at(100), 16, 48, 64);
  arrive(s.at(200), 48, 112, 144);
  arrive(s.at(300), 112, 240, 288);
  arrive(s.at(400), 240, 496, 576);
  arrive(s.at(500), 496, 1008, 1024);
  s.claim(s.info().rcv_ssthresh == kBuffer, "all of the buffer");
}

TEST(SceneAutotune, ASteadyRateGetsTwiceWhatItTakesInARoundTrip) {
  Scene s(connected());
  int64_t kib = 0;
  for (int64_t round = 0; round < 20; ++round) {
    s.at(100 * round);
    arrive(s, kib, kib + 60);
    kib += 60;
  }
  // The first round counted as slow start; nothing is added after that, and nothing taken back.
  const uint32_t window = s.info().rcv_ssthresh;
  s.claim(window >= 2 * 60 * kKib && window <= 5 * 60 * kKib, std::to_string(window));
  s.claim(s.info().rcv_space >= 50 * kKib && s.info().rcv_space <= 70 * kKib, "taken in a round");
}

TEST(SceneAutotune, APeerThatSendsLittleIsNotOfferedMore) {
  Scene s(connected());
  for (int64_t kib = 0; kib < 1000; ++kib) {  // 10 KiB in a round trip
    s.at(10 * kib);
    arrive(s, kib, kib + 1);
  }
  arrive(s.at(10'000), 1000, 1002, 64);
}

TEST(SceneAutotune, ASlowReaderIsNotOfferedMore) {
  Scene s(connected());
  int64_t kib = 0;
  for (; kib < 60; ++kib) s.in(text(kib, kib + 1)).whatever();
  for (int64_t round = 1; round < 30; ++round) {  // reads 4 KiB in a round trip, and gets as much
    s.at(100 * round).app("read 4096").whatever();
    for (const int64_t end = kib + 4; kib < end; ++kib) s.in(text(kib, kib + 1)).whatever();
  }
  s.claim(s.info().unread_bytes == 60 * kKib, "behind");
  s.claim(s.info().rcv_ssthresh == 64 * kKib, "as at first");
}

TEST(SceneAutotune, WhatWasGrantedIsNotTakenBack) {
  Scene s(connected());
  arrive(s.at(0), 0, 60);
  arrive(s.at(100), 60, 120);
  arrive(s.at(200), 120, 122, 256);
  for (int64_t kib = 122; kib < 222; ++kib) {  // from here on a trickle
    s.at(1000 + 100 * kib);
    arrive(s, kib, kib + 1);
  }
  arrive(s.at(30'000), 222, 224, 256);
}

TEST(SceneAutotune, AGrownWindowClosesByWhatIsNotReadLikeAnyOther) {
  Scene s(connected());
  arrive(s.at(0), 0, 60);
  arrive(s.at(100), 60, 120);
  const int64_t window = s.info().rcv_wnd / kKib;
  s.claim(window == 256, "grown");
  s.at(200);
  for (int64_t kib = 120; kib < 120 + window; ++kib) s.in(text(kib, kib + 1)).whatever();
  s.claim(s.info().rcv_wnd == 0 && s.info().unread_bytes == window * kKib, "all of it is used");
  s.app("read").out(acked(120 + window, window)).silence();
}

// --- The round trip -----------------------------------------------------------------------------

TEST(SceneAutotune, AListenerLearnsTheRoundTripFromWhatThePeerEchoes) {
  // Our acknowledgements leave at 0, 100, ... and are answered 100 ms later.
  Scene s(server().timestamps().window_scale(0).autotuned(kBuffer));
  s.at(0).in("S 0 <mss 1460,ws 0,ts 1000 =0>").out("S. 0 ack 1").in(". 1 ack 1 <ts 1000 0>");
  for (int64_t round = 1; round < 5; ++round) {
    s.at(100 * round);
    const std::string stamp = std::to_string(1000 + 100 * round);
    arrive(s, 60 * (round - 1), 60 * round,
           " <ts " + stamp + " " + std::to_string(100 * (round - 1)) + ">");
  }
  s.claim(s.info().rcv_rtt == milliseconds(100), "rcv_rtt");
  s.claim(s.info().rcv_ssthresh > 120 * kKib, "and the window grew by it");
}

TEST(SceneAutotune, WithoutTimestampsAWindowsWorthTellsIt) {
  Scene s(server().window_scale(0).autotuned(kBuffer));
  s.at(0).in("S 0 <mss 1460,ws 0>").out("S. 0 ack 1").in(". 1 ack 1");
  for (int64_t round = 1; round < 5; ++round) {
    s.at(70 * round);
    arrive(s, 64 * (round - 1), 64 * round);
  }
  s.claim(s.info().rcv_rtt == milliseconds(70), "rcv_rtt");
  s.claim(s.info().rcv_ssthresh > 128 * kKib, "and the window grew by it");
}

// --- Bounds -------------------------------------------------------------------------------------

TEST(SceneAutotune, WhatIsLeftOfAGapIsWithinTheGrownWindow) {
  Scene s(connected());
  arrive(s.at(0), 0, 60);
  arrive(s.at(100), 60, 120);
  s.at(200)
      .in(text(200, 201))
      .out(acked(120))
      .claim(s.info().out_of_order_bytes == 1024, "kept, though it is more than 64 KiB ahead");
}

TEST(SceneAutotune, AConnectionIsPromisedAQuarterOfTheFreeMemoryAtMost) {
  Scene s(connected().tune_shard([](ShardConfig& c) { c.large_blocks_max = 160; }));
  arrive(s.at(0), 0, 60);
  arrive(s.at(100), 60, 120, 160);  // a quarter of 160 blocks of 4 KiB; else it were 256 KiB
}

TEST(SceneAutotune, ALargerBufferIsGrownIntoFromWhereItIs) {
  Scene s(connected().autotuned(100 * 1024));
  arrive(s.at(0), 0, 60);
  arrive(s.at(100), 60, 120);
  s.claim(s.info().rcv_ssthresh == 100 * 1024, "all of it");
  TcpOptions options = *s.host().shard().options(s.connection());
  options.receive_buffer_bytes = kBuffer;
  s.claim(s.host().set_options(s.connection(), options).ok(), "the options are good").whatever();
  s.claim(s.info().rcv_ssthresh == 104 * 1024, "as it was, to an eighth");
}

}  // namespace
}  // namespace millrace::test
