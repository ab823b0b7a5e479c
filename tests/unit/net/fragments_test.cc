// SPDX-License-Identifier: BSD-3-Clause
// Datagrams put together of fragments: beside a naive twin, and the bounds one by one. What the
// shard makes of it is in tests/scene/fragments_test.cc.
#include "net/fragments.h"

#include <gtest/gtest.h>

#include <random>

#include "support/fragments_twin.h"

namespace millrace::net {
namespace {

using test::HeldFragment;
using test::make_fragment;
using Verdict = Fragments::Verdict;

constexpr FragmentLimits kLimits{.datagrams_max = 4, .per_source_max = 2};
constexpr std::array<std::byte, 14> kEthernet{};

struct Rig {
  Fragments fragments = Fragments::create(kLimits).value();
  uint32_t tick = 0;

  // Of UDP over IPv4, from host 10.0.0.`host`.
  Fragments::Taken take(uint8_t host, uint32_t id, uint32_t offset, size_t bytes, bool more,
                        uint8_t ecn = 0, uint8_t protocol = 17) {
    const HeldFragment held = make_fragment(true, host, id, protocol, ecn, offset, bytes, more, 0);
    return fragments.take(held.fragment, kEthernet.data(), tick);
  }
};

TEST(Fragments, AreWhatTheNaiveTwinMakesOfThem) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same run each time
  for (int run = 0; run < 3000; ++run) {
    std::vector<uint8_t> script(6 * 60);
    for (uint8_t& byte : script) byte = static_cast<uint8_t>(random());
    ASSERT_EQ(test::play_fragments(script), std::nullopt) << "run " << run;
  }
}

TEST(Fragments, ComeInAnyOrder) {
  Rig rig;
  EXPECT_EQ(rig.take(1, 7, 16, 5, false).verdict, Verdict::kKept);
  EXPECT_EQ(rig.take(1, 7, 0, 8, true).verdict, Verdict::kKept);
  const Fragments::Taken last = rig.take(1, 7, 8, 8, true);
  ASSERT_EQ(last.verdict, Verdict::kWhole);
  const auto frame = rig.fragments.frame(last.index);
  EXPECT_EQ(frame.size(), 14u + 20 + 21);
  EXPECT_EQ(rig.fragments.next_deadline(), std::nullopt) << "what is whole does not expire";
  rig.fragments.release(last.index);
  EXPECT_EQ(rig.fragments.used(), 0u);
}

TEST(Fragments, OfTheLongestPacketFit) {
  Rig rig;
  constexpr uint32_t kAll = 65535 - 20;
  Fragments::Taken taken{};
  for (uint32_t at = 0; at < kAll; at += 1480) {
    const uint32_t bytes = std::min(1480u, kAll - at);
    taken = rig.take(1, 7, at, bytes, at + bytes < kAll);
  }
  ASSERT_EQ(taken.verdict, Verdict::kWhole);
  EXPECT_EQ(rig.fragments.frame(taken.index).size(), 14u + 65535);
  EXPECT_EQ(rig.take(1, 8, 65528, 8, false).verdict, Verdict::kRefused) << "one byte too far";
}

TEST(Fragments, AnOverlapRefusesAllOfTheDatagram) {
  // RFC 5722 section 4: what comes later of it, too.
  Rig rig;
  EXPECT_EQ(rig.take(1, 7, 0, 16, true).verdict, Verdict::kKept);
  EXPECT_EQ(rig.take(1, 7, 8, 16, true).verdict, Verdict::kFailed);
  EXPECT_EQ(rig.take(1, 7, 16, 8, false).verdict, Verdict::kRefused);
  EXPECT_EQ(rig.fragments.used(), 1u) << "remembered until its time";
  rig.fragments.advance(kLimits.v4_ticks, [](const auto&) { ADD_FAILURE() << "reported"; });
  EXPECT_EQ(rig.fragments.used(), 0u);
}

TEST(Fragments, TheSameOneAgainIsNoOverlap) {
  Rig rig;
  EXPECT_EQ(rig.take(1, 7, 8, 16, true).verdict, Verdict::kKept);
  EXPECT_EQ(rig.take(1, 7, 8, 16, true).verdict, Verdict::kDuplicate);
  EXPECT_EQ(rig.take(1, 7, 0, 8, true).verdict, Verdict::kKept);
  EXPECT_EQ(rig.take(1, 7, 24, 3, false).verdict, Verdict::kWhole);
}

TEST(Fragments, TwoThatTogetherCoverWhatOneDidAreAnOverlap) {
  Rig rig;
  EXPECT_EQ(rig.take(1, 7, 8, 16, true).verdict, Verdict::kKept);
  EXPECT_EQ(rig.take(1, 7, 8, 8, true).verdict, Verdict::kFailed);
}

TEST(Fragments, HaveOneEndOnly) {
  Rig rig;
  EXPECT_EQ(rig.take(1, 7, 16, 8, false).verdict, Verdict::kKept);
  EXPECT_EQ(rig.take(1, 7, 24, 8, true).verdict, Verdict::kFailed) << "behind the last";
  EXPECT_EQ(rig.take(1, 8, 16, 8, true).verdict, Verdict::kKept);
  EXPECT_EQ(rig.take(1, 8, 8, 4, false).verdict, Verdict::kFailed) << "the last before another";
}

TEST(Fragments, ThatCannotBeAreDropped) {
  Rig rig;
  EXPECT_EQ(rig.take(1, 7, 0, 12, true).verdict, Verdict::kRefused) << "no multiple of 8";
  EXPECT_EQ(rig.take(1, 7, 8, 0, false).verdict, Verdict::kRefused) << "empty";
  EXPECT_EQ(rig.take(1, 7, 0, 16, true, 0, 6).verdict, Verdict::kRefused)
      << "TCP whose flags are in the second (RFC 1858 section 3)";
  EXPECT_EQ(rig.fragments.used(), 0u);
}

TEST(Fragments, AreSoManyAndNoMore) {
  Rig rig;
  for (uint32_t i = 1; i <= Fragments::kFragmentsMax; ++i) {
    ASSERT_EQ(rig.take(1, 7, i * 8, 8, true).verdict, Verdict::kKept) << i;
  }
  EXPECT_EQ(rig.take(1, 7, 0, 8, true).verdict, Verdict::kFailed);
}

TEST(Fragments, ASourceHasSoManyDatagramsAndNoMore) {
  Rig rig;
  for (uint32_t id = 0; id < kLimits.per_source_max; ++id) {
    EXPECT_EQ(rig.take(1, id, 0, 8, true).verdict, Verdict::kKept);
  }
  EXPECT_EQ(rig.take(1, 99, 0, 8, true).verdict, Verdict::kRefused);
  EXPECT_EQ(rig.take(2, 99, 0, 8, true).verdict, Verdict::kKept) << "another's";
}

TEST(Fragments, TheOldestDatagramMakesRoom) {
  Rig rig;
  for (uint8_t host = 1; host <= 4; ++host) rig.take(host, 7, 0, 8, true);
  EXPECT_EQ(rig.take(5, 7, 0, 8, true).given_up, 1u);
  EXPECT_EQ(rig.take(1, 7, 8, 8, false).verdict, Verdict::kKept) << "its first is gone";
  EXPECT_EQ(rig.take(3, 7, 8, 8, false).verdict, Verdict::kWhole);
}

TEST(Fragments, AreWaitedForAsLongAsItsFamilySays) {
  Rig rig;
  const HeldFragment v6 = make_fragment(false, 1, 7, 17, 0, 0, 8, true, 0);
  rig.take(1, 7, 0, 8, true);
  rig.fragments.take(v6.fragment, kEthernet.data(), 0);
  EXPECT_EQ(rig.fragments.next_deadline(), 30'000u);
  std::vector<std::pair<uint32_t, size_t>> expired;  // when, and the quote's bytes
  for (const uint32_t tick : {29'999u, 30'000u, 59'999u, 60'000u}) {
    rig.fragments.advance(
        tick, [&](const Fragments::Expired& e) { expired.emplace_back(tick, e.quote.size()); });
  }
  const std::vector<std::pair<uint32_t, size_t>> wanted{{30'000, 20 + 8}, {60'000, 40 + 8 + 8}};
  EXPECT_EQ(expired, wanted);
}

TEST(Fragments, AMarkOfCongestionSurvives) {
  // RFC 3168 section 5.3: one of them is enough; but not beside one whose sender knows of no marks.
  Rig rig;
  rig.take(1, 7, 0, 8, true, 2);
  const Fragments::Taken whole = rig.take(1, 7, 8, 8, false, 3);
  ASSERT_EQ(whole.verdict, Verdict::kWhole);
  EXPECT_EQ(rig.fragments.frame(whole.index)[15] & std::byte{3}, std::byte{3});
  rig.take(1, 8, 0, 8, true, 0);
  EXPECT_EQ(rig.take(1, 8, 8, 8, false, 3).verdict, Verdict::kFailed);
}

TEST(Fragments, OfIpv6LoseTheirHeader) {
  Rig rig;
  const HeldFragment first = make_fragment(false, 1, 7, 17, 0, 0, 16, true, 0);
  const HeldFragment last = make_fragment(false, 1, 7, 17, 0, 16, 3, false, 0);
  rig.fragments.take(first.fragment, kEthernet.data(), 0);
  const Fragments::Taken whole = rig.fragments.take(last.fragment, kEthernet.data(), 0);
  ASSERT_EQ(whole.verdict, Verdict::kWhole);
  const auto frame = rig.fragments.frame(whole.index);
  ASSERT_EQ(frame.size(), 14u + 40 + 19);
  EXPECT_EQ(frame[14 + 5], std::byte{19});
  EXPECT_EQ(frame[14 + 6], std::byte{17});
}

}  // namespace
}  // namespace millrace::net
