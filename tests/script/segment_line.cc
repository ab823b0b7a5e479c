// SPDX-License-Identifier: BSD-3-Clause
// The text of one segment, FLAGS SEQ [ack N] ... <OPTIONS>, and of an ICMP message about one.
#include <algorithm>
#include <charconv>

#include "frame.h"
#include "script.h"
#include "value.h"

namespace script {
namespace {

using Complaint = std::optional<std::string>;

constexpr std::pair<char, uint16_t> kLetters[] = {
    {'F', kFin}, {'S', kSyn}, {'R', kRst}, {'P', kPsh}, {'.', kAck},
    {'U', kUrg}, {'E', kEce}, {'W', kCwr}, {'A', kAe},
};

constexpr size_t kOptionBytesMax = 40;

constexpr const char* kEcnNames[] = {"not-ect", "ect1", "ect0", "ce"};

Complaint parse_flags(std::string_view text, SegmentLine& out) {
  bool optional = false;
  for (char letter : text) {
    if (letter == '[' || letter == ']') {
      optional = letter == '[';
      continue;
    }
    const auto* found = std::find_if(std::begin(kLetters), std::end(kLetters),
                                     [&](const auto& row) { return row.first == letter; });
    if (found == std::end(kLetters)) {
      return "'" + std::string(text) + "' is no set of flags: letters of FSRP.UEWA";
    }
    (optional ? out.flags_optional : out.flags) |= found->second;
  }
  return std::nullopt;
}

std::optional<Number> parse_number(std::string_view text) {
  if (text == "*") return Number{Number::Kind::kAny, 0};
  Number number;
  if (text.starts_with('=')) {
    number.kind = Number::Kind::kRaw;
    text.remove_prefix(1);
  }
  const std::optional<int64_t> value = parse_count(text);
  if (!value) return std::nullopt;
  number.value = *value;
  return number;
}

// N or N:M.
Complaint parse_range(std::string_view text, Number& from, int64_t& length) {
  const size_t colon = text.find(':');
  const std::optional<Number> begin = parse_number(text.substr(0, colon));
  if (!begin) return "'" + std::string(text) + "' is no sequence number: N or N:M";
  from = *begin;
  length = 0;
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<int64_t> end = parse_count(text.substr(colon + 1));
  if (!end || from.kind == Number::Kind::kAny || *end < from.value || *end - from.value > 65000) {
    return "'" + std::string(text) + "' is no range: N:M with M not before N";
  }
  length = *end - from.value;
  return std::nullopt;
}

Complaint parse_field(const std::vector<std::string>& words, size_t& at, uint16_t& out) {
  const std::string& name = words[at];
  const std::optional<int64_t> value =
      at + 1 < words.size() ? parse_count(words[at + 1]) : std::nullopt;
  if (!value || *value < 0 || *value > 65535) return name + " wants a number from 0 to 65535";
  out = static_cast<uint16_t>(*value);
  ++at;
  return std::nullopt;
}

Complaint parse_raw_option(const std::vector<std::string>& words, OptionLine& option) {
  const std::optional<int64_t> kind = words.size() >= 2 ? parse_count(words[1]) : std::nullopt;
  const std::string_view hex = words.size() >= 3 ? std::string_view(words[2]) : "";
  if (!kind || *kind < 2 || *kind > 255 || hex.size() % 2 != 0 || words.size() > 3) {
    return "opt wants a kind and an even number of hexadecimal digits";
  }
  option.kind = static_cast<uint8_t>(*kind);
  option.is_raw = true;
  for (size_t i = 0; i < hex.size(); i += 2) {
    uint8_t byte = 0;
    const char* end = hex.data() + i + 2;
    if (std::from_chars(hex.data() + i, end, byte, 16).ptr != end) {
      return "'" + std::string(hex) + "' is not hexadecimal";
    }
    option.raw.push_back(byte);
  }
  return std::nullopt;
}

Complaint parse_option(std::string_view text, SegmentLine& out) {
  OptionLine option;
  if (text.starts_with('!')) {
    option.absent = true;
    text.remove_prefix(1);
  }
  const std::vector<std::string> words = split_words(text);
  if (words.empty()) return "an option is missing between commas";
  const std::string& name = words[0];
  static constexpr std::pair<const char*, uint8_t> kKinds[] = {
      {"mss", 2}, {"ws", 3}, {"sackOK", 4}, {"sack", 5}, {"ts", 8}};
  for (const auto& [known, kind] : kKinds) {
    if (name == known) option.kind = kind;
  }
  if (name == "opt") {
    if (Complaint wrong = parse_raw_option(words, option)) return wrong;
  } else if (option.kind == 0) {
    return "there is no option '" + name + "': mss, ws, sackOK, sack, ts, opt";
  } else if (name == "sack") {
    for (size_t i = 1; i < words.size(); ++i) {
      Number from;
      int64_t length = 0;
      if (Complaint wrong = parse_range(words[i], from, length)) return wrong;
      option.numbers.push_back(from);
      option.numbers.push_back({from.kind, from.value + length});
    }
  } else {
    for (size_t i = 1; i < words.size(); ++i) {
      const std::optional<Number> number = parse_number(words[i]);
      if (!number) return "'" + words[i] + "' is no number";
      option.numbers.push_back(*number);
    }
  }
  if (!option.absent && !option.is_raw) {
    const size_t count = option.numbers.size();
    const bool fits = name == "ts"       ? count == 2
                      : name == "sackOK" ? count == 0
                      : name == "sack"   ? count >= 2 && count <= 8
                                         : count == 1;
    if (!fits) return name + " has the wrong number of values";
  }
  out.options.push_back(std::move(option));
  return std::nullopt;
}

// Without padding. Of an expected segment this is a lower bound.
size_t option_bytes(const SegmentLine& line) {
  size_t bytes = 0;
  for (const OptionLine& option : line.options) {
    if (option.absent) continue;
    size_t body = option.raw.size();
    if (!option.is_raw) {
      body = option.kind == 2 ? 2 : option.kind == 3 ? 1 : option.numbers.size() * 4;
    }
    bytes += 2 + body;
  }
  return bytes;
}

Complaint parse_options(std::string_view text, SegmentLine& out) {
  out.has_options = true;
  for (const std::string& piece : split_commas(text)) {
    if (piece == "...") {
      out.other_options_too = true;
    } else if (Complaint wrong = parse_option(piece, out)) {
      return wrong;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string flag_letters(uint16_t flags) {
  std::string text;
  for (const auto& [letter, flag] : kLetters) {
    if ((flags & flag) != 0) text += letter;
  }
  return text.empty() ? "[]" : text;
}

Complaint parse_segment(std::string_view text, SegmentLine& out) {
  out = {};
  const size_t open = text.find('<');
  if (open != std::string_view::npos) {
    const size_t close = text.find('>', open);
    if (close == std::string_view::npos) return "'<' without '>'";
    if (text.find_first_not_of(" \t", close + 1) != std::string_view::npos) {
      return "nothing may follow the options";
    }
    if (Complaint wrong = parse_options(text.substr(open + 1, close - open - 1), out)) return wrong;
    text = text.substr(0, open);
  }
  const std::vector<std::string> words = split_words(text);
  if (words.size() < 2) return "a segment is FLAGS SEQ [ack N] [win N] [<OPTIONS>]";
  if (Complaint wrong = parse_flags(words[0], out)) return wrong;
  if (Complaint wrong = parse_range(words[1], out.seq, out.payload_bytes)) return wrong;
  for (size_t i = 2; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto* ecn = std::find(std::begin(kEcnNames), std::end(kEcnNames), word);
    Complaint wrong;
    if (word == "ack") {
      if (i + 1 < words.size()) out.ack = parse_number(words[i + 1]);
      if (!out.ack) return "ack wants a sequence number";
      ++i;
    } else if (word == "win") {
      wrong = parse_field(words, i, out.window.emplace());
    } else if (word == "urg") {
      wrong = parse_field(words, i, out.urgent.emplace());
    } else if (word == "badsum") {
      out.bad_checksum = true;
    } else if (ecn != std::end(kEcnNames)) {
      out.ecn = static_cast<uint8_t>(ecn - std::begin(kEcnNames));
    } else {
      wrong = "'" + word + "' is no word of a segment: ack, win, urg, ect0, ect1, ce, badsum";
    }
    if (wrong) return wrong;
  }
  if (option_bytes(out) > kOptionBytesMax) return "the options do not fit into 40 bytes";
  if (((out.flags | out.flags_optional) & kAck) == 0 && out.ack) return "ack without the '.' flag";
  return std::nullopt;
}

Complaint parse_icmp(std::string_view text, IcmpLine& out) {
  static constexpr struct {
    const char* name;
    uint8_t type, code;
    bool has_mtu;
  } kKinds[] = {
      {"net-unreachable", 3, 0, false},      {"host-unreachable", 3, 1, false},
      {"protocol-unreachable", 3, 2, false}, {"port-unreachable", 3, 3, false},
      {"fragmentation-needed", 3, 4, true},  {"time-exceeded", 11, 0, false},
  };
  const std::vector<std::string> words = split_words(text);
  std::string names;
  for (const auto& kind : kKinds) {
    names += std::string(names.empty() ? "" : ", ") + kind.name;
    if (words.empty() || words[0] != kind.name) continue;
    out.type = kind.type;
    out.code = kind.code;
    size_t at = 0;
    if (kind.has_mtu) {
      if (Complaint wrong = parse_field(words, at, out.mtu)) return wrong;
    }
    if (words.size() != at + 2) return words[0] + " wants the SEQ of the host's segment";
    return parse_range(words[at + 1], out.seq, out.payload_bytes);
  }
  return "icmp is one of " + names;
}

}  // namespace script
