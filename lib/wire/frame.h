// SPDX-License-Identifier: BSD-3-Clause
// A received frame, parsed once: Ethernet and its tags, then ARP, or IPv4 or IPv6 and TCP or ICMP.
// In: bytes that anybody may have sent. Out: values, or the one reason why the frame is dropped.
// Nothing here knows which addresses, or VLANs, are ours; that is the stack's question.
// RFC 791, RFC 1122 section 3.2.1, RFC 8200, RFC 9293 section 3.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "millrace/address.h"
#include "millrace/counters.h"
#include "millrace/frame.h"
#include "wire/segment.h"

namespace millrace::wire {

inline constexpr size_t kEthernetHeaderBytes = 14;
inline constexpr size_t kIpv4HeaderBytes = 20;
inline constexpr size_t kIpv6HeaderBytes = 40;
inline constexpr size_t kTcpHeaderBytes = 20;

// What every link carries whole (RFC 8200 section 5), and the largest ICMPv6 error.
inline constexpr uint16_t kIpv6MtuMin = 1280;

inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIcmpV6 = 58;

enum class FrameKind : uint8_t {
  kDropped,   // for the reason in `drop`
  kTcp,       // key and segment are set
  kArp,       // see parse_arp()
  kIcmp,      // key's addresses are set; checksum not yet looked at; see parse_icmp()
  kIcmpV6,    // the same; see parse_icmp_v6()
  kOtherIp,   // key's addresses are set; some protocol that we do not speak
  kFragment,  // the same; see wire/fragment.h
  // Not parsed, as is_plain() or is_plain_syn() holds (plain.h, plain_syn.h); parse_frame() never
  // says it.
  kPlain,
  kPlainSyn,
};

struct ParsedFrame {
  FrameKind kind;
  Counter drop;              // when kDropped
  bool l2_group;             // sent to a multicast or broadcast MAC address
  uint8_t protocol;          // IP protocol number
  uint16_t ip_bytes;         // header and payload, as the IP header says
  uint16_t ip_header_bytes;  // extension headers included
  Vlan vlan;                 // by tags in the bytes, or taken off before
  const std::byte* l2;       // the Ethernet header
  const std::byte* ip;       // the IP header, or the ARP packet
  FlowKey key;
  Segment segment;

  [[nodiscard]] MacAddress source_mac() const;
  [[nodiscard]] MacAddress destination_mac() const;
};

// Checks, in this order, each with its own Counter: at least 14 bytes (kDropRunt); source MAC not a
// group address nor zero (kDropSourceMacInvalid); tags (kDropVlanMalformed, see wire/vlan.h);
// ethertype IPv4, IPv6 or ARP (kDropEthertype);
// IPv4 version (kDropIpVersion), header length 20..60 within the frame (kDropIpHeader), total
// length within the frame and not less than the header (kDropIpTruncated; trailing padding is
// ignored), checksum (kDropIpChecksum, by the device's verdict where it has one), source not
// multicast, broadcast, loopback or (but for ICMP) unspecified (kDropIpSourceInvalid), source not
// equal to destination (kDropLand: land, for any port). TCP: 20 bytes there (kDropTcpTruncated),
// data offset 5.. within the packet (kDropTcpOffset), checksum (kDropTcpChecksum), ports not 0
// (kDropTcpPortZero), control bits: SYN+FIN, SYN+RST, FIN+RST and none of SYN, ACK, RST (null, Xmas
// and bare FIN scans included) are kDropTcpFlags. Options with a length below 2 or past the
// header's end are kDropTcpOptions (RFC 9293 MUST-7: survive them); unknown ones are skipped
// (MUST-6). IPv6: version, 40 bytes and the payload length within the frame, an IPv4-mapped or
// unspecified destination (kDropIpNotForUs), source as above and not IPv4-mapped, extension headers
// (walk_extensions()). Requires: frame.data points to frame.length bytes. Returns out.kind.
FrameKind parse_frame(const RxFrame& frame, ParsedFrame& out);

// --- ARP (RFC 826) ----------------------------------------------------------------------------

struct ArpPacket {
  bool request = false;  // else a reply
  MacAddress sender_mac;
  IpAddress sender_ip;
  MacAddress target_mac;
  IpAddress target_ip;
};
// Ethernet and IPv4 only; nothing for other hardware or operations, short packets, and a sender
// MAC that is zero or a group address.
std::optional<ArpPacket> parse_arp(std::span<const std::byte> packet);

// --- ICMP (RFC 792), ICMPv6 (RFC 4443)
// ----------------------------------------------------------------------------

// What an error says of a segment of ours, whichever the family.
enum class IcmpError : uint8_t {
  kNone,         // no error, or one that changes nothing
  kTooBig,       // see next_hop_mtu
  kUnreachable,  // for now, perhaps
  kRefused,      // nobody there speaks TCP, or not on that port
};

struct IcmpMessage {
  uint8_t type = 0;
  uint8_t code = 0;
  IcmpError error = IcmpError::kNone;
  uint16_t next_hop_mtu = 0;        // of kTooBig (RFC 1191, RFC 8201)
  std::span<const std::byte> body;  // all after the 4 bytes type, code and checksum
  // Of an error or a redirect about a TCP segment that we sent: its flow, as we see it, and
  // sequence number.
  bool quotes_tcp = false;
  FlowKey quoted;
  SeqNum quoted_seq;
  uint16_t quoted_bytes = 0;  // of the whole IP packet, as its header says
};
inline constexpr uint8_t kIcmpEchoReply = 0;
inline constexpr uint8_t kIcmpDestinationUnreachable = 3;
inline constexpr uint8_t kIcmpSourceQuench = 4;
inline constexpr uint8_t kIcmpRedirect = 5;
inline constexpr uint8_t kIcmpEchoRequest = 8;
inline constexpr uint8_t kIcmpTimeExceeded = 11;
inline constexpr uint8_t kIcmpParameterProblem = 12;
inline constexpr uint8_t kUnreachableProtocol = 2;
inline constexpr uint8_t kUnreachablePort = 3;
inline constexpr uint8_t kUnreachableFragmentationNeeded = 4;

// Requires: parsed.kind is kIcmp. On failure `drop` says why (kDropIcmpMalformed,
// kDropIcmpChecksum).
std::optional<IcmpMessage> parse_icmp(const ParsedFrame& parsed, Counter& drop);

inline constexpr uint8_t kIcmpV6DestinationUnreachable = 1;
inline constexpr uint8_t kIcmpV6PacketTooBig = 2;
inline constexpr uint8_t kIcmpV6TimeExceeded = 3;
inline constexpr uint8_t kIcmpV6ParameterProblem = 4;
inline constexpr uint8_t kIcmpV6EchoRequest = 128;
inline constexpr uint8_t kIcmpV6EchoReply = 129;
inline constexpr uint8_t kIcmpV6UnreachablePort = 4;
inline constexpr uint8_t kIcmpV6UnknownNextHeader = 1;

// The same for kIcmpV6. Neighbour discovery is left in `body`.
std::optional<IcmpMessage> parse_icmp_v6(const ParsedFrame& parsed, Counter& drop);
// Reads an IPv6 packet that is quoted somewhere. False when it is none, or TCP without a sequence
// number.
bool read_quote_v6(std::span<const std::byte> quote, IcmpMessage& message);

}  // namespace millrace::wire
