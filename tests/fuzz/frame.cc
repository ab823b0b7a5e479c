// SPDX-License-Identifier: BSD-3-Clause
// Frames of any bytes through parse_frame(), parse_arp() and parse_icmp(). Must hold: nothing
// outside of the frame is read and no view leaves it; what is accepted keeps the promises of
// wire/frame.h; whatever was read, written again by our builders and read once more, is the same.
// The first byte of the input chooses the device's verdicts and whether a sum in the way of ICMP
// is put right.
#include "wire/frame.h"
#include "wire/plain.h"
#include "wire/plain_syn.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "fuzz/script.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/fragment.h"

namespace {

using namespace millrace;
using namespace millrace::wire;
using fuzz::require;

constexpr size_t kFrameMaxBytes = 9018;
constexpr uint8_t kDeviceSaysGood = 1;
constexpr uint8_t kIcmpSumPutRight = 2;

bool within(std::span<const std::byte> outer, std::span<const std::byte> inner) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

// Sums by the definition, where `packet` says that an ICMP message lies. Whether it really lies
// there is for the code under test to find out.
uint32_t sum16(std::span<const std::byte> bytes, uint32_t sum = 0) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += uint32_t{load8(bytes.data() + i)} << (i % 2 == 0 ? 8 : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

void put_icmp_sum_right(std::span<std::byte> frame) {
  if (frame.size() < kEthernetHeaderBytes + kIpv4HeaderBytes) return;
  const auto packet = frame.subspan(kEthernetHeaderBytes);
  const bool v6 = load_be16(frame.data() + 12) == kEthertypeIpv6;
  if (v6 && packet.size() < kIpv6HeaderBytes) return;
  const size_t header_bytes = v6 ? kIpv6HeaderBytes : (load8(packet.data()) & 0x0f) * size_t{4};
  const size_t said =
      v6 ? kIpv6HeaderBytes + load_be16(packet.data() + 4) : load_be16(packet.data() + 2);
  const size_t end = std::min(said, packet.size());
  const uint8_t protocol = load8(packet.data() + (v6 ? 6 : 9));
  if (protocol != (v6 ? kProtocolIcmpV6 : kProtocolIcmp) || end < header_bytes + 4) return;
  const auto message = packet.subspan(header_bytes, end - header_bytes);
  store16(message.data() + 2, 0);
  uint32_t pseudo = 0;
  if (v6) pseudo = sum16(packet.subspan(8, 32), kProtocolIcmpV6 + uint32_t(message.size()));
  store_be16(message.data() + 2, static_cast<uint16_t>(~sum16(message, pseudo)));
}

void check_promises(const ParsedFrame& p, std::span<const std::byte> frame) {
  const Segment& s = p.segment;
  require(within(frame, s.data()) && s.payload >= frame.data());
  require(within(frame, {s.sack_blocks, size_t{8} * s.sack_count}));
  require(p.key.local_port != 0 && p.key.peer_port != 0 && !(p.key.local == p.key.peer));
  require(!p.key.peer.is_multicast() && !p.key.peer.is_loopback());
  require(std::popcount(uint32_t{s.flags} & (kSyn | kFin | kRst)) <= 1);
  require(s.has(kSyn | kRst | kAck));
  require(s.sack_count <= (s.has_timestamps ? 3 : 4));
  require(s.has(kSyn) ? s.sack_count == 0 : s.mss == 0 && s.window_shift == kNoWindowShift);
}

SegmentHeader as_sent(const Segment& s) {
  SegmentHeader h;
  h.seq = s.seq;
  h.ack = s.ack;
  h.window = s.window;
  h.flags = s.flags;
  h.has_timestamps = s.has_timestamps;
  h.sack_permitted = s.sack_permitted;
  h.window_shift = s.window_shift;
  h.mss = s.mss;
  h.ts_value = s.ts_value;
  h.ts_echo = s.ts_echo;
  h.sack_count = s.sack_count;
  for (uint8_t i = 0; i < s.sack_count; ++i) h.sack[i] = s.sack_block(i);
  return h;
}

// As the peer would have sent it if it were us; cut in pieces, the first of an odd length.
void check_tcp_again(const ParsedFrame& p) {
  const Segment& s = p.segment;
  TxFrame sent;
  const auto payload = s.data();
  const size_t cut = payload.size() > 1 ? (payload.size() / 2) | 1 : payload.size();
  sent.payload[0] = payload.first(cut);
  sent.payload[1] = payload.subspan(cut);
  sent.payload_spans = 2;
  sent.payload_bytes = s.payload_bytes;
  const uint16_t ethertype = p.key.peer.is_v4() ? kEthertypeIpv4 : kEthertypeIpv6;
  build_tcp(sent, make_ethernet(p.destination_mac(), p.source_mac(), ethertype, p.vlan), {},
            {p.key.peer, p.key.local, p.key.peer_port, p.key.local_port}, as_sent(s));
  std::vector<std::byte> bytes(sent.total_bytes());
  require(write_frame(sent, bytes) == bytes.size());

  ParsedFrame again;
  require(parse_frame({.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())},
                      again) == FrameKind::kTcp);
  const Segment& t = again.segment;
  require(again.key == p.key && again.l2_group == p.l2_group && again.vlan == p.vlan);
  require(t.seq == s.seq && t.ack == s.ack && t.window == s.window && t.flags == s.flags);
  require(t.mss == s.mss && t.window_shift == s.window_shift);
  require(t.sack_permitted == s.sack_permitted && t.has_timestamps == s.has_timestamps);
  require(t.ts_value == s.ts_value && t.ts_echo == s.ts_echo && t.sack_count == s.sack_count);
  for (uint8_t i = 0; i < s.sack_count; ++i) require(t.sack_block(i) == s.sack_block(i));
  require(std::ranges::equal(t.data(), s.data()));
}

void check_icmp(const ParsedFrame& p, std::span<const std::byte> frame) {
  auto reason = Counter::kDropIcmpMalformed;
  const auto message = parse_icmp(p, reason);
  if (!message) {
    require(reason == Counter::kDropIcmpMalformed || reason == Counter::kDropIcmpChecksum);
    return;
  }
  require(within(frame, message->body) && message->body.size() >= 4);
  if (message->quotes_tcp) require(message->body.size() >= 4 + kIpv4HeaderBytes + 8);

  std::vector<std::byte> bytes(kEthernetHeaderBytes + kIpv4HeaderBytes + 4 + message->body.size());
  require(build_icmp(bytes, make_ethernet(p.destination_mac(), p.source_mac(), kEthertypeIpv4), {},
                     p.key.peer, p.key.local, message->type, message->code,
                     message->body) == bytes.size());
  ParsedFrame again;
  require(parse_frame({.data = bytes.data(), .length = static_cast<uint32_t>(bytes.size())},
                      again) == FrameKind::kIcmp);
  const auto message_again = parse_icmp(again, reason);
  require(message_again && message_again->type == message->type &&
          message_again->code == message->code);
  require(message_again->next_hop_mtu == message->next_hop_mtu);
  require(message_again->quotes_tcp == message->quotes_tcp);
  require(message_again->quoted == message->quoted);
  require(message_again->quoted_seq == message->quoted_seq);
  require(std::ranges::equal(message_again->body, message->body));
}

void check_icmp_v6(const ParsedFrame& p, std::span<const std::byte> frame) {
  auto reason = Counter::kDropIcmpMalformed;
  const auto message = parse_icmp_v6(p, reason);
  if (!message) {
    require(reason == Counter::kDropIcmpMalformed || reason == Counter::kDropIcmpChecksum);
    return;
  }
  require(within(frame, message->body));
  require((message->error == IcmpError::kTooBig) == (message->next_hop_mtu >= 1280));
  if (!message->quotes_tcp) return;
  require(message->type < kIcmpV6EchoRequest);
  require(message->body.size() >= 4 + kIpv6HeaderBytes + 8);
  require(!message->quoted.local.is_v4() && !message->quoted.peer.is_v4());
}

void check_arp(const ParsedFrame& p) {
  const auto arp = parse_arp({p.ip, p.ip_bytes});
  if (!arp) return;
  require(!arp->sender_mac.is_zero() && !arp->sender_mac.is_multicast());
  std::array<std::byte, 60> bytes;
  require(build_arp(bytes, make_ethernet(p.destination_mac(), p.source_mac(), kEthertypeArp),
                    *arp) == bytes.size());
  const auto again = parse_arp(std::span(bytes).subspan(kEthernetHeaderBytes));
  require(again && again->request == arp->request);
  require(again->sender_mac == arp->sender_mac && again->sender_ip == arp->sender_ip);
  require(again->target_mac == arp->target_mac && again->target_ip == arp->target_ip);
}

// Who takes a frame for plain reads the same in it as who parses it, but for what is asked of
// flows that nobody knows.
void check_plain(const RxFrame& frame, const ParsedFrame& parsed) {
  if (frame.length < kEthernetHeaderBytes) return;
  MacAddress mac;
  std::memcpy(mac.bytes.data(), frame.data, mac.bytes.size());
  if (!is_plain(frame, plain_shape(mac))) return;
  if (parsed.kind == FrameKind::kDropped) {
    require(parsed.drop == Counter::kDropIpSourceInvalid || parsed.drop == Counter::kDropLand ||
            parsed.drop == Counter::kDropTcpPortZero);
    return;
  }
  require(parsed.kind == FrameKind::kTcp);
  ParsedFrame plain;
  parse_plain(frame, read_plain(frame), plain);
  const Segment& a = plain.segment;
  const Segment& b = parsed.segment;
  require(plain.key == parsed.key && is_flow_of(parsed.key, read_plain(frame)));
  require(a.seq == b.seq && a.ack == b.ack && a.window == b.window && a.flags == b.flags);
  require(a.payload == b.payload && a.payload_bytes == b.payload_bytes && b.ecn == kNotEct);
  require(a.has_timestamps == b.has_timestamps && a.ts_value == b.ts_value);
  require(a.ts_echo == b.ts_echo && b.sack_count == 0 && b.user_timeout == 0);
}

// The same of plain SYNs; nobody else may be taken for one.
void check_plain_syn(const RxFrame& frame, const ParsedFrame& parsed) {
  if (frame.length < kEthernetHeaderBytes) return;
  MacAddress mac;
  std::memcpy(mac.bytes.data(), frame.data, mac.bytes.size());
  if (!is_plain_syn(frame, plain_shape(mac))) return;
  require(!is_plain(frame, plain_shape(mac)));
  if (parsed.kind == FrameKind::kDropped) {
    require(parsed.drop == Counter::kDropIpSourceInvalid || parsed.drop == Counter::kDropLand);
    return;
  }
  require(parsed.kind == FrameKind::kTcp);
  const PlainSyn plain = read_plain_syn(frame);
  const Segment& s = parsed.segment;
  require(flow_of(plain.addresses, plain.ports) == parsed.key);
  require(s.flags == kSyn && s.payload_bytes == 0 && s.ecn == kNotEct);
  require(s.seq == plain.seq && s.mss == plain.mss && s.ts_value == plain.ts_value);
  require(s.has_timestamps == plain.linux_options && s.sack_permitted == plain.linux_options);
  require(s.fast_open_length == 0 && s.user_timeout == 0);
  if (!plain.linux_options) return require(s.window_shift == kNoWindowShift);
  require(std::min(s.window_shift, kWindowShiftMax) == plain.window_shift);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size - 1 > kFrameMaxBytes) return 0;
  const uint8_t choices = data[0];
  // Memory of just this size, so that one byte too far is noticed.
  const auto memory = std::make_unique<std::byte[]>(size - 1);
  const std::span frame(memory.get(), size - 1);
  std::memcpy(frame.data(), data + 1, frame.size());
  if ((choices & kIcmpSumPutRight) != 0) put_icmp_sum_right(frame);

