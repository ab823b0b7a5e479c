// SPDX-License-Identifier: BSD-3-Clause
// A packet script as a value. In: text, one event a line, as in
//
//     config  msl=1s                          # of the whole host: ShardConfig
//     option  delayed_ack=off                 # of listen and connect from here on: TcpOptions
//     0.000   listen 80
//     +0      < S 0 win 65535 <mss 1460>      # the script's side sends: a frame into the host
//     +0      > S. 0 ack 1 <mss 1460,...>     # and claims what the host sends
//     +0.01   < . 1 ack 1
//     +0      accept
//     +0      send 1000
//     +0      > P. 1:1001 ack 1
//     +1      > P. 1:1001 ack 1               # nobody acknowledged it
//     +0      info rto=2s state=ESTABLISHED
//     silence 1.5
//
// The language is described in docs/harness.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/config.h"
#include "millrace/result.h"
#include "millrace/time.h"

namespace script {

struct Number {
  enum class Kind : uint8_t { kRelative, kRaw, kAny } kind = Kind::kRelative;
  int64_t value = 0;
};

struct OptionLine {
  uint8_t kind = 0;
  bool absent = false;          // written with !
  std::vector<Number> numbers;  // mss, ws: one; ts: two; sack: the edges
  std::vector<uint8_t> raw;     // opt KIND HEX
  bool is_raw = false;
};

struct SegmentLine {
  uint16_t flags = 0;           // must be there
  uint16_t flags_optional = 0;  // may be there
  Number seq;
  int64_t payload_bytes = 0;
  std::optional<Number> ack;
  std::optional<uint16_t> window;
  std::optional<uint16_t> urgent;
  std::optional<uint8_t> ecn;
  bool bad_checksum = false;
  bool has_options = false;        // <> was written
  bool other_options_too = false;  // ... was
  std::vector<OptionLine> options;
};

struct IcmpLine {
  uint8_t type = 0, code = 0;
  uint16_t mtu = 0;
  Number seq;  // of the host's segment that it is about
  int64_t payload_bytes = 0;
};

struct When {
  enum class Kind : uint8_t { kNone, kAbsolute, kRelative, kAny } kind = Kind::kNone;
  millrace::Duration at;
  millrace::Duration tolerance = millrace::milliseconds(1);
};

struct Comparison {
  enum class Op : uint8_t { kEqual, kUnequal, kLess, kAtMost, kGreater, kAtLeast } op;
  std::string name;
  int64_t value = 0;
};

enum class Verb : uint8_t {
  kIn,       // segment
  kInBurst,  // segment
  kOut,      // segment
  kIcmp,     // icmp
  kOption,   // options
  kListen,   // numbers: port
  kUnlisten,
  kAccepting,  // numbers: 1 or 0
  kConnect,    // numbers: port, local port or 0
  kAccept,
  kSend,     // numbers: bytes, how many are taken
  kReceive,  // numbers: bytes
  kReading,  // numbers: 1 or 0
  kShutdown,
  kClose,
  kAbort,
  kSet,      // settings
  kInfo,     // comparisons
  kUse,      // comparisons
  kCounter,  // comparisons
  kEvent,    // word: "established", "closed refused", ...
  kSilence,  // numbers: nanoseconds
  kFlow,     // numbers: peer port, local port
  kRenew,    // numbers: offset
};

struct Line {
  int number = 0;
  std::string source;  // without comment and surrounding blanks
  std::string text;    // nor time
  When when;
  Verb verb = Verb::kIn;
  SegmentLine segment;
  IcmpLine icmp;
  millrace::TcpOptions options;
  std::vector<int64_t> numbers;
  std::vector<Comparison> comparisons;
  std::vector<std::pair<std::string, std::string>> settings;
  std::string word;
};

struct Script {
  std::string file;  // as messages name it
  millrace::ShardConfig config;
  std::vector<Line> lines;
};

// Errors: "FILE:LINE: what is wrong". `config` is where config lines start from.
millrace::Result<Script> parse_script(std::string file, std::string_view text,
                                      const millrace::ShardConfig& config);

// Fills `out`; on text that makes no sense returns what is wrong with it.
std::optional<std::string> parse_segment(std::string_view text, SegmentLine& out);
std::optional<std::string> parse_icmp(std::string_view text, IcmpLine& out);

std::string flag_letters(uint16_t flags);
std::string_view to_string(Comparison::Op op);
bool holds(Comparison::Op op, int64_t actual, int64_t expected);

}  // namespace script
