// SPDX-License-Identifier: BSD-3-Clause
#include "packet.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace millrace::sim {
namespace {

constexpr size_t kEthernetBytes = 14;

uint8_t get8(std::span<const std::byte> b, size_t at) { return static_cast<uint8_t>(b[at]); }
uint16_t get16(std::span<const std::byte> b, size_t at) {
  return static_cast<uint16_t>(get8(b, at) << 8 | get8(b, at + 1));
}
uint32_t get32(std::span<const std::byte> b, size_t at) {
  return static_cast<uint32_t>(get16(b, at)) << 16 | get16(b, at + 2);
}
MacAddress get_mac(std::span<const std::byte> b, size_t at) {
  MacAddress mac;
  for (size_t i = 0; i < 6; ++i) mac.bytes[i] = get8(b, at + i);
  return mac;
}

// RFC 1071, the slow and obvious way.
uint32_t sum16(std::span<const std::byte> b, uint32_t sum) {
  for (size_t i = 0; i + 1 < b.size(); i += 2) sum += get16(b, i);
  if (b.size() % 2 != 0) sum += static_cast<uint32_t>(get8(b, b.size() - 1)) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}
uint32_t pseudo_header_sum(std::span<const std::byte> ip, uint8_t protocol, size_t l4_bytes) {
  return sum16(ip.subspan(12, 8), protocol + static_cast<uint32_t>(l4_bytes));
}

void decode_options(std::span<const std::byte> o, Packet& p) {
  size_t at = 0;
  while (at < o.size()) {
    const uint8_t kind = get8(o, at);
    if (kind == 0) return;
    if (kind == 1) {
      ++at;
      continue;
    }
    if (at + 1 >= o.size() || get8(o, at + 1) < 2 || at + get8(o, at + 1) > o.size()) {
      p.problem = "option runs past the header";
      return;
    }
    const uint8_t length = get8(o, at + 1);
    const auto wrong = [&](bool good) {
      if (!good) p.problem = "option length";
      return !good;
    };
    switch (kind) {
      case 2:
        if (wrong(length == 4)) return;
        p.mss = get16(o, at + 2);
        break;
      case 3:
        if (wrong(length == 3)) return;
        p.window_shift = get8(o, at + 2);
        break;
      case 4:
        if (wrong(length == 2)) return;
        p.sack_permitted = true;
        break;
      case 5:
        if (wrong(length >= 10 && (length - 2) % 8 == 0 && length <= 34)) return;
        p.sack_count = static_cast<uint8_t>((length - 2) / 8);
        for (size_t i = 0; i < p.sack_count; ++i) {
          p.sack[i] = {get32(o, at + 2 + i * 8), get32(o, at + 6 + i * 8)};
        }
        break;
      case 8:
        if (wrong(length == 10)) return;
        p.has_timestamps = true;
        p.ts_value = get32(o, at + 2);
        p.ts_echo = get32(o, at + 6);
        break;
      case 34:
        if (wrong(length == 2 || (length >= 6 && length <= 18 && length % 2 == 0))) return;
        p.fast_open = true;
        break;
      default:
        break;
    }
    at += length;
  }
}

void decode_tcp(std::span<const std::byte> ip, std::span<const std::byte> l4, Packet& p) {
  if (l4.size() < 20) {
    p.problem = "TCP header cut off";
    return;
  }
  const size_t header = static_cast<size_t>(get8(l4, 12) >> 4) * 4;
  if (header < 20 || header > l4.size()) {
    p.problem = "TCP data offset";
    return;
  }
  p.kind = PacketKind::kTcp;
  p.source_port = get16(l4, 0);
  p.destination_port = get16(l4, 2);
  p.seq = get32(l4, 4);
  p.ack = get32(l4, 8);
  p.flags = get16(l4, 12) & 0x1ff;
  p.window = get16(l4, 14);
  p.option_bytes = static_cast<uint16_t>(header - 20);
  p.payload = l4.subspan(header);
  p.l4_checksum_good = sum16(l4, pseudo_header_sum(ip, 6, l4.size())) == 0xffff;
  if (!p.l4_checksum_good) p.problem = "TCP checksum";
  decode_options(l4.subspan(20, header - 20), p);
}

void decode_ip(std::span<const std::byte> ip, Packet& p) {
  if (ip.size() < 20 || get8(ip, 0) >> 4 != 4) {
    p.problem = "IPv4 header";
    return;
  }
  const size_t header = static_cast<size_t>(get8(ip, 0) & 15) * 4;
  p.ip_bytes = get16(ip, 2);
  if (header < 20 || p.ip_bytes < header || p.ip_bytes > ip.size()) {
    p.problem = "IPv4 lengths";
    return;
  }
  p.dont_fragment = (get8(ip, 6) & 0x40) != 0;
  p.ecn = get8(ip, 1) & 3;
  p.ttl = get8(ip, 8);
  p.protocol = get8(ip, 9);
  p.source_ip = get32(ip, 12);
  p.destination_ip = get32(ip, 16);
  p.ip_checksum_good = sum16(ip.first(header), 0) == 0xffff;
  if (!p.ip_checksum_good) p.problem = "IPv4 checksum";
  if ((get16(ip, 6) & 0x3fff) != 0) p.problem = "fragment";
  const auto l4 = ip.subspan(header, p.ip_bytes - header);
  if (p.protocol == 6) {
    decode_tcp(ip, l4, p);
  } else if (p.protocol == 1 && l4.size() >= 8) {
    p.kind = PacketKind::kIcmp;
    p.icmp_type = get8(l4, 0);
    p.icmp_code = get8(l4, 1);
    p.l4_checksum_good = sum16(l4, 0) == 0xffff;
    if (!p.l4_checksum_good) p.problem = "ICMP checksum";
  } else {
    p.kind = PacketKind::kOther;
  }
}

std::string ip_text(uint32_t ip) {
  char text[20];
  std::snprintf(text, sizeof text, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
                ip & 255);
  return text;
}

std::string format_tcp(const Packet& p, uint32_t seq_base, uint32_t ack_base) {
  std::string flags;
  if (p.has(kSyn)) flags += 'S';
  if (p.has(kFin)) flags += 'F';
  if (p.has(kRst)) flags += 'R';
  if (p.has(kPsh)) flags += 'P';
  if (p.has(kAck)) flags += '.';
  if (p.has(kEce)) flags += 'E';
  if (p.has(kCwr)) flags += 'W';
  if (p.has(kAe)) flags += 'A';
  char text[256];
  const uint32_t seq = p.seq - seq_base;
  std::snprintf(text, sizeof text, "%s:%u > %s:%u [%s] seq %" PRId32, ip_text(p.source_ip).c_str(),
                p.source_port, ip_text(p.destination_ip).c_str(), p.destination_port, flags.c_str(),
                static_cast<int32_t>(seq));
  std::string line = text;
  if (!p.payload.empty()) {
    std::snprintf(text, sizeof text, ":%" PRId32 " (%zu)",
                  static_cast<int32_t>(seq + static_cast<uint32_t>(p.payload.size())),
                  p.payload.size());
    line += text;
  }
  if (p.has(kAck)) {
    std::snprintf(text, sizeof text, " ack %" PRId32, static_cast<int32_t>(p.ack - ack_base));
    line += text;
  }
  line += " win " + std::to_string(p.window);
  std::string options;
  if (p.mss) options += ",mss " + std::to_string(*p.mss);
  if (p.window_shift) options += ",ws " + std::to_string(*p.window_shift);
  if (p.sack_permitted) options += ",sackOK";
  if (p.fast_open) options += ",fo";
  if (p.has_timestamps) {
    options += ",ts " + std::to_string(p.ts_value) + " " + std::to_string(p.ts_echo);
  }
  for (size_t i = 0; i < p.sack_count; ++i) {
    options += i == 0 ? ",sack " : " ";
    options += std::to_string(static_cast<int32_t>(p.sack[i][0] - ack_base)) + ":" +
               std::to_string(static_cast<int32_t>(p.sack[i][1] - ack_base));
  }
  if (!options.empty()) line += " <" + options.substr(1) + ">";
  constexpr const char* kEcn[] = {"", " ect1", " ect0", " ce"};
  return line + kEcn[p.ecn];
}

}  // namespace

