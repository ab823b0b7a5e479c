// SPDX-License-Identifier: BSD-3-Clause
// TCP Fast Open (RFC 7413): what a shard knows for it, on both sides. A server proves with a cookie
// that a client once received what was sent to its address, and keeps nothing for that; a client
// keeps the cookies that servers gave it, a bounded number of them.
//
// Our cookies are 8 bytes of SipHash over both addresses and the period: a new secret each period,
// and the one before still good.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "base/memory.h"
#include "millrace/address.h"

namespace millrace::tcp {

class FastOpen {
 public:
  static constexpr size_t kCookieBytes = 8;
  static constexpr size_t kPeerCookieMaxBytes = 16;
  // For so long a peer is not tried again that did not answer, or has no use for it.
  static constexpr uint32_t kRefusedTicks = 3'600'000;

  // What is known of a peer that we connect to.
  struct Peer {
    IpAddress address;
    std::array<std::byte, kPeerCookieMaxBytes> cookie{};
    uint32_t tick = 0;         // when it was learned
    uint16_t mss = 0;          // what it announced
    uint8_t cookie_bytes = 0;  // 0: it refused

    [[nodiscard]] std::span<const std::byte> its_cookie() const {
      return std::span(cookie).first(cookie_bytes);
    }
  };

  // Room for the power of two up to `peers_max`. Nothing when there is no memory.
  static std::optional<FastOpen> create(uint32_t peers_max);

  // --- Server.
  void set_key(const std::array<uint64_t, 2>& key) { key_ = key; }
  void set_period(uint64_t period) { period_ = period; }
  // Valid until the next call.
  std::span<const std::byte> cookie_for(const FlowKey& key);
  // Whether it is one of ours for these addresses, of this period or the one before.
  [[nodiscard]] bool is_good(const FlowKey& key, std::span<const std::byte> cookie) const;

  // --- Client.
  // Nothing when the peer is not known; a refusal is forgotten after a while.
  [[nodiscard]] const Peer* find(const IpAddress& peer, uint32_t tick) const;
  // Requires: 4 to 16 bytes of cookie.
  void remember(const IpAddress& peer, std::span<const std::byte> cookie, uint16_t mss,
                uint32_t tick);
  void refuse(const IpAddress& peer, uint32_t tick);

 private:
  static constexpr uint32_t kWays = 4;  // places that an address may have

  FastOpen(base::Region region, uint32_t mask) : region_(std::move(region)), mask_(mask) {}

  [[nodiscard]] uint64_t cookie_of(const FlowKey& key, uint64_t period) const;
  [[nodiscard]] std::span<Peer> places(const IpAddress& peer) const;
  Peer& place_for(const IpAddress& peer, uint32_t tick);

  base::Region region_;
  uint32_t mask_;
  std::array<uint64_t, 2> key_{};
  uint64_t period_ = 0;
  std::array<std::byte, kCookieBytes> cookie_{};
};

}  // namespace millrace::tcp
