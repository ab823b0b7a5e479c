// SPDX-License-Identifier: BSD-3-Clause
// Addresses as values: link-layer, network-layer, endpoint. An IpAddress is always 16 bytes in
// network order; IPv4 is held as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that one key type
// serves both families.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "millrace/result.h"

namespace millrace {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
  [[nodiscard]] constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }
  [[nodiscard]] constexpr bool is_zero() const { return *this == MacAddress{}; }
  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

  // "02:00:00:00:00:01"
  static Result<MacAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

class IpAddress {
 public:
  constexpr IpAddress() = default;

  // `host_order` is the address as a number: 10.0.0.1 is 0x0a000001.
  static constexpr IpAddress v4(uint32_t host_order) {
    IpAddress a;
    a.parts_ = {0, 0, kV4Prefix, to_big(host_order)};
    return a;
  }
  static IpAddress v6(const std::array<uint8_t, 16>& bytes) {
    IpAddress a;
    std::memcpy(a.parts_.data(), bytes.data(), 16);
    return a;
  }

  [[nodiscard]] constexpr bool is_v4() const {
    const Words w = words();
    return (w[0] | (static_cast<uint32_t>(w[1]) ^ kV4Prefix)) == 0;
  }
  // Requires: is_v4(). The address as a number.
  [[nodiscard]] constexpr uint32_t v4_value() const { return to_big(parts_[3]); }
  [[nodiscard]] std::array<uint8_t, 16> bytes() const {
    std::array<uint8_t, 16> out;
    std::memcpy(out.data(), parts_.data(), 16);
    return out;
  }
  // The 16 bytes as two words in memory order; for hashing and comparing only.
  using Words = std::array<uint64_t, 2>;
  static constexpr uint32_t kV4Prefix = 0xffff0000u;  // bytes 00 00 ff ff: the third of four parts
  [[nodiscard]] constexpr Words words() const { return std::bit_cast<Words>(parts_); }

  // All zero bits, or 0.0.0.0.
  [[nodiscard]] constexpr bool is_unspecified() const {
    return (parts_[0] | parts_[1] | parts_[3]) == 0 && (parts_[2] == 0 || parts_[2] == kV4Prefix);
  }
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_loopback() const;
  // fe80::/10 or 169.254.0.0/16: never forwarded by a router.
  [[nodiscard]] bool is_link_local() const;

  // As a number; of IPv4, all of it.
  [[nodiscard]] constexpr uint32_t last_32_bits() const { return to_big(parts_[3]); }
  // The address `offset` further on, modulo the size of the family.
  [[nodiscard]] constexpr IpAddress plus(uint32_t offset) const {
    IpAddress a = *this;
    const uint32_t last = to_big(parts_[3]);
    a.parts_[3] = to_big(last + offset);
    if (last + offset >= last || is_v4()) [[likely]]
      return a;
    for (size_t i = 3; i > 0; --i) {
      a.parts_[i - 1] = to_big(to_big(parts_[i - 1]) + 1);
      if (a.parts_[i - 1] != 0) break;
    }
    return a;
  }

  // Word by word: the default would call memcmp for so few bytes.
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    const Words u = a.words();
    const Words v = b.words();
    return ((u[0] ^ v[0]) | (u[1] ^ v[1])) == 0;
  }
  // By their value as numbers.
  friend constexpr std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    const Words u = a.words();
    const Words v = b.words();
    const size_t i = u[0] != v[0] ? 0 : 1;
    return __builtin_bswap64(u[i]) <=> __builtin_bswap64(v[i]);
  }

  // "10.0.0.1" or "fe80::1".
  static Result<IpAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;

 private:
  static_assert(std::endian::native == std::endian::little, "words() assumes little endian");
  static constexpr uint32_t to_big(uint32_t v) { return __builtin_bswap32(v); }

  // Parts of 4 bytes, not 8: a FlowKey is 36 bytes and not 40.
  std::array<uint32_t, 4> parts_{};
};

// One of the virtual LANs that share a link, or what is not tagged at all. Frames of a VLAN carry
// one tag (IEEE 802.1Q) or two ("QinQ", IEEE 802.1ad).
class Vlan {
 public:
  static constexpr uint16_t kIdMax = 4094;  // from 1

  constexpr Vlan() = default;  // no tag
  // Requires: ids below 4096. A tag of id 0 says a priority and names no VLAN: it counts as none.
  constexpr explicit Vlan(uint16_t outer, uint16_t inner = 0)
      : bits_(outer == 0 ? uint32_t{inner} << 12 : uint32_t{outer} << 12 | inner) {}
  // Of whatever VLAN; no frame's.
  static constexpr Vlan any() { return Vlan(4095, 4095); }

