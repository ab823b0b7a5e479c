// SPDX-License-Identifier: BSD-3-Clause
// ICMP messages, in and out. In: an IP payload that anybody may have sent, in errors quoting a
// packet that we may have sent. Out: values; whether the quoted sequence number is in flight is
// TCP's question (RFC 5927 section 4.1). RFC 792, RFC 1191 section 4.
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/frame.h"
#include "wire/ipv4.h"

namespace millrace::wire {
namespace {

constexpr size_t kIcmpHeaderBytes = 8;  // type, code, checksum and 4 bytes that depend on them
constexpr size_t kQuotedTcpBytes = 8;   // ports and sequence number: all that RFC 792 promises
constexpr uint16_t kSumGood = 0xffff;

bool quotes(uint8_t type) {
  return type == kIcmpDestinationUnreachable || type == kIcmpTimeExceeded ||
         type == kIcmpParameterProblem || type == kIcmpRedirect;
}

IcmpError unreachable(uint8_t code) {
  if (code == kUnreachableFragmentationNeeded) return IcmpError::kTooBig;
  const bool refused = code == kUnreachableProtocol || code == kUnreachablePort;
  return refused ? IcmpError::kRefused : IcmpError::kUnreachable;
}

// Reads the packet that an error or a redirect quotes. False when it is not even an IPv4 header, or
// TCP with less than the RFC promises. The quote's checksums are not looked at: routers on the way
// may have changed it, and may have quoted it in part.
bool read_quote(std::span<const std::byte> quote, IcmpMessage& message) {
  if (quote.size() < kIpv4HeaderBytes) return false;
  const std::byte* ip = quote.data();
  const size_t header_bytes = (load8(ip) & 0x0f) * size_t{4};
  if (load8(ip) >> 4 != 4 || header_bytes < kIpv4HeaderBytes || header_bytes > quote.size()) {
    return false;
  }
  const bool later_fragment = (load_be16(ip + 6) & 0x1fff) != 0;
  if (load8(ip + 9) != kProtocolTcp || later_fragment) return true;
  if (quote.size() < header_bytes + kQuotedTcpBytes) return false;
  const std::byte* tcp = ip + header_bytes;
  message.quotes_tcp = true;
  message.quoted = {.local = IpAddress::v4(load_be32(ip + 12)),
                    .peer = IpAddress::v4(load_be32(ip + 16)),
                    .local_port = load_be16(tcp),
                    .peer_port = load_be16(tcp + 2)};
  message.quoted_seq = SeqNum(load_be32(tcp + 4));
  message.quoted_bytes = load_be16(ip + 2);
  return true;
}

}  // namespace

std::optional<IcmpMessage> parse_icmp(const ParsedFrame& parsed, Counter& drop) {
  const std::byte* icmp = parsed.ip + parsed.ip_header_bytes;
  const size_t bytes = size_t{parsed.ip_bytes} - parsed.ip_header_bytes;
  if (bytes < kIcmpHeaderBytes) {
    drop = Counter::kDropIcmpMalformed;
    return std::nullopt;
  }
  if (fold(sum_bytes({icmp, bytes})) != kSumGood) {
    drop = Counter::kDropIcmpChecksum;
    return std::nullopt;
  }
  IcmpMessage message;
  message.type = load8(icmp);
  message.code = load8(icmp + 1);
  message.body = {icmp + 4, bytes - 4};
  if (!quotes(message.type)) return message;
  if (message.type == kIcmpDestinationUnreachable) {
    message.error = unreachable(message.code);
    if (message.error == IcmpError::kTooBig) message.next_hop_mtu = load_be16(icmp + 6);
  }
  if (!read_quote({icmp + kIcmpHeaderBytes, bytes - kIcmpHeaderBytes}, message)) {
    drop = Counter::kDropIcmpMalformed;
    return std::nullopt;
  }
  return message;
}

size_t build_icmp(std::span<std::byte> out, const EthernetHeader& ethernet, const IpFields& ip,
                  const IpAddress& source, const IpAddress& destination, uint8_t type, uint8_t code,
                  std::span<const std::byte> body) {
  const size_t icmp_bytes = 4 + body.size();
  write_ethernet(out.data(), ethernet);
  std::byte* packet = out.data() + kEthernetHeaderBytes;
  write_ipv4_header(packet, ip, memory_order(source), memory_order(destination), kProtocolIcmp,
                    static_cast<uint16_t>(kIpv4HeaderBytes + icmp_bytes));
  std::byte* icmp = packet + kIpv4HeaderBytes;
  const auto type_and_code = static_cast<uint16_t>(type | code << 8);  // as they lie
  store16(icmp, type_and_code);
  const uint64_t sum = copy_and_sum(icmp + 4, body, type_and_code);
  store16(icmp + 2, static_cast<uint16_t>(~fold(sum)));
  return kEthernetHeaderBytes + kIpv4HeaderBytes + icmp_bytes;
}

}  // namespace millrace::wire
