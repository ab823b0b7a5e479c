// SPDX-License-Identifier: BSD-3-Clause
// A congestion window that was not used says nothing of the path any more (RFC 5681 section 4.1,
// RFC 7661).
#include <gtest/gtest.h>

#include <string>

#include "support/scene.h"

namespace millrace::test {
namespace {

constexpr int64_t kMss = 1460;

std::string text(int64_t segment) {
  return std::to_string(1 + segment * kMss) + ":" + std::to_string(1 + (segment + 1) * kMss) +
         " ack 1";
}

void expect_segments(Scene& s, int64_t first, int64_t last) {
  for (int64_t i = first; i <= last; ++i) s.out(text(i));
}

// Ten segments went and were acknowledged at 100 ms: slow start stands at twenty.
void fill_once(Scene& s) {
  s.at(0).app("write 14600");
  expect_segments(s, 0, 9);
  s.at(100).in(". 1 ack 14601").silence();
  s.claim(s.info().snd_cwnd == 20 * kMss, "twenty segments");
}

TEST(SceneIdle, AShortPauseKeepsTheWindow) {
  Scene s(established_client().rtt(100));
  fill_once(s);
  s.at(200).app("write 43800");
  expect_segments(s, 10, 29);
  s.silence();
}

TEST(SceneIdle, AfterATimeoutsLengthItIsTheInitialWindowAgain) {
  Scene s(established_client().rtt(100));
  fill_once(s);
  s.at(5000).app("write 43800");
  expect_segments(s, 10, 19);
  s.silence();
  s.claim(s.info().snd_cwnd == 10 * kMss, "ten segments");
}

TEST(SceneIdle, TheThresholdIsKept) {
  Scene s(established_client().rtt(100));
  s.at(0).app("write 5840");
  expect_segments(s, 0, 3);
  s.at(300).out(text(0));  // the timeout: half of what was in flight
  s.at(400).in(". 1 ack 5841").whatever();
  s.claim(s.info().snd_ssthresh == 2 * kMss, "before");
  s.at(10'000).app("write 1460").whatever();
  s.claim(s.info().snd_ssthresh == 2 * kMss, "after");
}

TEST(SceneIdle, AWindowBelowTheInitialOneIsNotRaised) {
  Scene s(established_client().rtt(100));
  s.at(0).app("write 1460").out(text(0));
  s.at(300).out(text(0));
  s.at(400).in(". 1 ack 1461").silence();
  const uint32_t before = s.info().snd_cwnd;
  s.claim(before < 10 * kMss, "less than the initial window");
  s.at(10'000).app("write 14600").whatever();
  s.claim(s.info().snd_cwnd == before, "the same");
}

}  // namespace
}  // namespace millrace::test
