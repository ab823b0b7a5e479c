// SPDX-License-Identifier: BSD-3-Clause
#include "support/naive_icmp6.h"

#include <algorithm>

#include "support/scene_line.h"

namespace millrace::test {
namespace {

constexpr size_t kHeaders = 14 + 40;

// Behind a hop-by-hop header of the least size, if there is one.
size_t icmp_at(const Bytes& frame) { return kHeaders + (frame.at(20) == std::byte{0} ? 8 : 0); }

Bytes router_alert() {
  Bytes header(8);
  put8(header, 0, 58);
  put8(header, 2, 5);
  put8(header, 3, 2);
  put8(header, 6, 1);
  return header;
}

void append(Bytes& b, const Bytes& more) { b.insert(b.end(), more.begin(), more.end()); }

Bytes bytes_of(const IpAddress& address) {
  Bytes b;
  for (const uint8_t byte : address.bytes()) b.push_back(static_cast<std::byte>(byte));
  return b;
}

IpAddress address_at(const Bytes& b, size_t at) {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>(b.at(at + i));
  return IpAddress::v6(bytes);
}

MacAddress mac_at(const Bytes& b, size_t at) {
  MacAddress mac;
  for (size_t i = 0; i < 6; ++i) mac.bytes[i] = static_cast<uint8_t>(b.at(at + i));
  return mac;
}

uint32_t word_sum(const Bytes& b, size_t from, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i += 2) sum += get16(b, from + i);
  return sum;
}

uint16_t icmp_sum(const Bytes& frame) {
  const size_t bytes = get16(frame, 18) + kHeaders - icmp_at(frame);
  const uint32_t pseudo = word_sum(frame, 22, 32) + static_cast<uint32_t>(bytes) + 58;
  return internet_checksum(frame, icmp_at(frame), bytes, pseudo);
}

IpAddress with_tail(const char* text, const IpAddress& tail) {
  std::array<uint8_t, 16> bytes = ip(text).bytes();
  const std::array<uint8_t, 16> t = tail.bytes();
  std::copy(t.begin() + 13, t.end(), bytes.begin() + 13);
  return IpAddress::v6(bytes);
}

// The words of a line that stand behind what it is about.
class Modifiers {
 public:
  Modifiers(std::vector<std::string> words, size_t from) : words_(std::move(words)), at_(from) {}

  bool apply(NaiveIcmp6& icmp, bool& no_mac, Bytes& options) {
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "router" || word == "solicited" || word == "override") {
        const uint8_t bit = word == "router" ? 0x80 : word == "solicited" ? 0x40 : 0x20;
        icmp.body.at(0) |= std::byte{bit};
      } else if (word == "no-mac") {
        no_mac = true;
      } else if (word == "from") {
        icmp.source = ip(next());
      } else if (word == "to") {
        icmp.destination = ip(next());
      } else if (word == "limit") {
        icmp.hop_limit = static_cast<uint8_t>(number());
      } else if (word == "v1") {
        icmp.body.resize(20);
      } else if (word == "max") {
        put16(icmp.body, 0, static_cast<uint16_t>(number()));
      } else if (word == "no-alert") {
        icmp.hop_by_hop.clear();
      } else if (word == "mac") {
        append(options, link_address_option(2, MacAddress::parse(next()).value()));
      } else if (word == "mtu") {
        append(options, mtu_option(number()));
      } else if (word == "prefix" || word == "on-link") {
        NaivePrefix prefix{.prefix = Prefix::parse(next()).value(), .autonomous = word == "prefix"};
        if (next() != "for") return false;
        prefix.valid_seconds = prefix.preferred_seconds = number();
        append(options, prefix_option(prefix));
      } else {
        return false;
      }
    }
    return true;
  }

 private:
  std::string next() { return ++at_ < words_.size() ? words_[at_] : std::string(); }
  uint32_t number() { return static_cast<uint32_t>(std::stoul(next())); }

  std::vector<std::string> words_;
  size_t at_;
};

std::optional<NaiveIcmp6> echo_of(const std::vector<std::string>& words, NaiveIcmp6 icmp) {
  icmp.type = words[1] == "echo" ? 128 : 129;
  icmp.body.resize(4 + std::stoul(words[4]));
  put16(icmp.body, 0, static_cast<uint16_t>(std::stoul(words[2])));
  put16(icmp.body, 2, static_cast<uint16_t>(std::stoul(words[3])));
  for (size_t i = 4; i < icmp.body.size(); ++i) icmp.body[i] = static_cast<std::byte>(i * 7);
  return icmp;
}

