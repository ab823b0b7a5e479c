// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/syn_cookie.h"

#include <array>

#include "tcp/tuple_mac.h"

namespace millrace::tcp {
namespace {

// Ethernet with and without options, tunnels and PPPoE; RFC 9293's default; jumbo frames. The first
// is the least payload that we ever send in a full-sized segment.
constexpr std::array<uint16_t, 8> kMssTable = {32, 256, 536, 1220, 1360, 1440, 1460, 8960};

constexpr uint32_t kTagMask = 0xffff'f000;
constexpr uint32_t kFlowTagMask = 0x0000'0ff0;
constexpr uint32_t kParityMask = 1;

constexpr uint32_t kStampMask = 63;
constexpr uint32_t kSackBit = 0x10;
constexpr uint32_t kEcnBit = 0x20;

uint64_t period_of(Instant now) {
  return static_cast<uint64_t>(now.ns) / static_cast<uint64_t>(kCookiePeriod.ns);
}

uint32_t mss_index(uint16_t mss) {
  uint32_t index = kMssTable.size() - 1;
  while (index != 0 && kMssTable[index] > mss) --index;
  return index;
}

// What every segment of the peer's repeats. 24 bits of periods last for 34 years.
base::AesBlock flow_block(const CookieSecret& secret, const FlowKey& key, uint64_t period,
                          uint32_t index) {
  return tuple_mac(secret.flow, key, (static_cast<uint32_t>(period) << 4 | index) & 0x0fff'ffff);
}

uint64_t tag_of(const CookieSecret& secret, const base::AesBlock& flow, wire::SeqNum irs,
                bool timestamps) {
  return secret.whole.encrypt(flow ^ base::AesBlock{uint64_t{timestamps} << 32 | irs.raw(), 0}).low;
}

}  // namespace

CookieSecret::CookieSecret(uint64_t k0, uint64_t k1) {
  const base::Aes128 master(base::AesBlock{k0, k1});
  flow = base::Aes128(master.encrypt({1, 0}));
  whole = base::Aes128(master.encrypt({2, 0}));
}

wire::SeqNum make_cookie(const CookieSecret& secret, const FlowKey& key, wire::SeqNum irs,
                         uint16_t peer_mss, bool timestamps, Instant now) {
  const uint64_t period = period_of(now);
  const uint32_t index = mss_index(peer_mss);
  const base::AesBlock flow = flow_block(secret, key, period, index);
  return wire::SeqNum((static_cast<uint32_t>(tag_of(secret, flow, irs, timestamps)) & kTagMask) |
                      (static_cast<uint32_t>(flow.low) & kFlowTagMask) | index << 1 |
                      (static_cast<uint32_t>(period) & kParityMask));
}

std::optional<Cookie> check_cookie(const CookieSecret& secret, const FlowKey& key, wire::SeqNum irs,
                                   wire::SeqNum iss, bool timestamps, Instant now) {
  uint64_t period = period_of(now);
  if (((static_cast<uint32_t>(period) ^ iss.raw()) & kParityMask) != 0) --period;
  const uint32_t index = iss.raw() >> 1 & 7;
  const base::AesBlock flow = flow_block(secret, key, period, index);
  if (((static_cast<uint32_t>(flow.low) ^ iss.raw()) & kFlowTagMask) != 0) return std::nullopt;
  const uint64_t tag = tag_of(secret, flow, irs, timestamps);
  const bool whole = ((static_cast<uint32_t>(tag) ^ iss.raw()) & kTagMask) == 0;
  return Cookie{kMssTable[index], whole, flow.low, tag};
}

uint16_t cookie_mss(uint16_t mss) { return kMssTable[mss_index(mss)]; }

uint32_t stamp(uint32_t clock, const StampedOptions& options) {
  const uint32_t bits =
      options.window_shift | (options.sack ? kSackBit : 0) | (options.ecn ? kEcnBit : 0);
  // Past the clock it would be from the future: 64 ms back.
  const uint32_t block = (clock & kStampMask) >= bits ? clock : clock - (kStampMask + 1);
  return (block & ~kStampMask) | bits;
}

std::optional<StampedOptions> read_stamp(uint32_t clock, uint32_t echo) {
  constexpr auto kAgeMax = static_cast<uint32_t>(kCookieLifetimeMax.milliseconds()) + kStampMask;
  if (clock - echo > kAgeMax) return std::nullopt;
  return StampedOptions{static_cast<uint8_t>(echo & 0xf), (echo & kSackBit) != 0,
                        (echo & kEcnBit) != 0};
}

}  // namespace millrace::tcp