  RxFrame received{.data = frame.data(), .length = static_cast<uint32_t>(frame.size())};
  ParsedFrame unhelped;
  const FrameKind kind_unhelped = parse_frame(received, unhelped);
  received.ip_checksum = received.l4_checksum = ChecksumVerdict::kGood;
  ParsedFrame helped;
  const FrameKind kind_helped = parse_frame(received, helped);
  // A verdict stands for the sum and changes nothing else.
  if (kind_unhelped != kind_helped) {
    require(kind_unhelped == FrameKind::kDropped);
    require(unhelped.drop == Counter::kDropIpChecksum ||
            unhelped.drop == Counter::kDropTcpChecksum);
  } else if (kind_helped == FrameKind::kDropped && unhelped.drop != helped.drop) {
    require(unhelped.drop == Counter::kDropIpChecksum ||
            unhelped.drop == Counter::kDropTcpChecksum);
  }

  const ParsedFrame& p = (choices & kDeviceSaysGood) != 0 ? helped : unhelped;
  switch (p.kind) {
    case FrameKind::kTcp:
      check_promises(p, frame);
      check_tcp_again(p);
      break;
    case FrameKind::kIcmp:
      check_icmp(p, frame);
      break;
    case FrameKind::kIcmpV6:
      check_icmp_v6(p, frame);
      break;
    case FrameKind::kArp:
      check_arp(p);
      break;
    case FrameKind::kOtherIp:
      require(p.protocol != kProtocolTcp);
      require(p.protocol != (p.key.peer.is_v4() ? kProtocolIcmp : kProtocolIcmpV6));
      require(within(frame, {p.ip, p.ip_bytes}) && p.ip_header_bytes <= p.ip_bytes);
      break;
    case FrameKind::kFragment: {
      const Fragment f = read_fragment(p);
      require(within(frame, f.payload) && within(frame, f.headers));
      require(f.offset % kFragmentUnit == 0 && (f.more || f.offset != 0));
      require(p.key.peer.is_v4() || f.named_at < f.headers.size());
      break;
    }
    case FrameKind::kDropped:
      break;
    case FrameKind::kPlain:
    case FrameKind::kPlainSyn:
      require(false);
  }
  check_plain(received, helped);
  check_plain_syn(received, helped);
  return 0;
}
