// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/syn_cookie.h"

#include <array>

#include "base/hash.h"

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

// What every segment of the peer's repeats. The input has one length for each IP version, which it
// names: no length block. 28 bits of periods last for five centuries.
base::SipState begin_tag(const CookieSecret& secret, const FlowKey& key, uint64_t period,
                         uint32_t index) {
  base::SipState state(secret.k0, secret.k1);
  const bool v4 = key.peer.is_v4();
  if (v4) {
    state.absorb((uint64_t{key.local.v4_value()} << 32) | key.peer.v4_value());
  } else {
    for (const uint64_t word : key.local.words()) state.absorb(word);
    for (const uint64_t word : key.peer.words()) state.absorb(word);
  }
  const uint64_t ports = uint64_t{key.local_port} << 16 | key.peer_port;
  const uint64_t rest = period << 4 | uint64_t{v4} << 3 | index;
  state.absorb(ports << 32 | static_cast<uint32_t>(rest));
  return state;
}

uint64_t flow_tag_of(base::SipState state) { return state.finish(); }

uint64_t tag_of(base::SipState state, wire::SeqNum irs, bool timestamps) {
  state.absorb(uint64_t{timestamps} << 32 | irs.raw());
  return state.finish();
}

}  // namespace

wire::SeqNum make_cookie(const CookieSecret& secret, const FlowKey& key, wire::SeqNum irs,
                         uint16_t peer_mss, bool timestamps, Instant now) {
  const uint64_t period = period_of(now);
  const uint32_t index = mss_index(peer_mss);
  const base::SipState state = begin_tag(secret, key, period, index);
  return wire::SeqNum((static_cast<uint32_t>(tag_of(state, irs, timestamps)) & kTagMask) |
                      (static_cast<uint32_t>(flow_tag_of(state)) & kFlowTagMask) | index << 1 |
                      (static_cast<uint32_t>(period) & kParityMask));
}

std::optional<Cookie> check_cookie(const CookieSecret& secret, const FlowKey& key, wire::SeqNum irs,
                                   wire::SeqNum iss, bool timestamps, Instant now) {
  uint64_t period = period_of(now);
  if (((static_cast<uint32_t>(period) ^ iss.raw()) & kParityMask) != 0) --period;
  const uint32_t index = iss.raw() >> 1 & 7;
  const base::SipState state = begin_tag(secret, key, period, index);
  const uint64_t flow_tag = flow_tag_of(state);
  if (((static_cast<uint32_t>(flow_tag) ^ iss.raw()) & kFlowTagMask) != 0) return std::nullopt;
  const uint64_t tag = tag_of(state, irs, timestamps);
  const bool whole = ((static_cast<uint32_t>(tag) ^ iss.raw()) & kTagMask) == 0;
  return Cookie{kMssTable[index], whole, flow_tag, tag};
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
