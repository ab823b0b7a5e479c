// SPDX-License-Identifier: BSD-3-Clause
// Addresses to text and back. RFC 4291 section 2.2 and RFC 5952 for IPv6, by the C library.
#include "millrace/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace millrace {
namespace {

// A decimal number without sign or spaces, all of `text`.
std::optional<uint32_t> parse_number(std::string_view text, uint32_t max) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > max) {
    return std::nullopt;
  }
  return value;
}

std::optional<uint8_t> parse_hex_byte(std::string_view text) {
  uint8_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 2 || error != std::errc{} || end != text.data() + 2) return std::nullopt;
  return value;
}

}  // namespace

Result<MacAddress> MacAddress::parse(std::string_view text) {
  const Error wrong{fmt::format("'{}' is not a MAC address; write it as 02:00:00:00:00:01", text)};
  if (text.size() != 17) return wrong;
  MacAddress mac;
  for (size_t i = 0; i < 6; ++i) {
    const std::optional<uint8_t> byte = parse_hex_byte(text.substr(i * 3, 2));
    if (!byte || (i != 5 && text[i * 3 + 2] != ':')) return wrong;
    mac.bytes[i] = *byte;
  }
  return mac;
}

std::string MacAddress::to_string() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2],
                     bytes[3], bytes[4], bytes[5]);
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (v4_value() >> 28) == 0xe : bytes()[0] == 0xff;
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return (v4_value() >> 24) == 127;
  return words()[0] == 0 && words()[1] == uint64_t{1} << 56;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return v4_value() >> 16 == 0xa9fe;
  const std::array<uint8_t, 16> b = bytes();
  return b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  // The C library stops at a zero byte, and would call what is before it an address.
  if (text.find('\0') == std::string_view::npos) {
    const std::string copy(text);
    in_addr v4{};
    if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return IpAddress::v4(ntohl(v4.s_addr));
    std::array<uint8_t, 16> v6{};
    if (inet_pton(AF_INET6, copy.c_str(), v6.data()) == 1) return IpAddress::v6(v6);
  }
  return Error{fmt::format("'{}' is not an IP address; write it as 10.0.0.1", text)};
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    const in_addr v4{htonl(v4_value())};
    return inet_ntop(AF_INET, &v4, text, sizeof text);
  }
  const std::array<uint8_t, 16> v6 = bytes();
  return inet_ntop(AF_INET6, v6.data(), text, sizeof text);
}

Result<Vlan> Vlan::parse(std::string_view text) {
  const size_t dot = std::min(text.find('.'), text.size());
  const std::optional<uint32_t> outer = parse_number(text.substr(0, dot), kIdMax);
  const bool two = dot != text.size();
  const std::optional<uint32_t> inner = two ? parse_number(text.substr(dot + 1), kIdMax) : 0;
  if (!outer || !inner || *outer == 0 || (two && *inner == 0)) {
    return Error{
        fmt::format("'{}' is no VLAN; write an id from 1 to {}, or two as 100.200, the outer first",
                    text, kIdMax)};
  }
  return Vlan(static_cast<uint16_t>(*outer), static_cast<uint16_t>(*inner));
}

std::string Vlan::to_string() const {
  if (!tagged()) return "";
  return inner() == 0 ? fmt::format("{}", outer()) : fmt::format("{}.{}", outer(), inner());
}

namespace {

uint32_t v4_mask(uint8_t length) { return length == 0 ? 0 : ~uint32_t{0} << (32 - length); }

}  // namespace

