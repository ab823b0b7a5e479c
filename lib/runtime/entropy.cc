// SPDX-License-Identifier: BSD-3-Clause
#include "runtime/entropy.h"

#include <sys/random.h>

#include <cstring>

#include "base/check.h"

namespace millrace::runtime {

uint64_t draw_seed() {
  uint64_t seed = 0;
  while (seed == 0) {
    // Up to 256 bytes come whole, once the kernel has any.
    MR_ASSERT(getrandom(&seed, sizeof(seed), 0) == sizeof(seed));
  }
  return seed;
}

MacAddress draw_mac() {
  constexpr uint8_t kLocal = 0x02;
  constexpr uint8_t kGroup = 0x01;
  const uint64_t random = draw_seed();
  MacAddress mac;
  std::memcpy(mac.bytes.data(), &random, mac.bytes.size());
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] | kLocal) & ~kGroup);
  return mac;
}

}  // namespace millrace::runtime
