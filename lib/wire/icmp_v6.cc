// SPDX-License-Identifier: BSD-3-Clause
// ICMPv6 messages that arrived: checked, and what errors quote read. RFC 4443; RFC 8201 section 4
// on packets that are too big.
#include <algorithm>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/frame.h"
#include "wire/ipv6.h"

namespace millrace::wire {
namespace {

constexpr size_t kErrorHeaderBytes = 8;  // type, code, checksum, four bytes by type
constexpr size_t kQuotedTcpBytes = 8;    // ports and sequence number
constexpr uint16_t kSumGood = 0xffff;
constexpr uint8_t kFirstInformational = 128;

// What the message says of a segment, should it be one that it quotes.
IcmpError error_of(const IcmpMessage& message) {
  switch (message.type) {
    case kIcmpV6DestinationUnreachable:
      return message.code == kIcmpV6UnreachablePort ? IcmpError::kRefused : IcmpError::kUnreachable;
    case kIcmpV6PacketTooBig:
      return message.next_hop_mtu == 0 ? IcmpError::kNone : IcmpError::kTooBig;
    case kIcmpV6ParameterProblem:
      return message.code == kIcmpV6UnknownNextHeader ? IcmpError::kRefused : IcmpError::kNone;
    default:
      return IcmpError::kNone;
  }
}

}  // namespace

// What we send has no extension headers.
bool read_quote_v6(std::span<const std::byte> quote, IcmpMessage& message) {
  const std::byte* ip = quote.data();
  if (quote.size() < kIpv6HeaderBytes || load8(ip) >> 4 != 6) return false;
  if (load8(ip + 6) != kProtocolTcp) return true;
  if (quote.size() < kIpv6HeaderBytes + kQuotedTcpBytes) return false;
  const std::byte* tcp = ip + kIpv6HeaderBytes;
  message.quoted = {.local = load_address(ip + 8),
                    .peer = load_address(ip + 24),
                    .local_port = load_be16(tcp),
                    .peer_port = load_be16(tcp + 2)};
  // As an IPv4-mapped address it would name a flow of IPv4.
  if (message.quoted.local.is_v4() || message.quoted.peer.is_v4()) return false;
  message.quotes_tcp = true;
  message.quoted_seq = SeqNum(load_be32(tcp + 4));
  message.quoted_bytes =
      static_cast<uint16_t>(std::min<size_t>(kIpv6HeaderBytes + load_be16(ip + 4), UINT16_MAX));
  return true;
}

std::optional<IcmpMessage> parse_icmp_v6(const ParsedFrame& parsed, Counter& drop) {
  const std::byte* icmp = parsed.ip + parsed.ip_header_bytes;
  const size_t bytes = size_t{parsed.ip_bytes} - parsed.ip_header_bytes;
  drop = Counter::kDropIcmpMalformed;
  if (bytes < 4) return std::nullopt;
  const uint64_t pseudo =
      sum_pseudo_header_v6(parsed.ip + 8, kProtocolIcmpV6, static_cast<uint16_t>(bytes));
  if (fold(sum_bytes({icmp, bytes}, pseudo)) != kSumGood) {
    drop = Counter::kDropIcmpChecksum;
    return std::nullopt;
  }
  IcmpMessage message;
  message.type = load8(icmp);
  message.code = load8(icmp + 1);
  message.body = {icmp + 4, bytes - 4};
  if (message.type >= kFirstInformational) return message;
  if (bytes < kErrorHeaderBytes) return std::nullopt;
  if (message.type == kIcmpV6PacketTooBig) {
    const uint32_t mtu = load_be32(icmp + 4);
    if (mtu >= kIpv6MtuMin) {  // whoever says less is not believed
      message.next_hop_mtu = static_cast<uint16_t>(std::min<uint32_t>(mtu, UINT16_MAX));
    }
  }
  message.error = error_of(message);
  if (!read_quote_v6({icmp + kErrorHeaderBytes, bytes - kErrorHeaderBytes}, message)) {
    return std::nullopt;
  }
  return message;
}

}  // namespace millrace::wire