bool Prefix::contains(const IpAddress& other) const {
  if (address.is_v4() != other.is_v4()) return false;
  if (address.is_v4()) return ((address.v4_value() ^ other.v4_value()) & v4_mask(length)) == 0;
  const std::array<uint8_t, 16> a = address.bytes();
  const std::array<uint8_t, 16> b = other.bytes();
  for (size_t bit = 0; bit < length; bit += 8) {
    const auto mask = static_cast<uint8_t>(length - bit >= 8 ? 0xff : 0xff00 >> (length - bit));
    if (((a[bit / 8] ^ b[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

IpAddress Prefix::network() const {
  if (address.is_v4()) return IpAddress::v4(address.v4_value() & v4_mask(length));
  std::array<uint8_t, 16> bytes = address.bytes();
  for (size_t i = 0; i < 16; ++i) {
    const size_t bit = i * 8;
    if (bit >= length) {
      bytes[i] = 0;
    } else if (length - bit < 8) {
      bytes[i] = static_cast<uint8_t>(bytes[i] & (0xff00 >> (length - bit)));
    }
  }
  return IpAddress::v6(bytes);
}

IpAddress Prefix::broadcast() const { return IpAddress::v4(address.v4_value() | ~v4_mask(length)); }

Result<Prefix> Prefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return Error{fmt::format("'{}' has no prefix length; write it as 10.0.0.1/24", text)};
  }
  const Result<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) return address.error();
  const uint32_t max = address->is_v4() ? 32 : 128;
  const std::optional<uint32_t> length = parse_number(text.substr(slash + 1), max);
  if (!length) {
    return Error{
        fmt::format("'{}' has no prefix length from 0 to {}; write it as 10.0.0.1/24", text, max)};
  }
  return Prefix{*address, static_cast<uint8_t>(*length)};
}

std::string Prefix::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

namespace {

// The last address of `prefix`: its host bits are ones.
IpAddress last_of(const Prefix& prefix) {
  if (prefix.address.is_v4()) return prefix.broadcast();
  std::array<uint8_t, 16> bytes = prefix.network().bytes();
  for (size_t i = 0; i < 16; ++i) {
    const size_t bits_before = std::min<size_t>(prefix.length, 8 * i);
    const size_t network_bits = std::min<size_t>(prefix.length - bits_before, 8);
    bytes[i] = static_cast<uint8_t>(bytes[i] | 0xff >> network_bits);
  }
  return IpAddress::v6(bytes);
}

}  // namespace

AddressRange AddressRange::hosts_of(const Prefix& prefix) {
  const int host_bits = (prefix.address.is_v4() ? 32 : 128) - prefix.length;
  const IpAddress network = prefix.network();
  const IpAddress last = last_of(prefix);
  if (host_bits < 2) return {network, last};
  // The last one ends in a 1, so nothing is borrowed from the bits before.
  std::array<uint8_t, 16> bytes = last.bytes();
  --bytes[15];
  return {network.plus(1), IpAddress::v6(bytes)};
}

uint64_t AddressRange::count() const {
  const IpAddress::Words a = first.words();
  const IpAddress::Words b = last.words();
  const uint64_t low = __builtin_bswap64(b[1]) - __builtin_bswap64(a[1]);
  const bool borrows = __builtin_bswap64(b[1]) < __builtin_bswap64(a[1]);
  const uint64_t high = __builtin_bswap64(b[0]) - __builtin_bswap64(a[0]) - (borrows ? 1 : 0);
  return high != 0 || low == UINT64_MAX ? UINT64_MAX : low + 1;
}

Result<AddressRange> AddressRange::parse(std::string_view text) {
  if (text.find('/') != std::string_view::npos) {
    const Result<Prefix> prefix = Prefix::parse(text);
    if (!prefix) return prefix.error();
    return hosts_of(*prefix);
  }
  const size_t dash = text.find('-');
  const Result<IpAddress> first = IpAddress::parse(text.substr(0, dash));
  const Result<IpAddress> last =
      dash == std::string_view::npos ? first : IpAddress::parse(text.substr(dash + 1));
  if (!first || !last) {
    return Error{fmt::format(
        "'{}' names no addresses; write one, as 10.0.0.2, or some, as 10.0.0.2-10.0.3.254 or "
        "10.0.0.0/22",
        text)};
  }
  if (first->is_v4() != last->is_v4()) {
    return Error{
        fmt::format("'{}' begins in one family and ends in the other; give two addresses "
                    "of one",
                    text)};
  }
  if (*last < *first) {
    return Error{fmt::format("'{}' ends before it begins; give the lower address first", text)};
  }
  return AddressRange{*first, *last};
}

std::string AddressRange::to_string() const {
  return first == last ? first.to_string()
                       : fmt::format("{}-{}", first.to_string(), last.to_string());
}

Result<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
  const size_t at = std::min(text.find('@'), text.size());
  const Result<Prefix> prefix = Prefix::parse(text.substr(0, at));
  if (!prefix) return prefix.error();
  if (at == text.size()) return InterfaceAddress(*prefix);
  const Result<Vlan> vlan = Vlan::parse(text.substr(at + 1));
  if (!vlan) return vlan.error();
  return InterfaceAddress(*prefix, *vlan);
}

std::string InterfaceAddress::to_string() const {
  return Prefix::to_string() + (vlan.tagged() ? "@" + vlan.to_string() : "");
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || (text[0] != '[' && text.find(':') != colon)) {
    return Error{fmt::format("'{}' is not an address and a port; write it as 10.0.0.1:80", text)};
  }
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const Result<IpAddress> address = IpAddress::parse(host);
  if (!address) return address.error();
  const std::optional<uint32_t> port = parse_number(text.substr(colon + 1), 65535);
  if (!port || *port == 0) {
    return Error{fmt::format("'{}' has no port from 1 to 65535; write it as 10.0.0.1:80", text)};
  }
  return Endpoint{*address, static_cast<uint16_t>(*port)};
}

std::string Endpoint::to_string() const {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                         : fmt::format("[{}]:{}", address.to_string(), port);
}

std::string FlowKey::to_string() const {
  return fmt::format("{} -> {}", Endpoint{local, local_port}.to_string(),
                     Endpoint{peer, peer_port}.to_string());
}

}  // namespace millrace