// The first link-layer address option of either kind, from `at` on.
std::optional<MacAddress> mac_option(const Bytes& body, size_t at) {
  while (at + 8 <= body.size() && body[at + 1] != std::byte{0}) {
    if (body[at] == std::byte{1} || body[at] == std::byte{2}) return mac_at(body, at + 2);
    at += static_cast<size_t>(body[at + 1]) * 8;
  }
  return std::nullopt;
}

}  // namespace

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

IpAddress group_of(const IpAddress& address) { return with_tail("ff02::1:ff00:0", address); }

MacAddress mac_of_group(const IpAddress& group) {
  const std::array<uint8_t, 16> g = group.bytes();
  return {{0x33, 0x33, g[12], g[13], g[14], g[15]}};
}

void fix_icmp6_checksum(Bytes& frame) {
  put16(frame, icmp_at(frame) + 2, 0);
  put16(frame, icmp_at(frame) + 2, icmp_sum(frame));
}

Bytes build(const NaiveIcmp6& icmp) {
  Bytes b(kHeaders);
  for (size_t i = 0; i < 6; ++i) {
    put8(b, i, icmp.destination_mac.bytes[i]);
    put8(b, 6 + i, icmp.source_mac.bytes[i]);
  }
  put16(b, 12, 0x86dd);
  put8(b, 14, 0x60);
  put16(b, 18, static_cast<uint16_t>(icmp.hop_by_hop.size() + 4 + icmp.body.size()));
  put8(b, 20, icmp.hop_by_hop.empty() ? 58 : 0);
  put8(b, 21, icmp.hop_limit);
  const Bytes source = bytes_of(icmp.source);
  const Bytes destination = bytes_of(icmp.destination);
  std::copy(source.begin(), source.end(), b.begin() + 22);
  std::copy(destination.begin(), destination.end(), b.begin() + 38);
  append(b, icmp.hop_by_hop);
  b.push_back(static_cast<std::byte>(icmp.type));
  b.push_back(static_cast<std::byte>(icmp.code));
  append(b, Bytes(2));
  append(b, icmp.body);
  fix_icmp6_checksum(b);
  return b;
}

std::optional<NaiveIcmp6> decode_icmp6(const Bytes& b, std::string& problem) {
  if (b.size() < kHeaders + 8 || get16(b, 12) != 0x86dd) return std::nullopt;
  const bool options = b[20] == std::byte{0} && b[kHeaders] == std::byte{58};
  if (b[20] != std::byte{58} && !options) return std::nullopt;
  const size_t at = icmp_at(b);
  const size_t end = kHeaders + get16(b, 18);
  if (end > b.size() || end < at + 8) {
    problem = "ICMPv6 length does not fit the frame";
    return NaiveIcmp6{};
  }
  if (get16(b, 14) >> 12 != 6) problem = "IP version";
  if (icmp_sum(b) != 0) problem = "ICMPv6 checksum";
  NaiveIcmp6 icmp;
  icmp.destination_mac = mac_at(b, 0);
  icmp.source_mac = mac_at(b, 6);
  icmp.source = address_at(b, 22);
  icmp.destination = address_at(b, 38);
  icmp.hop_limit = static_cast<uint8_t>(b[21]);
  icmp.hop_by_hop = Bytes(b.begin() + kHeaders, b.begin() + static_cast<ptrdiff_t>(at));
  icmp.type = static_cast<uint8_t>(b[at]);
  icmp.code = static_cast<uint8_t>(b[at + 1]);
  icmp.body =
      Bytes(b.begin() + static_cast<ptrdiff_t>(at) + 4, b.begin() + static_cast<ptrdiff_t>(end));
  const bool to_group = icmp.destination.is_multicast();
  if (to_group && icmp.destination_mac != mac_of_group(icmp.destination)) {
    problem = "a multicast packet that is not sent to its group's MAC address";
  }
  const bool nd = icmp.type >= 133 && icmp.type <= 137;
  if (nd && icmp.hop_limit != 255) problem = "neighbour discovery with a hop limit below 255";
  if (nd && icmp.code != 0) problem = "neighbour discovery with a code";
  const bool mld = icmp.type == 131 || icmp.type == 143;
  if (mld && icmp.hop_limit != 1) problem = "a report of groups with a hop limit other than 1";
  if (mld && icmp.hop_by_hop != router_alert()) problem = "a report of groups that alerts nobody";
  return icmp;
}

