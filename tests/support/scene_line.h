// SPDX-License-Identifier: BSD-3-Clause
// One line of a packet diagram as a value. In: text such as
//
//     P. 1:1001 ack 1 win 500 <mss 1460,ws 7,ts 100 *> ect0
//
// flags      letters of S F R P . U E W A (the dot is ACK, E ECE, W CWR, A AE); none means ".";
//            letters in [] may be there or not. A digit is the ACE field: ".5" is ".AE".
// seq        N, N:M or *; counted from the sender's initial sequence number, which is 0
// ack N      the same, from the receiver's
// win N      the window field as it lies on the wire, unscaled
// dscp N     of the IP header; 0 by default
// ect0, ect1, ce, notect   the ECN field of the IP header; not ECT, and not looked at, by default
// <...>      mss N | ws N | ts VALUE ECHO | sackOK | sack A-B .. | uto N | nop | raw HEX..; !mss,
//            !ws, !ts, !sack, !uto: not there
//            fo: Fast Open, a cookie is asked for; fo HEX: brought; fo *: the host's last one, or
//            from the host any; !fo: not there
//
// SACK blocks A-B are counted from the receiver's initial number, as ack is; in the order that they
// have on the wire. "sack *" asks for any.
//
// A number may be written * (any), or =N (N itself, not counted from anywhere).
// `arp who-has A tell B`, `arp reply A is-at MAC` and `icmp TYPE CODE` name other frames. Only in:
// `icmp echo ID SEQ BYTES`, and errors about a segment of the host's, `icmp TYPE CODE quote SEQ
// [mtu N] [size N]`, with the next hop's MTU, and the quoted packet's bytes (else 1500 where
// fragmentation is needed, and 40 otherwise).
// ICMPv6 and neighbour discovery: see naive_icmp6.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::test {

struct LineNumber {
  enum class Kind : uint8_t { kAny, kRaw, kRelative } kind = Kind::kRelative;
  int64_t value = 0;
};

struct SegmentLine {
  uint16_t flags = 0;           // must be there
  uint16_t flags_optional = 0;  // may be there
  std::optional<uint8_t> dscp;  // the same
  std::optional<uint8_t> ecn;   // of the IP header
  LineNumber seq;
  int64_t payload_bytes = 0;  // M - N
  std::optional<LineNumber> ack;
  std::optional<uint16_t> window;
  std::optional<uint16_t> mss;
  std::optional<uint8_t> window_shift;
  std::optional<LineNumber> ts_value, ts_echo;
  bool sack_permitted = false;
  std::optional<std::string> fast_open;  // "", hex digits or "*"
  std::vector<std::pair<int64_t, int64_t>> sack;
  std::optional<uint16_t> user_timeout;
  bool no_mss = false, no_window_shift = false, no_timestamps = false, no_sack = false;
  bool no_user_timeout = false;
  bool no_fast_open = false;
  bool any_sack = false;
  std::vector<uint8_t> raw_options;
};

// Fills `out`; on a line that makes no sense returns what is wrong with it, else nothing.
std::optional<std::string> parse_segment_line(std::string_view text, SegmentLine& out);

// "S.", "F.P" and so on, from control bits.
std::string flag_letters(uint16_t flags);

// Words between blanks.
std::vector<std::string> split_words(std::string_view text);

}  // namespace millrace::test
