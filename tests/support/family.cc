// SPDX-License-Identifier: BSD-3-Clause
#include "support/family.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace millrace::test {
namespace {

using Bytes = std::vector<std::byte>;
using View = std::span<const std::byte>;

constexpr size_t kEthernet = 14;
constexpr size_t kV4 = 20;
constexpr size_t kV6 = 40;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kIcmp = 1;
constexpr uint8_t kIcmpV6 = 58;
constexpr uint8_t kSolicitation = 135;
constexpr uint8_t kAdvertisement = 136;
constexpr uint16_t kMtuGrowth = 20;

uint8_t get8(View b, size_t at) { return static_cast<uint8_t>(b[at]); }
uint16_t get16(View b, size_t at) {
  return static_cast<uint16_t>(get8(b, at) << 8 | get8(b, at + 1));
}
uint32_t get32(View b, size_t at) { return uint32_t{get16(b, at)} << 16 | get16(b, at + 2); }
void add8(Bytes& b, uint32_t v) { b.push_back(static_cast<std::byte>(v)); }
void add16(Bytes& b, uint32_t v) {
  add8(b, v >> 8 & 0xff);
  add8(b, v & 0xff);
}
void add32(Bytes& b, uint32_t v) {
  add16(b, v >> 16);
  add16(b, v & 0xffff);
}
void add(Bytes& b, View more) { b.insert(b.end(), more.begin(), more.end()); }
void add(Bytes& b, const IpAddress& address) {
  if (address.is_v4()) return add32(b, address.v4_value());
  for (const uint8_t byte : address.bytes()) add8(b, byte);
}
void put16(Bytes& b, size_t at, uint32_t v) {
  b[at] = static_cast<std::byte>(v >> 8 & 0xff);
  b[at + 1] = static_cast<std::byte>(v & 0xff);
}
Bytes bytes_of(View view) { return Bytes(view.begin(), view.end()); }

IpAddress address_at(View b, size_t at) {
  std::array<uint8_t, 16> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = get8(b, at + i);
  return IpAddress::v6(bytes);
}
IpAddress v4_at(View b, size_t at) { return IpAddress::v4(get32(b, at)); }

uint32_t sum16(View b, uint32_t sum = 0) {
  for (size_t i = 0; i < b.size(); i += 2) {
    sum += i + 1 < b.size() ? get16(b, i) : uint32_t{get8(b, i)} << 8;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}
uint32_t pseudo_header(const IpAddress& from, const IpAddress& to, uint8_t protocol, size_t bytes) {
  Bytes b;
  add(b, from);
  add(b, to);
  add32(b, static_cast<uint32_t>(bytes));
  add32(b, protocol);
  return sum16(b);
}

// The checksum at `at` of `l4` becomes as right, or as wrong, as the sum of all was before.
void restore_sum(Bytes& b, size_t l4, size_t at, uint32_t pseudo, uint32_t sum_before) {
  put16(b, at, 0);
  const uint32_t rest = sum16(View(b).subspan(l4), pseudo);
  uint32_t checksum = sum_before + 0xffff - rest;
  checksum = (checksum & 0xffff) + (checksum >> 16);
  put16(b, at, checksum);
}

void add_ethernet(Bytes& b, View destination, View source, uint16_t ethertype) {
  add(b, destination);
  add(b, source);
  add16(b, ethertype);
}
void add_v6(Bytes& b, uint8_t tos, size_t payload_bytes, uint8_t protocol, uint8_t ttl,
            const IpAddress& from, const IpAddress& to) {
  add32(b, 0x6000'0000 | uint32_t{tos} << 20);
  add16(b, static_cast<uint32_t>(payload_bytes));
  add8(b, protocol);
  add8(b, ttl);
  add(b, from);
  add(b, to);
}
void add_v4(Bytes& b, uint8_t tos, size_t payload_bytes, uint8_t protocol, uint8_t ttl,
            const IpAddress& from, const IpAddress& to) {
  const size_t at = b.size();
  add8(b, 0x45);
  add8(b, tos);
  add16(b, static_cast<uint32_t>(kV4 + payload_bytes));
  add32(b, 0x4000);  // DF
  add8(b, ttl);
  add8(b, protocol);
  add16(b, 0);
  add(b, from);
  add(b, to);
  put16(b, at + 10, 0xffff - sum16(View(b).subspan(at)));
}

// --- ICMP ---------------------------------------------------------------------------------------

struct Icmp {
  uint8_t type, code;
  bool error;
};

std::optional<Icmp> icmp_to_v6(uint8_t type, uint8_t code) {
  if (type == 8) return Icmp{128, 0, false};
  if (type == 0) return Icmp{129, 0, false};
  if (type == 11) return Icmp{3, code, true};
  if (type == 12) return Icmp{4, 0, true};
  if (type != 3) return std::nullopt;
  if (code == 4) return Icmp{2, 0, true};
  if (code == 2) return Icmp{4, 1, true};
  return Icmp{1, static_cast<uint8_t>(code == 3 ? 4 : 0), true};
}
std::optional<Icmp> icmp_to_v4(uint8_t type, uint8_t code) {
  if (type == 128) return Icmp{8, 0, false};
  if (type == 129) return Icmp{0, 0, false};
  if (type == 2) return Icmp{3, 4, true};
  if (type == 4 && code == 1) return Icmp{3, 2, true};
  if (type == 1) return Icmp{3, static_cast<uint8_t>(code == 4 ? 3 : 1), true};
  return std::nullopt;
}

// What an error quotes, translated as far as it is there.
Bytes quote_to_v6(View q) {
  Bytes b;
  if (q.size() < kV4) return bytes_of(q);
  const uint16_t total = get16(q, 2);
  add_v6(b, get8(q, 1), total < kV4 ? 0 : total - kV4, get8(q, 9), get8(q, 8), to_v6(v4_at(q, 12)),
         to_v6(v4_at(q, 16)));
  add(b, q.subspan(kV4));
  return b;
}
Bytes quote_to_v4(View q) {
  Bytes b;
  if (q.size() < kV6) return bytes_of(q);
  add_v4(b, static_cast<uint8_t>(get16(q, 0) >> 4), get16(q, 4), get8(q, 6), get8(q, 7),
         to_v4(address_at(q, 8)), to_v4(address_at(q, 24)));
  add(b, q.subspan(kV6));
  return b;
}

// --- ARP and neighbour discovery ----------------------------------------------------------------

Bytes nd_frame(View destination_mac, View source_mac, const IpAddress& from, const IpAddress& to,
               uint8_t type, uint32_t flags, const IpAddress& target, View option_mac) {
  Bytes b;
  add_ethernet(b, destination_mac, source_mac, 0x86dd);
  add_v6(b, 0, option_mac.empty() ? 24 : 32, kIcmpV6, 255, from, to);
  add8(b, type);
  add8(b, 0);
  add16(b, 0);
  add32(b, flags);
  add(b, target);
  if (!option_mac.empty()) {
    add8(b, type == kSolicitation ? 1 : 2);
    add8(b, 1);
    add(b, option_mac);
  }
  const size_t l4 = kEthernet + kV6;
  restore_sum(b, l4, l4 + 2, pseudo_header(from, to, kIcmpV6, b.size() - l4), 0xffff);
  return b;
}

constexpr std::array<std::byte, 6> kBroadcast = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                                 std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};

Bytes multicast_mac(const IpAddress& group) {
  Bytes mac = {std::byte{0x33}, std::byte{0x33}};
  for (size_t i = 12; i < 16; ++i) mac.push_back(static_cast<std::byte>(group.bytes()[i]));
  return mac;
}
IpAddress group(std::string_view text) { return IpAddress::parse(text).value(); }
IpAddress solicited_node(const IpAddress& target) {
  std::array<uint8_t, 16> bytes = group("ff02::1:ff00:0").bytes();
  std::copy_n(target.bytes().begin() + 13, 3, bytes.begin() + 13);
  return IpAddress::v6(bytes);
}

Bytes arp_to_v6(View f) {
  const View p = f.subspan(kEthernet);
  const View sender_mac = p.subspan(8, 6);
  const IpAddress sender = to_v6(v4_at(p, 14));
  const IpAddress target = to_v6(v4_at(p, 24));
  const bool group_mac = (get8(f, 0) & 1) != 0;
  constexpr uint32_t kSolicited = 0x4000'0000;
  constexpr uint32_t kOverride = 0x2000'0000;
  if (get16(p, 6) == 2) {
    const Bytes mac = group_mac ? multicast_mac(group("ff02::1")) : bytes_of(f.first(6));
    return nd_frame(mac, f.subspan(6, 6), sender, group_mac ? group("ff02::1") : target,
                    kAdvertisement, kOverride | (group_mac ? 0 : kSolicited), sender, sender_mac);
  }
  if (sender == target) {
    return nd_frame(multicast_mac(group("ff02::1")), f.subspan(6, 6), sender, group("ff02::1"),
                    kAdvertisement, kOverride, sender, sender_mac);
  }
  const IpAddress to = group_mac ? solicited_node(target) : target;
  const Bytes mac = group_mac ? multicast_mac(to) : bytes_of(f.first(6));
  return nd_frame(mac, f.subspan(6, 6), sender, to, kSolicitation, 0, target,
                  sender.is_unspecified() ? View{} : sender_mac);
}

Bytes nd_to_v4(View f) {
  const View p = f.subspan(kEthernet + kV6);
  const bool solicitation = get8(p, 0) == kSolicitation;
  const IpAddress from = to_v4(address_at(f, kEthernet + 8));
  const IpAddress to = to_v4(address_at(f, kEthernet + 24));
  const IpAddress target = to_v4(address_at(p, 8));
  const bool group_mac = (get8(f, 0) & 1) != 0;
  const View mac = group_mac ? View(kBroadcast) : f.first(6);
  const bool announces = !solicitation && group_mac;
  Bytes b;
  add_ethernet(b, mac, f.subspan(6, 6), 0x0806);
  add32(b, 0x0001'0800);
  add16(b, 0x0604);
  add16(b, solicitation || announces ? 1 : 2);
  add(b, p.size() >= 32 ? p.subspan(26, 6) : f.subspan(6, 6));
  add(b, solicitation ? from : target);
  if (solicitation || announces) {
    add(b, Bytes(6));
    add(b, target);
  } else {
    add(b, f.first(6));
    add(b, to);
  }
  b.resize(60);
  return b;
}

}  // namespace

bool plays_ipv6() {
  const char* family = std::getenv("MILLRACE_FAMILY");
  return family != nullptr && std::string_view(family) == "6";
}

IpAddress to_v6(const IpAddress& address) {
  if (!address.is_v4()) return address;
  if (address.is_unspecified()) return {};
  if (address.v4_value() == UINT32_MAX) return group("ff02::1");
  std::array<uint8_t, 16> bytes = group("2001:db8::").bytes();
  for (size_t i = 0; i < 4; ++i) {
    bytes[12 + i] = static_cast<uint8_t>(address.v4_value() >> (24 - 8 * i));
  }
  return IpAddress::v6(bytes);
}

IpAddress to_v4(const IpAddress& address) {
  if (address.is_multicast()) return IpAddress::v4(UINT32_MAX);
  const auto bytes = address.bytes();
  return IpAddress::v4(uint32_t{bytes[12]} << 24 | uint32_t{bytes[13]} << 16 |
                       uint32_t{bytes[14]} << 8 | bytes[15]);
}

void to_v6(InterfaceConfig& interface) {
  constexpr uint8_t kLonger = 96;
  const auto convert = [](Prefix& prefix) {
    if (!prefix.address.is_v4()) return;
    prefix.address = to_v6(prefix.address);
    prefix.length = static_cast<uint8_t>(prefix.length + kLonger);
  };
  for (Prefix& prefix : interface.addresses) convert(prefix);
  for (AddressRange& range : interface.ranges) {
    if (range.first.is_v4()) range = {to_v6(range.first), to_v6(range.last)};
  }
  for (Route& route : interface.routes) {
    const bool all = route.destination.length == 0;
    convert(route.destination);
    if (all) route.destination = {IpAddress{}, 0};
    route.gateway = to_v6(route.gateway);
  }
  interface.mtu = static_cast<uint16_t>(interface.mtu + kMtuGrowth);
  interface.address_check = AddressCheck::kOff;  // IPv4 is not checked either
}

std::optional<Bytes> to_v6(View f) {
  if (f.size() < kEthernet) return bytes_of(f);
  const View p = f.subspan(kEthernet);
  if (get16(f, 12) == 0x0806) return p.size() < 28 ? bytes_of(f) : arp_to_v6(f);
  if (get16(f, 12) != 0x0800 || p.size() < kV4 || get8(p, 0) != 0x45 ||
      sum16(p.first(kV4)) != 0xffff || (get16(p, 6) & 0x3fff) != 0) {
    return bytes_of(f);
  }
  const uint16_t total = get16(p, 2);
  if (total < kV4 || total > p.size()) return bytes_of(f);
  const IpAddress from = v4_at(p, 12);
  const IpAddress to = v4_at(p, 16);
  const View l4 = p.subspan(kV4, total - kV4);
  const uint8_t protocol = get8(p, 9);
  Bytes body = bytes_of(l4);
  uint8_t next = protocol;
  uint32_t sum = 0;
  if (protocol == kTcp) {
    sum = sum16(l4, pseudo_header(from, to, kTcp, l4.size()));
  } else if (protocol == kIcmp && l4.size() >= 8) {
    const std::optional<Icmp> like = icmp_to_v6(get8(l4, 0), get8(l4, 1));
    if (!like) return std::nullopt;
    sum = sum16(l4);
    next = kIcmpV6;
    body.assign({static_cast<std::byte>(like->type), static_cast<std::byte>(like->code)});
    add16(body, 0);
    if (!like->error) {
      add(body, l4.subspan(4));
    } else {
      const bool too_big = like->type == 2;
      add32(body, too_big && get16(l4, 6) != 0 ? get16(l4, 6) + uint32_t{kMtuGrowth} : 0);
      add(body, quote_to_v6(l4.subspan(8)));
    }
  }
  Bytes b;
  add_ethernet(b, f.first(6), f.subspan(6, 6), 0x86dd);
  add_v6(b, get8(p, 1), body.size(), next, get8(p, 8), to_v6(from), to_v6(to));
  add(b, body);
  const size_t at = kEthernet + kV6;
  const uint32_t pseudo = pseudo_header(to_v6(from), to_v6(to), next, body.size());
  if (next == kTcp && body.size() >= 18) restore_sum(b, at, at + 16, pseudo, sum);
  if (next == kIcmpV6) restore_sum(b, at, at + 2, pseudo, sum);
  add(b, p.subspan(total));  // padding
  return b;
}

std::optional<Bytes> to_v4(View f) {
  if (f.size() < kEthernet + kV6 || get16(f, 12) != 0x86dd) return bytes_of(f);
  const View p = f.subspan(kEthernet);
  const size_t payload = get16(p, 4);
  if (get8(p, 0) >> 4 != 6 || payload > p.size() - kV6) return bytes_of(f);
  const IpAddress from = address_at(p, 8);
  const IpAddress to = address_at(p, 24);
  const View l4 = p.subspan(kV6, payload);
  const uint8_t next = get8(p, 6);
  if (next == 0) return std::nullopt;  // of groups; IPv4 has none that are reported
  Bytes body = bytes_of(l4);
  uint8_t protocol = next;
  const uint32_t sum = sum16(l4, pseudo_header(from, to, next, l4.size()));
  if (next == kIcmpV6 && l4.size() >= 8) {
    const uint8_t type = get8(l4, 0);
    if (type == kSolicitation || type == kAdvertisement) {
      if (l4.size() < 24 || sum != 0xffff) return bytes_of(f);
      // IPv4 has no second address beside its own.
      if (address_at(l4, 8).is_link_local()) return std::nullopt;
      return nd_to_v4(f);
    }
    const std::optional<Icmp> like = icmp_to_v4(type, get8(l4, 1));
    if (!like) return std::nullopt;
    protocol = kIcmp;
    body.assign({static_cast<std::byte>(like->type), static_cast<std::byte>(like->code)});
    add16(body, 0);
    if (!like->error) {
      add(body, l4.subspan(4));
    } else {
      add32(body, type == 2 ? get32(l4, 4) - kMtuGrowth : 0);
      add(body, quote_to_v4(l4.subspan(8)));
    }
  }
  Bytes b;
  add_ethernet(b, f.first(6), f.subspan(6, 6), 0x0800);
  add_v4(b, static_cast<uint8_t>(get16(p, 0) >> 4), body.size(), protocol, get8(p, 7), to_v4(from),
         to_v4(to));
  add(b, body);
  const size_t at = kEthernet + kV4;
  if (next == kTcp && body.size() >= 18) {
    restore_sum(b, at, at + 16, pseudo_header(to_v4(from), to_v4(to), kTcp, body.size()), sum);
  }
  if (next == kIcmpV6) restore_sum(b, at, at + 2, 0, sum);
  return b;
}

}  // namespace millrace::test
