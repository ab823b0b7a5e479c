// SPDX-License-Identifier: BSD-3-Clause
// Seeds and addresses drawn from the system.
#include "runtime/entropy.h"

#include <gtest/gtest.h>

#include <set>

namespace millrace::runtime {
namespace {

TEST(Entropy, SeedsAreNeitherZeroNorRepeated) {
  std::set<uint64_t> seeds;
  for (int i = 0; i < 1000; ++i) seeds.insert(draw_seed());
  EXPECT_EQ(seeds.size(), 1000u);
  EXPECT_EQ(seeds.count(0), 0u);
}

TEST(Entropy, AddressesAreUnicastAndLocallyAdministered) {
  std::set<MacAddress> addresses;
  for (int i = 0; i < 1000; ++i) {
    const MacAddress mac = draw_mac();
    EXPECT_FALSE(mac.is_multicast());
    EXPECT_NE(mac.bytes[0] & 2, 0);
    addresses.insert(mac);
  }
  EXPECT_EQ(addresses.size(), 1000u);
}

}  // namespace
}  // namespace millrace::runtime
