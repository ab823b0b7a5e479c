// SPDX-License-Identifier: BSD-3-Clause
#include "flow.h"

#include <algorithm>

namespace script {
namespace {

constexpr uint8_t kMss = 2, kWindowScale = 3, kSackPermitted = 4, kSack = 5, kTimestamps = 8;

uint32_t resolve(const Number& number, uint32_t base) {
  const uint32_t value = static_cast<uint32_t>(number.value);
  return number.kind == Number::Kind::kRaw ? value : base + value;
}

bool matches(const Number& number, uint32_t actual, uint32_t base) {
  return number.kind == Number::Kind::kAny || resolve(number, base) == actual;
}

std::string relative(uint32_t number, std::optional<uint32_t> base) {
  if (!base) return "=" + std::to_string(number);
  return std::to_string(static_cast<int32_t>(number - *base));
}

std::string format(const Number& number) {
  if (number.kind == Number::Kind::kAny) return "*";
  return (number.kind == Number::Kind::kRaw ? "=" : "") + std::to_string(number.value);
}

uint32_t big_endian(const std::vector<uint8_t>& body, size_t at) {
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) value = value << 8 | body[i];
  return value;
}

void append(std::vector<uint8_t>& body, uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) body.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// Where the payload of a segment lies in its sender's stream. The SYN comes before the first byte.
uint64_t stream_offset(uint32_t seq, uint32_t isn, bool syn) {
  return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(seq - isn)) - 1 +
                               (syn ? 1 : 0));
}

Option build(const OptionLine& line, const Flow& flow) {
  Option option{line.kind, line.raw};
  if (line.is_raw) return option;
  switch (line.kind) {
    case kMss:
      append(option.body, resolve(line.numbers[0], 0), 2);
      break;
    case kWindowScale:
      append(option.body, resolve(line.numbers[0], 0), 1);
      break;
    case kSack:
      for (const Number& edge : line.numbers) {
        append(option.body, resolve(edge, flow.local_isn.value_or(0)), 4);
      }
      break;
    case kTimestamps: {
      const Number& echo = line.numbers[1];
      append(option.body, resolve(line.numbers[0], 0), 4);
      append(option.body,
             echo.kind == Number::Kind::kAny ? flow.ts_latest
                                             : resolve(echo, flow.ts_base.value_or(0)),
             4);
      break;
    }
    default:
      break;
  }
  return option;
}

bool matches(const OptionLine& line, const Option& option, const Flow& flow) {
  if (line.kind != option.kind) return false;
  if (line.absent) return true;
  if (line.is_raw) return line.raw == option.body;
  const std::vector<uint8_t>& body = option.body;
  switch (line.kind) {
    case kMss:
      return body.size() == 2 && matches(line.numbers[0], uint32_t{body[0]} << 8 | body[1], 0);
    case kWindowScale:
      return body.size() == 1 && matches(line.numbers[0], body[0], 0);
    case kSackPermitted:
      return body.empty();
    case kSack:
      if (body.size() != line.numbers.size() * 4) return false;
      for (size_t i = 0; i < line.numbers.size(); ++i) {
        if (!matches(line.numbers[i], big_endian(body, i * 4), flow.peer_isn)) return false;
      }
      return true;
    case kTimestamps:
      return body.size() == 8 &&
             matches(line.numbers[0], big_endian(body, 0), flow.ts_base.value_or(0)) &&
             matches(line.numbers[1], big_endian(body, 4), 0);
    default:
      return false;
  }
}

std::string name_of(uint8_t kind) {
  static constexpr std::pair<uint8_t, const char*> kNames[] = {{kMss, "mss"},
                                                               {kWindowScale, "ws"},
                                                               {kSackPermitted, "sackOK"},
                                                               {kSack, "sack"},
                                                               {kTimestamps, "ts"}};
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return std::to_string(kind);
}

std::string format(const Option& option, const Flow& flow, bool from_host) {
  const std::vector<uint8_t>& body = option.body;
  const auto ts_base = [&](bool of_host) { return of_host ? flow.ts_base.value_or(0) : 0; };
  if (option.kind == kMss && body.size() == 2) {
    return "mss " + std::to_string(uint32_t{body[0]} << 8 | body[1]);
  }
  if (option.kind == kWindowScale && body.size() == 1) return "ws " + std::to_string(body[0]);
  if (option.kind == kSackPermitted && body.empty()) return "sackOK";
  if (option.kind == kSack && !body.empty() && body.size() % 8 == 0) {
    const std::optional<uint32_t> base = from_host ? flow.peer_isn : flow.local_isn;
    std::string text = "sack";
    for (size_t i = 0; i < body.size(); i += 8) {
      text +=
          " " + relative(big_endian(body, i), base) + ":" + relative(big_endian(body, i + 4), base);
    }
    return text;
  }
  if (option.kind == kTimestamps && body.size() == 8) {
    return "ts " + std::to_string(big_endian(body, 0) - ts_base(from_host)) + " " +
           std::to_string(big_endian(body, 4) - ts_base(!from_host));
  }
  std::string text = "opt " + std::to_string(option.kind) + " ";
  for (uint8_t byte : body) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// What is wrong with the options, or nothing.
std::string option_difference(const SegmentLine& line, const Segment& segment, const Flow& flow) {
  std::vector<bool> claimed(segment.options.size());
  for (const OptionLine& want : line.options) {
    bool found = false;
    for (size_t i = 0; i < segment.options.size() && !found; ++i) {
      found = matches(want, segment.options[i], flow);
      if (found) claimed[i] = true;
    }
    if (found == want.absent) {
      return "option " + name_of(want.kind) +
             (want.absent ? " should not be there" : " is not there as it should be");
    }
  }
  if (line.other_options_too) return "";
  for (size_t i = 0; i < claimed.size(); ++i) {
    if (!claimed[i]) return "option " + format(segment.options[i], flow, true) + " is too many";
  }
  return "";
}

std::string payload_difference(const Segment& segment, const Flow& flow) {
  if (!flow.local_isn) return "";
  const uint64_t offset = stream_offset(segment.seq, *flow.local_isn, (segment.flags & kSyn) != 0);
  for (size_t i = 0; i < segment.payload.size(); ++i) {
    if (segment.payload[i] == local_byte(offset + i)) continue;
    return "byte " + std::to_string(i) + " of the payload is not what the application sent";
  }
  return "";
}

}  // namespace

