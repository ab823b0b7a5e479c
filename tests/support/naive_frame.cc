// SPDX-License-Identifier: BSD-3-Clause
#include "support/naive_frame.h"

namespace millrace::test {
namespace {

void add8(Bytes& b, uint32_t v) { b.push_back(static_cast<std::byte>(v)); }
void add16(Bytes& b, uint32_t v) {
  add8(b, v >> 8);
  add8(b, v & 0xff);
}
void add32(Bytes& b, uint32_t v) {
  add16(b, v >> 16);
  add16(b, v & 0xffff);
}
void add_mac(Bytes& b, const MacAddress& mac) {
  for (uint8_t byte : mac.bytes) add8(b, byte);
}
uint8_t get8(const Bytes& b, size_t at) { return static_cast<uint8_t>(b.at(at)); }
MacAddress get_mac(const Bytes& b, size_t at) {
  MacAddress mac;
  for (size_t i = 0; i < 6; ++i) mac.bytes[i] = get8(b, at + i);
  return mac;
}
Bytes slice(const Bytes& b, size_t from, size_t to) {
  return Bytes(b.begin() + static_cast<ptrdiff_t>(from), b.begin() + static_cast<ptrdiff_t>(to));
}

void add_ethernet(Bytes& b, const MacAddress& destination, const MacAddress& source,
                  uint16_t ethertype) {
  add_mac(b, destination);
  add_mac(b, source);
  add16(b, ethertype);
}

void add_ip(Bytes& b, size_t payload_bytes, uint8_t protocol, uint8_t ttl, uint32_t source,
            uint32_t destination, uint8_t ecn = 0) {
  add8(b, 0x45);
  add8(b, ecn);
  add16(b, static_cast<uint32_t>(20 + payload_bytes));
  add16(b, 0);       // identification
  add16(b, 0x4000);  // DF
  add8(b, ttl);
  add8(b, protocol);
  add16(b, 0);
  add32(b, source);
  add32(b, destination);
}

Bytes encode_options(const NaiveTcp& tcp) {
  Bytes options;
  if (tcp.mss) {
    add16(options, 0x0204);
    add16(options, *tcp.mss);
  }
  if (tcp.sack_permitted) add32(options, 0x01010402);
  if (tcp.timestamps) {
    add32(options, 0x0101080a);
    add32(options, tcp.timestamps->value);
    add32(options, tcp.timestamps->echo);
  }
  if (tcp.window_shift) {
    add8(options, 1);
    add16(options, 0x0303);
    add8(options, *tcp.window_shift);
  }
  if (!tcp.sack.empty()) {
    add16(options, 0x0101);
    add8(options, 5);
    add8(options, static_cast<uint32_t>(2 + 8 * tcp.sack.size()));
    for (const auto& [left, right] : tcp.sack) {
      add32(options, left);
      add32(options, right);
    }
  }
  if (tcp.user_timeout) add32(options, 0x1c04'0000u | *tcp.user_timeout);
  if (tcp.fast_open) {
    add16(options, 0x0101);
    add8(options, 34);
    add8(options, static_cast<uint32_t>(2 + tcp.fast_open->size()));
    options.insert(options.end(), tcp.fast_open->begin(), tcp.fast_open->end());
  }
  options.insert(options.end(), tcp.option_bytes.begin(), tcp.option_bytes.end());
  while (options.size() % 4 != 0) add8(options, 0);
  return options;
}

uint32_t pseudo_header_sum(const Bytes& frame, size_t tcp_bytes) {
  return uint32_t{get16(frame, 26)} + get16(frame, 28) + get16(frame, 30) + get16(frame, 32) + 6 +
         static_cast<uint32_t>(tcp_bytes);
}

// Walks options as a strict reader would; empty when they are in order.
std::string decode_options(const Bytes& b, NaiveTcp& tcp) {
  for (size_t i = 0; i < b.size();) {
    const uint8_t kind = get8(b, i);
    if (kind == 0) return {};
    if (kind == 1) {
      ++i;
      continue;
    }
    if (i + 1 >= b.size()) return "option without a length";
    const uint8_t length = get8(b, i + 1);
    if (length < 2 || i + length > b.size()) return "option length out of bounds";
    switch (kind) {
      case 2:
        if (length != 4) return "MSS option is not 4 bytes";
        tcp.mss = get16(b, i + 2);
        break;
      case 3:
        if (length != 3) return "window scale option is not 3 bytes";
        tcp.window_shift = get8(b, i + 2);
        break;
      case 4:
        if (length != 2) return "SACK-permitted option is not 2 bytes";
        tcp.sack_permitted = true;
        break;
      case 5:
        if (length < 10 || length % 8 != 2) return "SACK option is not a list of blocks";
        for (size_t at = i + 2; at < i + length; at += 8) {
          tcp.sack.emplace_back(get32(b, at), get32(b, at + 4));
        }
        break;
      case 8:
        if (length != 10) return "timestamps option is not 10 bytes";
        tcp.timestamps = {get32(b, i + 2), get32(b, i + 6)};
        break;
      case 28:
        if (length != 4) return "user timeout option is not 4 bytes";
        tcp.user_timeout = get16(b, i + 2);
        break;
      case 34:
        if (length != 2 && (length < 6 || length > 18 || length % 2 != 0)) {
          return "Fast Open option is not 2 bytes nor 6 to 18";
        }
        tcp.fast_open = slice(b, i + 2, i + length);
        break;
      default:
        break;
    }
    i += length;
  }
  return {};
}

}  // namespace

uint16_t get16(const Bytes& b, size_t at) {
  return static_cast<uint16_t>((get8(b, at) << 8) | get8(b, at + 1));
}
uint32_t get32(const Bytes& b, size_t at) {
  return (uint32_t{get16(b, at)} << 16) | get16(b, at + 2);
}
void put8(Bytes& b, size_t at, uint8_t value) { b.at(at) = static_cast<std::byte>(value); }
void put16(Bytes& b, size_t at, uint16_t value) {
  put8(b, at, static_cast<uint8_t>(value >> 8));
  put8(b, at + 1, static_cast<uint8_t>(value & 0xff));
}
void put32(Bytes& b, size_t at, uint32_t value) {
  put16(b, at, static_cast<uint16_t>(value >> 16));
  put16(b, at + 2, static_cast<uint16_t>(value & 0xffff));
}

uint16_t internet_checksum(const Bytes& b, size_t from, size_t size, uint32_t initial) {
  uint64_t sum = initial;
  for (size_t i = 0; i < size; ++i) {
    sum += i % 2 == 0 ? uint32_t{get8(b, from + i)} << 8 : uint32_t{get8(b, from + i)};
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum & 0xffff);
}

void fix_ip_checksum(Bytes& frame) {
  put16(frame, 24, 0);
  put16(frame, 24, internet_checksum(frame, 14, size_t{get8(frame, 14)} % 16 * 4));
}

void fix_tcp_checksum(Bytes& frame) {
  const size_t ip_header = size_t{get8(frame, 14)} % 16 * 4;
  const size_t at = 14 + ip_header;
  const size_t bytes = get16(frame, 16) - ip_header;
  put16(frame, at + 16, 0);
  put16(frame, at + 16, internet_checksum(frame, at, bytes, pseudo_header_sum(frame, bytes)));
}

Bytes build(const NaiveTcp& tcp) {
  const Bytes options = encode_options(tcp);
  const size_t header = 20 + options.size();
  Bytes b;
  add_ethernet(b, tcp.destination_mac, tcp.source_mac, 0x0800);
  add_ip(b, header + tcp.payload.size(), 6, tcp.ttl, tcp.source_ip, tcp.destination_ip, tcp.ecn);
  add16(b, tcp.source_port);
  add16(b, tcp.destination_port);
  add32(b, tcp.seq);
  add32(b, tcp.ack);
  add8(b, (static_cast<uint32_t>(header / 4) << 4) | (tcp.flags >> 8));
  add8(b, tcp.flags & 0xff);
  add16(b, tcp.window);
  add16(b, 0);  // checksum
  add16(b, 0);  // urgent pointer
  b.insert(b.end(), options.begin(), options.end());
  b.insert(b.end(), tcp.payload.begin(), tcp.payload.end());
  fix_ip_checksum(b);
  fix_tcp_checksum(b);
  return b;
}

Bytes build(const NaiveArp& arp) {
  Bytes b;
  add_ethernet(b, arp.destination_mac, arp.source_mac, 0x0806);
  add16(b, 1);       // Ethernet
  add16(b, 0x0800);  // IPv4
  add16(b, 0x0604);
  add16(b, arp.operation);
  add_mac(b, arp.sender_mac);
  add32(b, arp.sender_ip);
  add_mac(b, arp.target_mac);
  add32(b, arp.target_ip);
  b.resize(60);
  return b;
}

Bytes build(const NaiveIcmp& icmp) {
  Bytes b;
  add_ethernet(b, icmp.destination_mac, icmp.source_mac, 0x0800);
  add_ip(b, 4 + icmp.body.size(), 1, 64, icmp.source_ip, icmp.destination_ip);
  add8(b, icmp.type);
  add8(b, icmp.code);
  add16(b, 0);
  b.insert(b.end(), icmp.body.begin(), icmp.body.end());
  fix_ip_checksum(b);
  put16(b, 36, internet_checksum(b, 34, 4 + icmp.body.size()));
  return b;
}

NaiveFrame decode(const Bytes& b) {
  NaiveFrame out;
  if (b.size() < 14) {
    out.problem = "shorter than an Ethernet header";
    return out;
  }
  const uint16_t ethertype = get16(b, 12);
  if (ethertype == 0x0806) {
    if (b.size() < 42 || get16(b, 14) != 1 || get16(b, 16) != 0x0800 || get16(b, 18) != 0x0604) {
      out.problem = "malformed ARP";
      return out;
    }
    out.arp = NaiveArp{get_mac(b, 0),  get_mac(b, 6), get16(b, 20), get_mac(b, 22),
                       get_mac(b, 32), get32(b, 28),  get32(b, 38)};
    return out;
  }
  if (ethertype != 0x0800 || b.size() < 34 || get8(b, 14) != 0x45) {
    out.problem = "neither ARP nor plain IPv4";
    return out;
  }
  const size_t total = get16(b, 16);
  if (14 + total > b.size() || total < 20) {
    out.problem = "IP length does not fit the frame";
    return out;
  }
  if (internet_checksum(b, 14, 20) != 0) out.problem = "IP checksum";
  const size_t bytes = total - 20;
  if (get8(b, 23) == 1) {
    if (bytes < 8) {
      out.problem = "ICMP shorter than 8 bytes";
      return out;
    }
    if (internet_checksum(b, 34, bytes) != 0) out.problem = "ICMP checksum";
    out.icmp =
        NaiveIcmp{get_mac(b, 0), get_mac(b, 6),           get32(b, 26), get32(b, 30), get8(b, 34),
                  get8(b, 35),   slice(b, 38, 14 + total)};
    return out;
  }
  if (get8(b, 23) != 6 || bytes < 20) {
    out.problem = "neither ICMP nor TCP";
    return out;
  }
  const size_t header = size_t{get8(b, 46)} / 16 * 4;
  if (header < 20 || header > bytes) {
    out.problem = "TCP data offset";
    return out;
  }
  if (out.problem.empty() && internet_checksum(b, 34, bytes, pseudo_header_sum(b, bytes)) != 0) {
    out.problem = "TCP checksum";
  }
  NaiveTcp tcp;
  tcp.destination_mac = get_mac(b, 0);
  tcp.source_mac = get_mac(b, 6);
  tcp.ecn = get8(b, 15) & 3;
  tcp.dscp = static_cast<uint8_t>(get8(b, 15) >> 2);
  tcp.ttl = get8(b, 22);
  tcp.source_ip = get32(b, 26);
  tcp.destination_ip = get32(b, 30);
  tcp.source_port = get16(b, 34);
  tcp.destination_port = get16(b, 36);
  tcp.seq = get32(b, 38);
  tcp.ack = get32(b, 42);
  tcp.flags = get16(b, 46) & 0x1ff;
  tcp.window = get16(b, 48);
  const std::string option_problem = decode_options(slice(b, 54, 34 + header), tcp);
  if (out.problem.empty()) out.problem = option_problem;
  tcp.payload = slice(b, 34 + header, 14 + total);
  out.tcp = std::move(tcp);
  return out;
}

}  // namespace millrace::test