Bytes link_address_option(uint8_t kind, const MacAddress& mac) {
  Bytes option(8);
  put8(option, 0, kind);
  put8(option, 1, 1);
  for (size_t i = 0; i < 6; ++i) put8(option, 2 + i, mac.bytes[i]);
  return option;
}

Bytes mtu_option(uint32_t mtu) {
  Bytes option(8);
  put8(option, 0, 5);
  put8(option, 1, 1);
  put32(option, 4, mtu);
  return option;
}

Bytes prefix_option(const NaivePrefix& p) {
  Bytes option(16);
  put8(option, 0, 3);
  put8(option, 1, 4);
  put8(option, 2, p.prefix.length);
  put8(option, 3, static_cast<uint8_t>((p.on_link ? 0x80 : 0) | (p.autonomous ? 0x40 : 0)));
  put32(option, 4, p.valid_seconds);
  put32(option, 8, p.preferred_seconds);
  append(option, bytes_of(p.prefix.address));
  return option;
}

namespace {

// From fe80::2; at once, unless told otherwise.
NaiveIcmp6 query_of(const std::vector<std::string>& words, NaiveIcmp6 icmp, size_t& rest) {
  const bool all = words.size() < 3 || words[2].find(':') == std::string::npos;
  const IpAddress group = all ? IpAddress{} : ip(words[2]);
  icmp.type = 130;
  icmp.hop_limit = 1;
  icmp.hop_by_hop = router_alert();
  if (!icmp.source.is_link_local()) icmp.source = ip("fe80::2");
  icmp.destination = all ? ip("ff02::1") : group;
  icmp.body = Bytes(4);
  append(icmp.body, bytes_of(group));
  append(icmp.body, Bytes(4));
  rest = all ? 2 : 3;
  return icmp;
}

std::string report_text(const NaiveIcmp6& icmp) {
  const Bytes& body = icmp.body;
  if (icmp.type == 131) return "mld has " + address_at(body, 4).to_string() + " v1";
  const size_t count = get16(body, 2);
  if (body.size() != 4 + 20 * count || icmp.destination != ip("ff02::16")) return "mld nonsense";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = 4 + 20 * i;
    const bool joins = body[at] == std::byte{4};
    if ((!joins && body[at] != std::byte{2}) || get16(body, at + 2) != 0) return "mld nonsense";
    if (i == 0) text = joins ? "mld joins" : "mld has";
    text += " " + address_at(body, at + 4).to_string();
  }
  if (!icmp.source.is_link_local()) text += " from " + icmp.source.to_string();
  return text;
}

}  // namespace