  [[nodiscard]] constexpr bool tagged() const { return bits_ != 0; }
  [[nodiscard]] constexpr uint16_t outer() const { return bits_ >> 12 & 0xfff; }
  [[nodiscard]] constexpr uint16_t inner() const { return bits_ & 0xfff; }  // 0: one tag at most
  [[nodiscard]] constexpr size_t tag_bytes() const {
    if (!tagged()) [[likely]]
      return 0;
    return inner() == 0 ? 4 : 8;
  }

  // How the outer of two tags is written: 0x88a8 (802.1ad), or 0x8100 as the inner one (802.1Q).
  // Not a part of the name: both are read.
  [[nodiscard]] constexpr bool outer_is_8021q() const { return (bits_ & kOuter8021q) != 0; }
  constexpr void set_outer_8021q() {
    if (inner() != 0) bits_ |= kOuter8021q;
  }

  friend constexpr bool operator==(const Vlan& a, const Vlan& b) {
    return ((a.bits_ ^ b.bits_) & ~kOuter8021q) == 0;
  }
  // For hashing.
  [[nodiscard]] constexpr uint32_t name() const { return bits_ & ~kOuter8021q; }

  // "100", or "100.200": the outer id first.
  static Result<Vlan> parse(std::string_view text);
  // "" when untagged.
  [[nodiscard]] std::string to_string() const;

 private:
  static constexpr uint32_t kOuter8021q = 1u << 31;
  uint32_t bits_ = 0;
};

// An address with the length of its network's prefix: "10.0.0.1/24". For IPv4, `length` counts
// bits of the 32, for IPv6 of the 128.
struct Prefix {
  IpAddress address;
  uint8_t length = 0;

  friend bool operator==(const Prefix&, const Prefix&) = default;
  [[nodiscard]] bool contains(const IpAddress& other) const;
  // The first address of the network: host bits cleared.
  [[nodiscard]] IpAddress network() const;
  // Requires: IPv4. The directed broadcast address.
  [[nodiscard]] IpAddress broadcast() const;

  static Result<Prefix> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

// All addresses from `first` to `last`, both included. Usable where both are of one family and
// first <= last, as they are in what the functions below give.
struct AddressRange {
  IpAddress first;
  IpAddress last;

  friend bool operator==(const AddressRange&, const AddressRange&) = default;
  // Those that can be a host's: not the first and the last of the prefix (network and broadcast),
  // unless it has no others (RFC 3021, RFC 6164).
  static AddressRange hosts_of(const Prefix& prefix);
  [[nodiscard]] bool contains(const IpAddress& address) const {
    return first <= address && address <= last;
  }
  [[nodiscard]] bool overlaps(const AddressRange& other) const {
    return first <= other.last && other.first <= last;
  }
  // UINT64_MAX where there are as many or more.
  [[nodiscard]] uint64_t count() const;

  // "10.0.0.2", "10.0.0.2-10.0.3.254", "10.0.0.0/22" (its hosts); IPv6 likewise.
  static Result<AddressRange> parse(std::string_view text);
  // As one address, or both ends.
  [[nodiscard]] std::string to_string() const;
};

// An address of ours, with its on-link network, and the VLAN that both are on: what is for it has
// to come there, and what it sends leaves there. "10.0.0.1/24", "10.1.0.1/24@100",
// "2001:db8::1/64@100.200".
struct InterfaceAddress : Prefix {
  Vlan vlan;

  InterfaceAddress() = default;
  InterfaceAddress(const Prefix& prefix, Vlan on = {}) : Prefix(prefix), vlan(on) {}
  InterfaceAddress(const IpAddress& ours, uint8_t bits, Vlan on = {})
      : Prefix{ours, bits}, vlan(on) {}

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
  static Result<InterfaceAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;  // host order

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  // "10.0.0.1:80" or "[fe80::1]:80".
  static Result<Endpoint> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

// The two ends of a flow, as this host sees them.
struct FlowKey {
  IpAddress local;
  IpAddress peer;
  uint16_t local_port = 0;  // host order
  uint16_t peer_port = 0;

  friend constexpr bool operator==(const FlowKey& a, const FlowKey& b) {
    return a.local == b.local && a.peer == b.peer && a.local_port == b.local_port &&
           a.peer_port == b.peer_port;
  }
  [[nodiscard]] std::string to_string() const;
};
static_assert(sizeof(FlowKey) == 36);

}  // namespace millrace
