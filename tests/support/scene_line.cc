// SPDX-License-Identifier: BSD-3-Clause
#include "support/scene_line.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "support/naive_frame.h"

namespace millrace::test {
namespace {

constexpr std::string_view kLetters = "SFRP.UEWA";
constexpr uint16_t kLetterBits[] = {kSyn, kFin, kRst, kPsh, kAck, kUrg, kEce, kCwr, kAe};
constexpr std::string_view kEcnNames[] = {"notect", "ect1", "ect0", "ce"};

// Flags come first, so a number alone is a sequence number.
bool is_flag_word(std::string_view word) {
  return word.find_first_not_of("SFRP.UEWA[]01234567") == std::string_view::npos &&
         word.find_first_not_of("01234567") != std::string_view::npos;
}

bool parse_integer(std::string_view text, int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_number(std::string_view text, LineNumber& out) {
  if (text == "*") {
    out = {LineNumber::Kind::kAny, 0};
    return true;
  }
  out.kind = LineNumber::Kind::kRelative;
  if (text.starts_with('=')) {
    out.kind = LineNumber::Kind::kRaw;
    text.remove_prefix(1);
  }
  return parse_integer(text, out.value);
}

std::optional<std::string> parse_flags(std::string_view word, SegmentLine& out) {
  bool optional = false;
  for (char letter : word) {
    if (letter == '[' || letter == ']') {
      optional = letter == '[';
      continue;
    }
    if (letter >= '0' && letter <= '7') {
      out.flags |= static_cast<uint16_t>((letter - '0') << 6);
      continue;
    }
    const uint16_t bit = kLetterBits[kLetters.find(letter)];
    (optional ? out.flags_optional : out.flags) |= bit;
  }
  return std::nullopt;
}

std::optional<std::string> parse_seq(std::string_view word, SegmentLine& out) {
  const size_t colon = word.find(':');
  if (!parse_number(word.substr(0, colon), out.seq)) {
    return "'" + std::string(word) + "' is no sequence number";
  }
  if (colon == std::string_view::npos) return std::nullopt;
  int64_t end = 0;
  if (!parse_integer(word.substr(colon + 1), end) || out.seq.kind != LineNumber::Kind::kRelative ||
      end < out.seq.value) {
    return "'" + std::string(word) + "' is no range of sequence numbers";
  }
  out.payload_bytes = end - out.seq.value;
  return std::nullopt;
}

bool parse_sack_block(std::string_view text, std::pair<int64_t, int64_t>& out) {
  // The first character may be a sign.
  const size_t dash = text.find('-', 1);
  return dash != std::string_view::npos && parse_integer(text.substr(0, dash), out.first) &&
         parse_integer(text.substr(dash + 1), out.second);
}

std::optional<std::string> parse_option(std::string_view text, SegmentLine& out) {
  const auto words = split_words(text);
  const std::string wrong = "'" + std::string(text) + "' is no option";
  if (words.empty()) return wrong;
  int64_t n = 0;
  if (words[0] == "mss" && words.size() == 2 && parse_integer(words[1], n)) {
    out.mss = static_cast<uint16_t>(n);
  } else if (words[0] == "ws" && words.size() == 2) {
    // "ws *" asks for one of any size.
    if (words[1] != "*" && !parse_integer(words[1], n)) return wrong;
    out.window_shift = words[1] == "*" ? uint8_t{0xff} : static_cast<uint8_t>(n);
  } else if (words[0] == "ts" && words.size() == 3) {
    LineNumber value, echo;
    if (!parse_number(words[1], value) || !parse_number(words[2], echo)) return wrong;
    out.ts_value = value;
    out.ts_echo = echo;
  } else if (words[0] == "sackOK" && words.size() == 1) {
    out.sack_permitted = true;
  } else if (words[0] == "sack" && words.size() > 1) {
    out.any_sack = words[1] == "*" && words.size() == 2;
    for (size_t i = 1; i < words.size() && !out.any_sack; ++i) {
      if (!parse_sack_block(words[i], out.sack.emplace_back())) return wrong;
    }
  } else if (words[0] == "!sack") {
    out.no_sack = true;
  } else if (words[0] == "uto" && words.size() == 2 && parse_integer(words[1], n)) {
    out.user_timeout = static_cast<uint16_t>(n);
  } else if (words[0] == "!uto") {
    out.no_user_timeout = true;
  } else if (words[0] == "!mss") {
    out.no_mss = true;
  } else if (words[0] == "!ws") {
    out.no_window_shift = true;
  } else if (words[0] == "!ts") {
    out.no_timestamps = true;
  } else if (words[0] == "fo" && words.size() <= 2) {
    out.fast_open = words.size() == 2 ? words[1] : "";
  } else if (words[0] == "!fo") {
    out.no_fast_open = true;
  } else if (words[0] == "nop" || words[0] == "eol") {
    out.raw_options.push_back(words[0] == "nop" ? 1 : 0);
  } else if (words[0] == "raw") {
    for (size_t i = 1; i < words.size(); ++i) {
      out.raw_options.push_back(static_cast<uint8_t>(std::stoul(words[i], nullptr, 16)));
    }
  } else {
    return wrong;
  }
  return std::nullopt;
}

std::optional<std::string> parse_options(std::string_view text, SegmentLine& out) {
  while (true) {
    const size_t comma = text.find(',');
    if (auto wrong = parse_option(text.substr(0, comma), out)) return wrong;
    if (comma == std::string_view::npos) return std::nullopt;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const size_t end = text.find(' ');
    words.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return words;
    text.remove_prefix(end);
  }
}

std::string flag_letters(uint16_t flags) {
  std::string out;
  for (size_t i = 0; i < kLetters.size(); ++i) {
    if ((flags & kLetterBits[i]) != 0) out += kLetters[i];
  }
  return out.empty() ? "none" : out;
}

std::optional<std::string> parse_segment_line(std::string_view text, SegmentLine& out) {
  out = {};
  std::vector<std::string> behind;
  const size_t open = text.find('<');
  if (open != std::string_view::npos) {
    const size_t close = text.find('>', open);
    if (close == std::string_view::npos) return "'<' without '>'";
    if (auto wrong = parse_options(text.substr(open + 1, close - open - 1), out)) return wrong;
    behind = split_words(text.substr(close + 1));
    text = text.substr(0, open);
  }
  auto words = split_words(text);
  words.insert(words.end(), behind.begin(), behind.end());
  if (const auto at = std::find(words.begin(), words.end(), "dscp"); at != words.end()) {
    int64_t dscp = 0;
    if (at + 1 == words.end() || !parse_integer(at[1], dscp)) return "dscp without a number";
    out.dscp = static_cast<uint8_t>(dscp);
    words.erase(at, at + 2);
  }
  for (size_t ecn = 0; ecn < std::size(kEcnNames) && !words.empty(); ++ecn) {
    if (words.back() != kEcnNames[ecn]) continue;
    out.ecn = static_cast<uint8_t>(ecn);
    words.pop_back();
  }
  size_t i = 0;
  if (i < words.size() && is_flag_word(words[i])) {
    if (words[i] != "[]") {
      if (auto wrong = parse_flags(words[i], out)) return wrong;
    }
    ++i;
  } else {
    out.flags = kAck;
  }
  if (i >= words.size()) return "no sequence number";
  if (auto wrong = parse_seq(words[i++], out)) return wrong;
  for (; i + 1 < words.size(); i += 2) {
    if (words[i] == "ack") {
      LineNumber ack;
      if (!parse_number(words[i + 1], ack)) return "'" + words[i + 1] + "' is no ack number";
      out.ack = ack;
    } else if (words[i] == "win") {
      int64_t n = 0;
      if (!parse_integer(words[i + 1], n) || n < 0 || n > 65535) {
        return "'" + words[i + 1] + "' is no window";
      }
      out.window = static_cast<uint16_t>(n);
    } else {
      return "'" + words[i] + "' is no field";
    }
  }
  if (i != words.size()) return "'" + words[i] + "' lacks its value";
  return std::nullopt;
}

}  // namespace millrace::test