std::optional<NaiveIcmp6> icmp6_of_line(std::string_view line, const LineEnds& ends) {
  const std::vector<std::string> words = split_words(line);
  NaiveIcmp6 icmp{.destination_mac = ends.host_mac,
                  .source_mac = ends.own_mac,
                  .source = ends.own,
                  .destination = ends.host};
  bool no_mac = false;
  Bytes options;
  uint8_t mac_kind = 1;
  MacAddress mac = ends.own_mac;
  size_t rest = 0;
  if (words.size() >= 5 && words[0] == "icmp6" && words[1].starts_with("echo")) {
    auto echo = echo_of(words, icmp);
    if (!Modifiers(words, 5).apply(*echo, no_mac, options)) return std::nullopt;
    if (echo->destination.is_multicast()) echo->destination_mac = mac_of_group(echo->destination);
    return echo;
  }
  if (words.size() >= 2 && words[0] == "mld" && words[1] == "query") {
    icmp = query_of(words, icmp, rest);
    if (!Modifiers(words, rest).apply(icmp, no_mac, options)) return std::nullopt;
    if (icmp.destination.is_multicast()) icmp.destination_mac = mac_of_group(icmp.destination);
    return icmp;
  }
  if (words.size() < 2 || words[0] != "nd") return std::nullopt;
  icmp.hop_limit = 255;
  if (words[1] == "router-solicit") {
    icmp.type = 133;
    icmp.body = Bytes(4);
    icmp.destination = ip("ff02::2");
    rest = 2;
  } else if (words[1] == "router-advert" && words.size() >= 4 && words[2] == "lifetime") {
    icmp.type = 134;
    if (!icmp.source.is_link_local()) icmp.source = ip("fe80::2");
    icmp.body = Bytes(12);
    put8(icmp.body, 0, 64);
    put16(icmp.body, 2, static_cast<uint16_t>(std::stoul(words[3])));
    icmp.destination = ip("ff02::1");
    rest = 4;
  } else if (words[1] == "redirect" && words.size() >= 5 && words[3] == "by") {
    icmp.type = 137;
    if (!icmp.source.is_link_local()) icmp.source = ip("fe80::2");
    icmp.body = Bytes(4);
    append(icmp.body, bytes_of(ip(words[4])));
    append(icmp.body, bytes_of(ip(words[2])));
    no_mac = true;
    rest = 5;
  } else if (words[1] == "who-has" && words.size() >= 5 && words[3] == "tell") {
    icmp.type = 135;
    icmp.body = Bytes(4);
    append(icmp.body, bytes_of(ip(words[2])));
    icmp.destination = group_of(ip(words[2]));
    icmp.source = ip(words[4]);
    rest = 5;
  } else if (words[1] == "probe" && words.size() >= 3) {
    icmp.type = 135;
    icmp.body = Bytes(4);
    append(icmp.body, bytes_of(ip(words[2])));
    icmp.destination = group_of(ip(words[2]));
    icmp.source = ip("::");
    no_mac = true;
    rest = 3;
  } else if (words.size() >= 4 && words[2] == "is-at") {
    icmp.type = 136;
    icmp.body = Bytes(4);
    append(icmp.body, bytes_of(ip(words[1])));
    icmp.source = ip(words[1]);
    mac_kind = 2;
    mac = MacAddress::parse(words[3]).value();
    rest = 4;
  } else {
    return std::nullopt;
  }
  if (!Modifiers(words, rest).apply(icmp, no_mac, options)) return std::nullopt;
  if (!no_mac) append(icmp.body, link_address_option(mac_kind, mac));
  append(icmp.body, options);
  if (icmp.destination.is_multicast()) icmp.destination_mac = mac_of_group(icmp.destination);
  return icmp;
}

std::string icmp6_text(const NaiveIcmp6& icmp) {
  const Bytes& body = icmp.body;
  if (icmp.type == 128 || icmp.type == 129) {
    return std::string("icmp6 ") + (icmp.type == 128 ? "echo " : "echo-reply ") +
           std::to_string(get16(body, 0)) + " " + std::to_string(get16(body, 2)) + " " +
           std::to_string(body.size() - 4);
  }
  if (icmp.type == 131 || icmp.type == 143) return report_text(icmp);
  const bool nd = icmp.type >= 133 && icmp.type <= 136;
  if (!nd) return "icmp6 " + std::to_string(icmp.type) + " " + std::to_string(icmp.code);
  if (icmp.type == 133) return "nd router-solicit from " + icmp.source.to_string();
  if (icmp.type == 134) return "nd router-advert lifetime " + std::to_string(get16(body, 2));
  const IpAddress target = address_at(body, 4);
  const std::optional<MacAddress> mac = mac_option(body, 20);
  if (icmp.type == 135) {
    std::string text = icmp.source.is_unspecified() ? "nd probe " + target.to_string()
                                                    : "nd who-has " + target.to_string() +
                                                          " tell " + icmp.source.to_string();
    if (icmp.destination != group_of(target)) text += " to " + icmp.destination.to_string();
    if (!mac && !icmp.source.is_unspecified()) text += " no-mac";
    return text;
  }
  std::string text = "nd " + target.to_string() + " is-at " + (mac ? mac->to_string() : "nowhere");
  const auto flags = static_cast<unsigned>(body[0]);
  if ((flags & 0x80) != 0) text += " router";
  if ((flags & 0x40) != 0) text += " solicited";
  if ((flags & 0x20) != 0) text += " override";
  return text + " to " + icmp.destination.to_string();
}

}  // namespace millrace::test