std::byte peer_byte(uint64_t offset) {
  return static_cast<std::byte>((offset * 7 + (offset >> 8) * 13 + 1) & 0xff);
}

std::byte local_byte(uint64_t offset) {
  return static_cast<std::byte>((offset * 11 + (offset >> 8) * 5 + 100) & 0xff);
}

Segment build(const SegmentLine& line, const Flow& flow) {
  Segment s;
  s.source_mac = kPeerMac;
  s.destination_mac = kLocalMac;
  s.source_ip = kPeerIp;
  s.destination_ip = kLocalIp;
  s.source_port = flow.peer_port;
  s.destination_port = flow.local_port;
  s.flags = line.flags;
  s.seq = resolve(line.seq, flow.peer_isn);
  if (line.ack) s.ack = resolve(*line.ack, flow.local_isn.value_or(0));
  s.window = line.window.value_or(65535);
  s.urgent = line.urgent.value_or(0);
  s.ecn = line.ecn.value_or(0);
  s.bad_checksum = line.bad_checksum;
  for (const OptionLine& option : line.options) s.options.push_back(build(option, flow));
  const uint64_t offset = stream_offset(s.seq, flow.peer_isn, (s.flags & kSyn) != 0);
  for (int64_t i = 0; i < line.payload_bytes; ++i) {
    s.payload.push_back(peer_byte(offset + static_cast<uint64_t>(i)));
  }
  return s;
}

IcmpError build(const IcmpLine& line, const Flow& flow) {
  IcmpError error{line.type, line.code, line.mtu, {}};
  Segment& s = error.about;
  s.source_mac = kLocalMac;
  s.destination_mac = kPeerMac;
  s.source_ip = kLocalIp;
  s.destination_ip = kPeerIp;
  s.source_port = flow.local_port;
  s.destination_port = flow.peer_port;
  s.seq = resolve(line.seq, flow.local_isn.value_or(0));
  s.payload.resize(static_cast<size_t>(line.payload_bytes));
  return error;
}

std::string difference(const SegmentLine& line, const Segment& s, const Flow& flow) {
  std::string text;
  const auto add = [&](const std::string& what, const std::string& actual,
                       const std::string& expected) {
    text += (text.empty() ? "" : "; ") + what + " is " + actual + ", not " + expected;
  };
  if ((s.flags & ~line.flags_optional) != (line.flags & ~line.flags_optional)) {
    add("flags", flag_letters(s.flags), flag_letters(line.flags));
  }
  if (!matches(line.seq, s.seq, flow.local_isn.value_or(0))) {
    add("seq", relative(s.seq, flow.local_isn), format(line.seq));
  }
  if (s.payload.size() != static_cast<size_t>(line.payload_bytes)) {
    add("payload", std::to_string(s.payload.size()) + " bytes", std::to_string(line.payload_bytes));
  }
  if (line.ack && !matches(*line.ack, s.ack, flow.peer_isn)) {
    add("ack", relative(s.ack, flow.peer_isn), format(*line.ack));
  }
  if (line.window && *line.window != s.window) {
    add("win", std::to_string(s.window), std::to_string(*line.window));
  }
  if (line.urgent && *line.urgent != s.urgent) {
    add("urg", std::to_string(s.urgent), std::to_string(*line.urgent));
  }
  if (line.ecn && *line.ecn != s.ecn) {
    add("ecn", std::to_string(s.ecn), std::to_string(*line.ecn));
  }
  std::string more = line.has_options ? option_difference(line, s, flow) : "";
  if (more.empty()) more = payload_difference(s, flow);
  if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
  return text;
}

std::string format(const Segment& s, const Flow& flow, bool from_host) {
  const std::optional<uint32_t> seq_base = from_host ? flow.local_isn : flow.peer_isn;
  const std::optional<uint32_t> ack_base = from_host ? flow.peer_isn : flow.local_isn;
  static constexpr const char* kEcnNames[] = {"", " ect1", " ect0", " ce"};
  std::string text = flag_letters(s.flags) + " " + relative(s.seq, seq_base);
  if (!s.payload.empty()) {
    text += ":" + relative(s.seq + static_cast<uint32_t>(s.payload.size()), seq_base);
  }
  if ((s.flags & kAck) != 0) text += " ack " + relative(s.ack, ack_base);
  text += " win " + std::to_string(s.window);
  if (s.urgent != 0) text += " urg " + std::to_string(s.urgent);
  text += kEcnNames[s.ecn];
  if (s.bad_checksum) text += " badsum";
  std::string options;
  for (const Option& option : s.options) {
    options += (options.empty() ? "" : ",") + format(option, flow, from_host);
  }
  return options.empty() ? text : text + " <" + options + ">";
}

}  // namespace script
