// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/fast_open.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"

namespace millrace::tcp {

std::optional<FastOpen> FastOpen::create(uint32_t peers_max) {
  const uint32_t count = std::max(std::bit_floor(peers_max), kWays);
  auto region = base::Region::allocate(size_t{count} * sizeof(Peer), false);
  if (!region) return std::nullopt;
  return FastOpen(std::move(*region), count / kWays - 1);
}

// --- Server -----------------------------------------------------------------------------------

uint64_t FastOpen::cookie_of(const FlowKey& key, uint64_t period) const {
  const auto local = key.local.words();
  const auto peer = key.peer.words();
  const std::array<uint64_t, 5> words = {local[0], local[1], peer[0], peer[1], period};
  return base::siphash_2_4_words(key_[0], key_[1], words);
}

std::span<const std::byte> FastOpen::cookie_for(const FlowKey& key) {
  const uint64_t cookie = cookie_of(key, period_);
  std::memcpy(cookie_.data(), &cookie, kCookieBytes);
  return cookie_;
}

bool FastOpen::is_good(const FlowKey& key, std::span<const std::byte> cookie) const {
  if (cookie.size() != kCookieBytes) return false;
  uint64_t given = 0;
  std::memcpy(&given, cookie.data(), kCookieBytes);
  return given == cookie_of(key, period_) || given == cookie_of(key, period_ - 1);
}

// --- Client -----------------------------------------------------------------------------------

// The zeroed memory of a place that was never used is a Peer of the unspecified address.
std::span<FastOpen::Peer> FastOpen::places(const IpAddress& peer) const {
  const auto words = peer.words();
  const uint64_t hash = base::fold_multiply(words[0] ^ key_[0], words[1] ^ key_[1]);
  const size_t first = size_t{static_cast<uint32_t>(hash) & mask_} * kWays;
  return {reinterpret_cast<Peer*>(region_.data()) + first, kWays};
}

const FastOpen::Peer* FastOpen::find(const IpAddress& peer, uint32_t tick) const {
  for (const Peer& known : places(peer)) {
    if (known.address != peer) continue;
    const bool forgotten = known.cookie_bytes == 0 && tick - known.tick >= kRefusedTicks;
    return forgotten ? nullptr : &known;
  }
  return nullptr;
}

// The peer's own place, or else the one that was written longest ago.
FastOpen::Peer& FastOpen::place_for(const IpAddress& peer, uint32_t tick) {
  Peer* chosen = nullptr;
  for (Peer& known : places(peer)) {
    if (known.address == peer) return known;
    const bool free = known.address.is_unspecified();
    if (chosen == nullptr || free ||
        (!chosen->address.is_unspecified() && tick - known.tick > tick - chosen->tick)) {
      chosen = &known;
    }
  }
  return *chosen;
}

void FastOpen::remember(const IpAddress& peer, std::span<const std::byte> cookie, uint16_t mss,
                        uint32_t tick) {
  MR_ASSERT(!cookie.empty() && cookie.size() <= kPeerCookieMaxBytes);
  Peer& place = place_for(peer, tick);
  place = {.address = peer,
           .tick = tick,
           .mss = mss,
           .cookie_bytes = static_cast<uint8_t>(cookie.size())};
  std::copy(cookie.begin(), cookie.end(), place.cookie.begin());
}

void FastOpen::refuse(const IpAddress& peer, uint32_t tick) {
  place_for(peer, tick) = {.address = peer, .tick = tick};
}

}  // namespace millrace::tcp
