// SPDX-License-Identifier: BSD-3-Clause
// The shape that nearly every frame of an open connection has, told from all others in a few
// compares: Ethernet to us, IPv4 without options, fragments or ECN marks, TCP with ACK and
// perhaps PSH or FIN, and no options but timestamps in the layout of RFC 7323 appendix A. Its
// fields are then read where they lie.
//
//     14 Ethernet | 20 IPv4 | 20 TCP | 12 timestamps or nothing | payload | padding
//
// What parse_frame() checks beyond this (is the source an address that can send, are the ports not
// zero, is it land) holds for every flow that is known, so it is asked of the others only: whoever
// finds no flow for a plain frame, or does not like what it says, parses it as any other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "millrace/address.h"
#include "millrace/frame.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/frame.h"
#include "wire/segment.h"
#include "wire/tcp.h"
#include "wire/tcp_options.h"

namespace millrace::wire {

inline constexpr size_t kPlainHeaderBytes =
    kEthernetHeaderBytes + kIpv4HeaderBytes + kTcpHeaderBytes;

// The first 32 bytes of a plain frame, and which of their bits are the same in all of them: those
// of our MAC address, the group bit of the sender's, the type, the IP version and header length, no
// ECN mark, not a fragment, TCP.
struct alignas(32) PlainShape {
  std::array<std::byte, 32> bytes{};
  std::array<std::byte, 32> mask{};
};
PlainShape plain_shape(const MacAddress& mac);

inline bool has_shape(const std::byte* l2, const PlainShape& shape) {
#if defined(__AVX2__)
  const auto load = [](const std::byte* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  };
  const __m256i odd = _mm256_xor_si256(load(l2), load(shape.bytes.data()));
  return _mm256_testz_si256(odd, load(shape.mask.data())) != 0;
#else
  uint64_t odd = 0;
  for (size_t at = 0; at < shape.bytes.size(); at += 8) {
    odd |= (load64(l2 + at) ^ load64(shape.bytes.data() + at)) & load64(shape.mask.data() + at);
  }
  return odd == 0;
#endif
}

// Where the device did not say that the checksums are right: whether they are. Requires: all else
// that is_plain() asks for.
bool plain_checksums_right(const RxFrame& frame);

// Whether `frame` is plain, and sent to the MAC address of `shape`.
inline bool is_plain(const RxFrame& frame, const PlainShape& shape) {
  const std::byte* l2 = frame.data;
  if (frame.length < kPlainHeaderBytes || !has_shape(l2, shape)) [[unlikely]]
    return false;
  if (load64(l2 + 6) << 16 == 0) [[unlikely]]  // nobody's MAC address
    return false;
  const std::byte* ip = l2 + kEthernetHeaderBytes;
  const std::byte* tcp = ip + kIpv4HeaderBytes;
  const uint32_t total = load_be16(ip + 2);
  if (total > frame.length - kEthernetHeaderBytes) [[unlikely]]
    return false;
  const uint32_t front = load32(tcp + 12) & 0xf6ff;  // data offset, AE, other bits than PSH and FIN
  if (front == 0x1080) [[likely]] {
    if (total < 52 || load32(tcp + kTcpHeaderBytes) != kTimestampsPrefix) [[unlikely]]
      return false;
  } else if (front != 0x1050 || total < 40) {
    return false;
  }
  if (frame.ip_checksum == ChecksumVerdict::kGood && frame.l4_checksum == ChecksumVerdict::kGood) {
    return true;
  }
  return plain_checksums_right(frame);
}

inline uint64_t plain_addresses(const RxFrame& frame) {
  return load64(frame.data + kEthernetHeaderBytes + 12);
}
inline uint32_t plain_ports(const RxFrame& frame) {
  return load32(frame.data + kEthernetHeaderBytes + kIpv4HeaderBytes);
}

inline Plain read_plain(const RxFrame& frame) {
  const std::byte* ip = frame.data + kEthernetHeaderBytes;
  const std::byte* tcp = ip + kIpv4HeaderBytes;
  const bool timestamps = load8(tcp + 12) != 0x50;
  const uint32_t headers = timestamps ? 52 : 40;
  return {.addresses = plain_addresses(frame),
          .ports = plain_ports(frame),
          .seq = SeqNum(load_be32(tcp + 4)),
          .ack = SeqNum(load_be32(tcp + 8)),
          .ts_value = timestamps ? load_be32(tcp + 24) : 0,
          .ts_echo = timestamps ? load_be32(tcp + 28) : 0,
          .payload_bytes = load_be16(ip + 2) - headers,
          .window = load_be16(tcp + 14),
          .flags = load8(tcp + 13),
          .has_timestamps = timestamps,
          .payload = ip + headers};
}

// Whether two plain frames differ in nothing but what they carry, where that lies in the stream,
// and PSH. Of both the layout is known, so that few words are left to compare.
inline bool says_the_same(const RxFrame& one, const RxFrame& other) {
  const std::byte* a = one.data + kEthernetHeaderBytes + 12;
  const std::byte* b = other.data + kEthernetHeaderBytes + 12;
  constexpr size_t kPortsAt = 8;
  constexpr size_t kAckAt = 16;
  constexpr size_t kFlagsAt = 21;
  constexpr size_t kTimestampsAt = 32;
  const uint64_t push = uint64_t{kPsh} << 8 * (kFlagsAt - kAckAt);
  const bool timestamps = load8(a + kFlagsAt - 1) != 0x50;
  return ((load64(a) ^ load64(b)) | (load32(a + kPortsAt) ^ load32(b + kPortsAt)) |
          ((load64(a + kAckAt) ^ load64(b + kAckAt)) & ~push) |
          (timestamps ? load64(a + kTimestampsAt) ^ load64(b + kTimestampsAt) : 0)) == 0;
}

// Addresses and ports as Plain has them.
inline FlowKey flow_of(uint64_t addresses, uint32_t ports) {
  const uint32_t numbers = swap_bytes(ports);
  return {IpAddress::v4(swap_bytes(static_cast<uint32_t>(addresses >> 32))),
          IpAddress::v4(swap_bytes(static_cast<uint32_t>(addresses))),
          static_cast<uint16_t>(numbers), static_cast<uint16_t>(numbers >> 16)};
}

// The same as of any other frame: what parse_frame() would have made of it, had it not dropped it.
inline void parse_plain(const RxFrame& frame, const Plain& plain, ParsedFrame& out) {
  out.kind = FrameKind::kTcp;
  out.l2_group = false;
  out.vlan = frame.vlan;
  out.protocol = kProtocolTcp;
  out.l2 = frame.data;
  out.ip = frame.data + kEthernetHeaderBytes;
  out.ip_bytes = load_be16(out.ip + 2);
  out.ip_header_bytes = kIpv4HeaderBytes;
  out.key = flow_of(plain.addresses, plain.ports);
  out.segment = segment_of(plain);
}

// Whether `key` is the flow of a plain frame.
inline bool is_flow_of(const FlowKey& key, const Plain& frame) {
  const IpAddress::Words local = key.local.words();
  const IpAddress::Words peer = key.peer.words();
  const uint64_t local_wanted = (frame.addresses & 0xffff'ffff'0000'0000) | IpAddress::kV4Prefix;
  const uint64_t peer_wanted = frame.addresses << 32 | IpAddress::kV4Prefix;
  const uint32_t ports = key.local_port | uint32_t{key.peer_port} << 16;
  return (local[0] | peer[0] | (local[1] ^ local_wanted) | (peer[1] ^ peer_wanted) |
          (ports ^ swap_bytes(frame.ports))) == 0;
}

template <bool kV4>
inline void build_plain_of(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip,
                           const FlowKey& key, const PlainHeader& h) {
  uint32_t tcp_bytes = kTcpHeaderBytes;
  if (h.has_timestamps) {
    write_timestamps(out.header.data() + kTcpAt<kV4> + kTcpHeaderBytes, h.ts_value, h.ts_echo);
    tcp_bytes += kTimestampsBytes;
  }
  write_tcp_headers<kV4>(out, ethernet, ip, key, {h.seq, h.ack, h.flags, h.window}, tcp_bytes);
}
// By value: who calls it in a branch that is hardly ever taken keeps its own in registers.
void build_plain_v6(TxFrame& out, const EthernetHeader& ethernet, IpFields ip, const FlowKey& key,
                    PlainHeader h);

// Writes the headers, and sets all fields of `out` but the payload ones, as build_tcp() does.
// Requires: as there; `ethernet` names the family, too.
inline void build_plain(TxFrame& out, const EthernetHeader& ethernet, const IpFields& ip,
                        const FlowKey& key, const PlainHeader& h) {
  if (load16(ethernet.bytes.data() + 12) == swap_bytes(kEthertypeIpv6)) [[unlikely]] {
    build_plain_v6(out, ethernet, ip, key, h);
  } else {
    build_plain_of<true>(out, ethernet, ip, key, h);
  }
}

// The segment behind `before`, which build_plain() wrote from the same but for `h.seq` and
// `h.flags`. Requires: as many bytes of payload.
inline void build_plain_next(TxFrame& out, const TxFrame& before, const PlainHeader& h) {
  const uint8_t spans = out.payload_spans;
  copy_headers(out, before);
  out.payload_spans = spans;
  std::byte* const tcp = out.header.data() + out.l2_bytes + out.l3_bytes;
  store_be32(tcp + 4, h.seq.raw());
  tcp[13] = static_cast<std::byte>(h.flags);
}

}  // namespace millrace::wire
