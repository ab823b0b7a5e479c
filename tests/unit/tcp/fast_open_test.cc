// SPDX-License-Identifier: BSD-3-Clause
// TCP Fast Open (RFC 7413): cookies that only we can have made, and a bounded memory of those that
// others gave us.
#include "tcp/fast_open.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/random.h"

namespace millrace::tcp {
namespace {

FlowKey between(uint32_t local, uint32_t peer, uint16_t peer_port = 5000) {
  return {IpAddress::v4(local), IpAddress::v4(peer), 80, peer_port};
}

std::vector<std::byte> copy(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> cookie(int first, size_t bytes = 8) {
  std::vector<std::byte> out(bytes);
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return out;
}

TEST(TcpFastOpen, ACookieIsOfTheAddressesAndNotOfThePorts) {
  auto ours = *FastOpen::create(4);
  ours.set_key({1, 2});
  const auto given = copy(ours.cookie_for(between(10, 20, 5000)));
  EXPECT_EQ(given.size(), FastOpen::kCookieBytes);
  EXPECT_TRUE(ours.is_good(between(10, 20, 5001), given));
  EXPECT_FALSE(ours.is_good(between(10, 21), given)) << "another peer";
  EXPECT_FALSE(ours.is_good(between(11, 20), given)) << "another address of ours";
}

TEST(TcpFastOpen, EveryBitOfACookieMatters) {
  auto ours = *FastOpen::create(4);
  ours.set_key({1, 2});
  auto given = copy(ours.cookie_for(between(10, 20)));
  for (size_t bit = 0; bit < 64; ++bit) {
    given[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(ours.is_good(between(10, 20), given)) << bit;
    given[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_TRUE(ours.is_good(between(10, 20), given));
  EXPECT_FALSE(ours.is_good(between(10, 20), std::span(given).first(6))) << "cut off";
  given.push_back(std::byte{0});
  EXPECT_FALSE(ours.is_good(between(10, 20), given)) << "with something behind it";
  EXPECT_FALSE(ours.is_good(between(10, 20), {}));
}

TEST(TcpFastOpen, TheCookiesOfTwoPeriodsAreGood) {
  auto ours = *FastOpen::create(4);
  ours.set_key({1, 2});
  ours.set_period(7);
  const auto given = copy(ours.cookie_for(between(10, 20)));
  for (uint64_t period : {5u, 6u, 7u, 8u, 9u}) {
    ours.set_period(period);
    EXPECT_EQ(ours.is_good(between(10, 20), given), period == 7 || period == 8) << period;
  }
}

TEST(TcpFastOpen, AnotherKeyMakesOtherCookies) {
  auto ours = *FastOpen::create(4);
  ours.set_key({1, 2});
  auto others = *FastOpen::create(4);
  others.set_key({1, 3});
  EXPECT_FALSE(others.is_good(between(10, 20), ours.cookie_for(between(10, 20))));
  others.set_key({1, 2});
  EXPECT_TRUE(others.is_good(between(10, 20), ours.cookie_for(between(10, 20))));
}

TEST(TcpFastOpen, RemembersWhatAPeerGave) {
  auto ours = *FastOpen::create(64);
  const IpAddress peer = IpAddress::v4(0x0a000002);
  EXPECT_EQ(ours.find(peer, 0), nullptr);
  ours.remember(peer, cookie(1, 16), 1400, 0);
  const FastOpen::Peer* known = ours.find(peer, 1u << 31);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(copy(known->its_cookie()), cookie(1, 16));
  EXPECT_EQ(known->mss, 1400);
  ours.remember(peer, cookie(9, 4), 1000, 1);
  known = ours.find(peer, 1);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(copy(known->its_cookie()), cookie(9, 4));
  EXPECT_EQ(ours.find(IpAddress::v4(0x0a000003), 0), nullptr);
}

TEST(TcpFastOpen, ARefusalIsForgottenAfterAWhile) {
  auto ours = *FastOpen::create(64);
  const IpAddress peer = IpAddress::v4(0x0a000002);
  ours.remember(peer, cookie(1), 1400, 0);
  const uint32_t now = 0xffff'ff00;  // the clock wraps meanwhile
  ours.refuse(peer, now);
  const FastOpen::Peer* known = ours.find(peer, now + FastOpen::kRefusedTicks - 1);
  ASSERT_NE(known, nullptr);
  EXPECT_TRUE(known->its_cookie().empty());
  EXPECT_EQ(ours.find(peer, now + FastOpen::kRefusedTicks), nullptr);
}

TEST(TcpFastOpen, WhenThereIsNoRoomTheOldestGivesWay) {
  auto ours = *FastOpen::create(4);  // one set of four
  for (uint32_t i = 0; i < 4; ++i) {
    ours.remember(IpAddress::v4(100 + i), cookie(static_cast<int>(i)), 1460, i);
  }
  ours.remember(IpAddress::v4(100), cookie(50), 1460, 4);  // news of the oldest
  ours.remember(IpAddress::v4(200), cookie(60), 1460, 5);
  EXPECT_NE(ours.find(IpAddress::v4(100), 5), nullptr);
  EXPECT_EQ(ours.find(IpAddress::v4(101), 5), nullptr) << "now the oldest";
  EXPECT_NE(ours.find(IpAddress::v4(102), 5), nullptr);
  EXPECT_NE(ours.find(IpAddress::v4(200), 5), nullptr);
}

TEST(TcpFastOpen, NeverTakesOnePeerForAnother) {
  auto ours = *FastOpen::create(64);
  base::Random random(3);
  std::map<uint32_t, int> given;
  for (uint32_t tick = 0; tick < 20'000; ++tick) {
    const uint32_t peer = 1 + random.below(300);
    const FastOpen::Peer* known = ours.find(IpAddress::v4(peer), tick);
    if (known != nullptr) {
      ASSERT_EQ(copy(known->its_cookie()), cookie(given[peer])) << peer;
    }
    given[peer] = static_cast<int>(random.below(200));
    ours.remember(IpAddress::v4(peer), cookie(given[peer]), 1460, tick);
  }
}

}  // namespace
}  // namespace millrace::tcp