Packet decode(std::span<const std::byte> frame) {
  Packet p;
  if (frame.size() < kEthernetBytes) {
    p.problem = "runt";
    return p;
  }
  p.destination_mac = get_mac(frame, 0);
  p.source_mac = get_mac(frame, 6);
  const auto body = frame.subspan(kEthernetBytes);
  switch (get16(frame, 12)) {
    case 0x0800:
      decode_ip(body, p);
      break;
    case 0x0806:
      if (body.size() < 28) {
        p.problem = "ARP cut off";
        break;
      }
      p.kind = PacketKind::kArp;
      p.arp_request = get16(body, 6) == 1;
      p.arp_sender_mac = get_mac(body, 8);
      p.arp_sender_ip = get32(body, 14);
      p.arp_target_ip = get32(body, 24);
      if (get16(body, 0) != 1 || get16(body, 2) != 0x0800 || get16(body, 4) != 0x0604) {
        p.problem = "ARP for other hardware";
      }
      break;
    default:
      p.kind = PacketKind::kOther;
      break;
  }
  return p;
}

std::string format(const Packet& packet, uint32_t seq_base, uint32_t ack_base) {
  std::string line;
  switch (packet.kind) {
    case PacketKind::kMalformed:
      line = "malformed";
      break;
    case PacketKind::kArp:
      line = packet.arp_request ? "ARP who-has " + ip_text(packet.arp_target_ip) + " tell " +
                                      ip_text(packet.arp_sender_ip)
                                : "ARP " + ip_text(packet.arp_sender_ip) + " is-at " +
                                      packet.arp_sender_mac.to_string();
      break;
    case PacketKind::kTcp:
      line = format_tcp(packet, seq_base, ack_base);
      break;
    case PacketKind::kIcmp:
      line = ip_text(packet.source_ip) + " > " + ip_text(packet.destination_ip) + " ICMP type " +
             std::to_string(packet.icmp_type) + " code " + std::to_string(packet.icmp_code);
      break;
    case PacketKind::kOther:
      line = "other protocol " + std::to_string(packet.protocol);
      break;
  }
  if (packet.problem != nullptr) line += std::string(" !! ") + packet.problem;
  return line;
}

}  // namespace millrace::sim
