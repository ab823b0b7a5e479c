// SPDX-License-Identifier: BSD-3-Clause
#include "net/path_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "base/random.h"

namespace millrace::net {
namespace {

constexpr Duration kLifetime = seconds(600);

IpAddress host(uint32_t n) { return IpAddress::v4(0x0a000000 + n); }
Instant at(int64_t s) { return Instant{} + seconds(s); }

PathCache cache_of(uint32_t entries) { return {entries, kLifetime, 0x1234567, 0x89abcdef}; }

TEST(PathCache, KnowsNothingAtFirst) {
  const PathCache cache = cache_of(16);
  EXPECT_TRUE(cache.empty());
  EXPECT_EQ(cache.find(host(1), at(0)), 0);
}

TEST(PathCache, RemembersForItsLifetime) {
  PathCache cache = cache_of(16);
  cache.learn(host(1), 1000, at(5));
  EXPECT_FALSE(cache.empty());
  EXPECT_EQ(cache.find(host(1), at(604)), 1000);
  EXPECT_EQ(cache.find(host(1), at(605)), 0);
  EXPECT_EQ(cache.find(host(2), at(5)), 0);
}

TEST(PathCache, NeverRaisesWhatItKnows) {
  PathCache cache = cache_of(16);
  cache.learn(host(1), 1000, at(0));
  cache.learn(host(1), 1400, at(10));
  EXPECT_EQ(cache.find(host(1), at(599)), 1000);
  EXPECT_EQ(cache.find(host(1), at(600)), 0) << "nor does a larger claim confirm it";
  cache.learn(host(1), 1400, at(600));
  EXPECT_EQ(cache.find(host(1), at(600)), 1400) << "what is forgotten does not count";
}

TEST(PathCache, AConfirmationCountsFromAnew) {
  PathCache cache = cache_of(16);
  cache.learn(host(1), 1000, at(0));
  cache.learn(host(1), 1000, at(500));
  EXPECT_EQ(cache.find(host(1), at(1099)), 1000);
}

TEST(PathCache, BoundsAreRoundedUpToWholeSets) {
  EXPECT_EQ(cache_of(1).capacity(), 4U);
  EXPECT_EQ(cache_of(4).capacity(), 4U);
  EXPECT_EQ(cache_of(5).capacity(), 8U);
  EXPECT_EQ(cache_of(17).capacity(), 32U);
}

TEST(PathCache, AFullSetGivesUpWhatExpiresFirst) {
  PathCache cache = cache_of(4);
  for (uint32_t n = 1; n <= 4; ++n) cache.learn(host(n), 1000, at(n));
  cache.learn(host(1), 1000, at(5));  // now host 2 is the oldest
  cache.learn(host(9), 1200, at(6));
  EXPECT_EQ(cache.find(host(2), at(6)), 0);
  for (uint32_t n : {1, 3, 4}) EXPECT_EQ(cache.find(host(n), at(6)), 1000);
  EXPECT_EQ(cache.find(host(9), at(6)), 1200);
}

// --- Against a map without bounds ---------------------------------------------------------------

class Twin {
 public:
  uint16_t find(uint32_t peer, Instant now) const {
    const auto found = known_.find(peer);
    return found == known_.end() || now >= found->second.second ? uint16_t{0} : found->second.first;
  }
  void learn(uint32_t peer, uint16_t mtu, Instant now) {
    const uint16_t before = find(peer, now);
    if (before == 0 || mtu <= before) known_[peer] = {mtu, now + kLifetime};
  }

 private:
  std::map<uint32_t, std::pair<uint16_t, Instant>> known_;
};

TEST(PathCache, AgreesWithAMapWhileThereIsRoom) {
  base::Random random(1);
  PathCache cache = cache_of(4);
  Twin twin;
  Instant now = at(0);
  for (int i = 0; i < 20'000; ++i) {
    now = now + seconds(random.below(200));
    const uint32_t peer = random.below(4);
    if (random.below(3) == 0) {
      const auto mtu = static_cast<uint16_t>(552 + random.below(900));
      cache.learn(host(peer), mtu, now);
      twin.learn(peer, mtu, now);
    }
    ASSERT_EQ(cache.find(host(peer), now), twin.find(peer, now)) << "step " << i;
  }
}

TEST(PathCache, ForgetsButNeverMakesUpWhenThereIsNone) {
  base::Random random(2);
  PathCache cache = cache_of(64);
  std::vector<std::vector<uint16_t>> told(1000);
  Instant now = at(0);
  uint32_t known = 0;
  for (int i = 0; i < 20'000; ++i) {
    now = now + milliseconds(random.below(100));
    const uint32_t peer = random.below(1000);
    const auto mtu = static_cast<uint16_t>(552 + random.below(900));
    cache.learn(host(peer), mtu, now);
    told[peer].push_back(mtu);
    ASSERT_NE(cache.find(host(peer), now), 0) << "the latest is always known";
    const uint32_t other = random.below(1000);
    const uint16_t answer = cache.find(host(other), now);
    if (answer == 0) continue;
    ++known;
    ASSERT_NE(std::find(told[other].begin(), told[other].end(), answer), told[other].end());
  }
  EXPECT_GT(known, 500U);
}

}  // namespace
}  // namespace millrace::net
