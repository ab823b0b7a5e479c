// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies (RFC 4987 section 3.6): what goes in comes out, for as long as it may, and nothing
// else does.
#include "tcp/syn_cookie.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace millrace::tcp {
namespace {

using wire::SeqNum;

constexpr uint64_t kKey0 = 0x0123'4567'89ab'cdef;
constexpr uint64_t kKey1 = 0xfedc'ba98'7654'3210;
const CookieSecret kSecret(kKey0, kKey1);
constexpr SeqNum kIrs(0xffff'fff0);
constexpr Instant kNow = Instant{} + seconds(1'000'000);  // a period's beginning

FlowKey key(uint16_t peer_port = 5000) {
  return {IpAddress::v4(0x0a000001), IpAddress::v4(0x0a000002), 80, peer_port};
}

std::optional<Cookie> good_cookie(const CookieSecret& secret, const FlowKey& tuple, SeqNum irs,
                                  SeqNum iss, bool timestamps, Instant now) {
  const auto cookie = check_cookie(secret, tuple, irs, iss, timestamps, now);
  return cookie && cookie->whole ? cookie : std::nullopt;
}

TEST(TcpSynCookie, IsTheSameForARepeatedSynOfOnePeriod) {
  static_assert(kNow.ns % kCookiePeriod.ns == 0);
  const SeqNum first = make_cookie(kSecret, key(), kIrs, 1460, true, kNow);
  const Instant last = kNow + kCookiePeriod - nanoseconds(1);
  EXPECT_EQ(make_cookie(kSecret, key(), kIrs, 1460, true, last), first);
  EXPECT_NE(make_cookie(kSecret, key(), kIrs, 1460, true, kNow + kCookiePeriod), first);
}

TEST(TcpSynCookie, IsGoodInItsOwnPeriodAndTheNext) {
  const auto good_at = [&](SeqNum iss, Instant now) {
    return good_cookie(kSecret, key(), kIrs, iss, true, now).has_value();
  };
  const SeqNum early = make_cookie(kSecret, key(), kIrs, 1460, true, kNow);
  EXPECT_TRUE(good_at(early, kNow));
  EXPECT_TRUE(good_at(early, kNow + seconds(128) - nanoseconds(1)));
  EXPECT_FALSE(good_at(early, kNow + seconds(128)));
  EXPECT_FALSE(good_at(early, kNow + seconds(192)));
  EXPECT_FALSE(good_at(early, kNow - nanoseconds(1))) << "before it was made";
  const SeqNum late = make_cookie(kSecret, key(), kIrs, 1460, true, kNow + seconds(63));
  EXPECT_TRUE(good_at(late, kNow + seconds(127)));
  EXPECT_FALSE(good_at(late, kNow + seconds(128)));
}

TEST(TcpSynCookie, KeepsTheMssOrTheNextSmallerInTheTable) {
  struct Row {
    uint16_t announced;
    uint16_t kept;
  };
  for (const Row row : {Row{0, 32}, Row{31, 32}, Row{32, 32}, Row{255, 32}, Row{256, 256},
                        Row{512, 256}, Row{536, 536}, Row{1219, 536}, Row{1220, 1220},
                        Row{1360, 1360}, Row{1400, 1360}, Row{1440, 1440}, Row{1452, 1440},
                        Row{1460, 1460}, Row{8959, 1460}, Row{8960, 8960}, Row{65535, 8960}}) {
    const SeqNum iss = make_cookie(kSecret, key(), kIrs, row.announced, false, kNow);
    const auto cookie = good_cookie(kSecret, key(), kIrs, iss, false, kNow);
    ASSERT_TRUE(cookie) << row.announced;
    EXPECT_EQ(cookie->mss, row.kept) << row.announced;
    EXPECT_EQ(cookie_mss(row.announced), row.kept);
  }
}

TEST(TcpSynCookie, EveryPartOfTheHandshakeMatters) {
  const SeqNum iss = make_cookie(kSecret, key(), kIrs, 1460, true, kNow);
  const auto good = [&](const CookieSecret& secret, const FlowKey& k, SeqNum irs, bool timestamps) {
    return good_cookie(secret, k, irs, iss, timestamps, kNow).has_value();
  };
  EXPECT_TRUE(good(kSecret, key(), kIrs, true));
  EXPECT_FALSE(good(CookieSecret(kKey0 ^ 1, kKey1), key(), kIrs, true));
  EXPECT_FALSE(good(CookieSecret(kKey0, kKey1 ^ 1), key(), kIrs, true));
  EXPECT_FALSE(good(kSecret, key(), kIrs + 1, true));
  EXPECT_FALSE(good(kSecret, key(), kIrs, false));
  FlowKey other = key(5001);
  EXPECT_FALSE(good(kSecret, other, kIrs, true));
  other = key();
  other.local_port = 81;
  EXPECT_FALSE(good(kSecret, other, kIrs, true));
  other = key();
  other.local = IpAddress::v4(0x0a000003);
  EXPECT_FALSE(good(kSecret, other, kIrs, true));
  other = key();
  other.peer = IpAddress::v4(0x0a000003);
  EXPECT_FALSE(good(kSecret, other, kIrs, true));
}

TEST(TcpSynCookie, TellsASegmentThatIsNotTheFirstFromAForgery) {
  const SeqNum iss = make_cookie(kSecret, key(), kIrs, 1460, true, kNow);
  const auto later = check_cookie(kSecret, key(), kIrs + 1000, iss, true, kNow);
  ASSERT_TRUE(later);
  EXPECT_FALSE(later->whole);
  const auto first = check_cookie(kSecret, key(), kIrs, iss, true, kNow);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->whole);
  EXPECT_EQ(first->flow_tag, later->flow_tag);
  EXPECT_NE(first->tag, later->tag);
  EXPECT_FALSE(check_cookie(kSecret, key(5001), kIrs + 1000, iss, true, kNow));
  EXPECT_FALSE(check_cookie(kSecret, key(), kIrs + 1000, iss + 16, true, kNow));
}

TEST(TcpSynCookie, RoundTripsForAnySecretTupleAndTime) {
  base::Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    const CookieSecret secret(random.next(), random.next());
    const FlowKey tuple{IpAddress::v4(random.below(0xffff'ffff)),
                        IpAddress::v4(random.below(0xffff'ffff)),
                        static_cast<uint16_t>(random.next()), static_cast<uint16_t>(random.next())};
    const SeqNum irs(static_cast<uint32_t>(random.next()));
    const auto mss = static_cast<uint16_t>(random.next());
    const bool timestamps = random.below(2) == 1;
    const Instant made{static_cast<int64_t>(random.next() >> 2)};
    const SeqNum iss = make_cookie(secret, tuple, irs, mss, timestamps, made);
    const Instant used = made + nanoseconds(random.below(64) * seconds(1).ns);
    const auto cookie = good_cookie(secret, tuple, irs, iss, timestamps, used);
    ASSERT_TRUE(cookie) << i;
    EXPECT_EQ(cookie->mss, cookie_mss(mss));
  }
}

TEST(TcpSynCookie, RefusesEverySingleWrongBit) {
  base::Random random(8);
  int taken = 0;
  for (int i = 0; i < 5'000; ++i) {
    const CookieSecret secret(random.next(), random.next());
    const SeqNum irs(static_cast<uint32_t>(random.next()));
    const SeqNum iss = make_cookie(secret, key(), irs, 1460, true, kNow);
    for (uint32_t bit = 0; bit < 32; ++bit) {
      const uint32_t flip = uint32_t{1} << bit;
      taken += good_cookie(secret, key(), irs, SeqNum(iss.raw() ^ flip), true, kNow) ? 1 : 0;
      taken += good_cookie(secret, key(), SeqNum(irs.raw() ^ flip), iss, true, kNow) ? 1 : 0;
    }
  }
  // One in 2^20 would be right where only the peer's ISN is wrong: of these 320,000, none.
  EXPECT_EQ(taken, 0);
}

TEST(TcpSynCookie, AGuessIsRightOnceInTwoToTheTwentyEight) {
  // A short test can only bound it: not once in a million.
  base::Random random(9);
  int taken = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const SeqNum iss(static_cast<uint32_t>(random.next()));
    taken += good_cookie(kSecret, key(), kIrs, iss, true, kNow) ? 1 : 0;
  }
  EXPECT_EQ(taken, 0);
}

TEST(TcpSynCookie, TagsOfDifferentCookiesDiffer) {
  std::vector<uint64_t> tags;
  for (uint16_t port = 1; port < 2000; ++port) {
    const SeqNum iss = make_cookie(kSecret, key(port), kIrs, 1460, true, kNow);
    tags.push_back(good_cookie(kSecret, key(port), kIrs, iss, true, kNow)->tag);
  }
  std::sort(tags.begin(), tags.end());
  EXPECT_EQ(std::adjacent_find(tags.begin(), tags.end()), tags.end());
}

TEST(TcpSynCookie, EveryBitOfTheHashLooksRandom) {
  std::vector<int> ones(32, 0);
  constexpr int kRounds = 4000;
  for (int i = 0; i < kRounds; ++i) {
    const auto port = static_cast<uint16_t>(1000 + i);
    const SeqNum iss = make_cookie(kSecret, key(port), kIrs, 1460, true, kNow);
    for (uint32_t bit = 4; bit < 32; ++bit) ones[bit] += iss.raw() >> bit & 1;
  }
  // Six standard deviations of a fair coin.
  for (uint32_t bit = 4; bit < 32; ++bit) EXPECT_NEAR(ones[bit], kRounds / 2, 190) << bit;
}

// --- The timestamp
// --------------------------------------------------------------------------------

TEST(TcpSynCookie, AStampCarriesTheOptionsAndIsNeverAheadOfTheClock) {
  for (uint32_t clock : {0u, 1u, 63u, 64u, 1000u, 0x7fff'ffffu, 0xffff'ffc0u, 0xffff'ffffu}) {
    for (uint8_t shift = 0; shift < 16; ++shift) {
      for (int flags = 0; flags < 4; ++flags) {
        const StampedOptions options{shift, (flags & 1) != 0, (flags & 2) != 0};
        const uint32_t value = stamp(clock, options);
        EXPECT_LT(clock - value, 64u);
        const auto back = read_stamp(clock + 20, value);
        ASSERT_TRUE(back);
        EXPECT_EQ(*back, options);
      }
    }
  }
}

TEST(TcpSynCookie, AnEchoFromTheFutureOrOlderThanACookieIsRefused) {
  const uint32_t clock = 50;  // it wraps behind us
  EXPECT_TRUE(read_stamp(clock, clock));
  EXPECT_FALSE(read_stamp(clock, clock + 1));
  EXPECT_TRUE(read_stamp(clock, clock - 128'000));
  EXPECT_TRUE(read_stamp(clock, clock - 128'063));
  EXPECT_FALSE(read_stamp(clock, clock - 128'064));
  EXPECT_FALSE(read_stamp(clock, clock + 0x8000'0000));
}

}  // namespace
}  // namespace millrace::tcp
