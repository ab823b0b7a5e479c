// SPDX-License-Identifier: BSD-3-Clause
// One line at a time, in the order in which they come. A line is judged when its LF is there, but
// for two things that are known earlier: that a method is none, so that a client of another
// protocol hears of it at once, and that a limit is passed.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "millrace/http.h"

namespace millrace::http {
namespace {

constexpr size_t kMethodBytesMax = 32;
constexpr uint8_t kEmptyLinesMax = 2;

// tchar of RFC 9110 section 5.6.2.
constexpr auto kTokenChars = [] {
  std::array<bool, 256> allowed{};
  for (int c = '0'; c <= '9'; ++c) allowed[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) allowed[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) allowed[static_cast<size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) allowed[static_cast<size_t>(c)] = true;
  return allowed;
}();

// How many characters of a token `text` begins with.
size_t token_bytes(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && kTokenChars[static_cast<uint8_t>(text[n])]) ++n;
  return n;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// `name` is in lower case.
bool equals(std::string_view text, std::string_view name) {
  return text.size() == name.size() && std::equal(text.begin(), text.end(), name.begin(),
                                                  [](char a, char b) { return lower(a) == b; });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Eight characters at a time. Each function's result is not 0 if one of them is what it says; which
// one, it tells by a set high bit, but for those behind the first.
constexpr uint64_t kEach = 0x0101010101010101;
constexpr uint64_t kHighBits = kEach * 0x80;
constexpr uint64_t below(uint64_t chars, uint8_t limit) {
  return (chars - kEach * limit) & ~chars & kHighBits;
}
constexpr uint64_t equal(uint64_t chars, uint8_t c) { return below(chars ^ (kEach * c), 1); }

// Whether `test`, of eight characters, is 0 throughout. The rest of fewer than eight is filled up
// with a letter, which no test minds.
template <class Test>
bool none(std::string_view text, Test test) {
  const char* at = text.data();
  size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t chars;
    std::memcpy(&chars, at, 8);
    if (test(chars) != 0) return false;
  }
  uint64_t chars = kEach * 'a';
  std::memcpy(&chars, at, left);
  return test(chars) == 0;
}

// Control characters have no place in a field's value; TAB does, and bytes above ASCII.
bool is_field_value(std::string_view text) {
  const bool no_controls =
      none(text, [](uint64_t chars) { return below(chars, 0x20) | equal(chars, 0x7f); });
  if (no_controls) [[likely]]
    return true;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool is_visible(std::string_view text) {
  return none(text, [](uint64_t chars) {
    return below(chars, 0x21) | equal(chars, 0x7f) | (chars & kHighBits);
  });
}

// Host and port, or nothing (RFC 9112 section 3.2), as far as the characters tell.
bool is_host(std::string_view text) {
  constexpr auto kAllowed = [] {
    std::array<bool, 256> allowed{};
    for (size_t c = 0x21; c < 0x7f; ++c) {
      allowed[c] =
          std::string_view("/\\?#@,\"<>").find(static_cast<char>(c)) == std::string_view::npos;
    }
    return allowed;
  }();
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return kAllowed[static_cast<uint8_t>(c)]; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

using Outcome = RequestReader::Outcome;

Outcome RequestReader::refuse(uint16_t status) {
  status_ = status;
  return Outcome::kRefused;
}

Outcome RequestReader::read(std::string_view bytes) {
  bytes = bytes.substr(0, kHeadBytesMax);
  for (;;) {
    const std::string_view rest = bytes.substr(line_begin_);
    const size_t end = rest.find('\n');
    const bool whole = end != std::string_view::npos;
    std::string_view line = rest.substr(0, end);
    if (!in_fields_) {
      if (const uint16_t status = judge_beginning(line, whole)) return refuse(status);
    }
    if (!whole) return bytes.size() == kHeadBytesMax ? refuse(431) : Outcome::kMore;
    if (line.empty() || line.back() != '\r') return refuse(400);
    line.remove_suffix(1);

    uint16_t status = 0;
    if (in_fields_) {
      status = line.empty() ? judge_head() : read_field(line);
    } else if (line.empty()) {
      // Skipped (RFC 9112 section 2.2), but not without end.
      if (++empty_lines_ > kEmptyLinesMax) status = 400;
    } else {
      status = read_request_line(line);
    }
    if (status != 0) return refuse(status);
    line_begin_ = static_cast<uint16_t>(line_begin_ + end + 1);
    if (in_fields_ && line.empty()) return Outcome::kRequest;
    if (!line.empty()) in_fields_ = true;
  }
}

Request RequestReader::request(std::string_view bytes) const {
  return {.method = method_,
          .http_1_0 = http_1_0_,
          .keep_alive = http_1_0_ ? keep_alive_ && !close_ : !close_,
          .content_length = content_length_,
          .target = target_begin_ == 0 ? "/" : bytes.substr(target_begin_, target_bytes_)};
}

// `line` may end with a CR, and may be any part of a request line when it is not whole.
uint16_t RequestReader::judge_beginning(std::string_view line, bool whole) const {
  const size_t space = line.substr(0, kMethodBytesMax + 1).find(' ');
  std::string_view method = line.substr(0, std::min(space, kMethodBytesMax + 1));
  if (space == std::string_view::npos && method.size() == line.size() && !line.empty() &&
      line.back() == '\r') {
    method.remove_suffix(1);
    if (method.empty() && line.size() == 1) return 0;
  }
  if (method.size() > kMethodBytesMax) return 400;
  if (line.size() > kRequestLineBytesMax) return 414;
  if (method.empty()) return line.empty() && !whole ? 0 : 400;
  return token_bytes(method) == method.size() ? 0 : 400;
}

// "GET /path HTTP/1.1"
uint16_t RequestReader::read_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return 400;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);

  if (target.empty() || !is_visible(target)) return 400;
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return 400;
  }
  if (version[5] != '1') return 505;
  http_1_0_ = version[7] == '0';
  method_ = method == "GET" ? Method::kGet : method == "HEAD" ? Method::kHead : Method::kOther;
  target_begin_ = static_cast<uint16_t>(line_begin_ + first + 1);
  target_bytes_ = static_cast<uint16_t>(target.size());
  // "host:port" is for CONNECT alone (RFC 9112 section 3.2.3).
  return method == "CONNECT" ? 0 : read_target(target);
}

uint16_t RequestReader::read_target(std::string_view target) {
  if (target.front() == '/' || (target == "*" && method_ == Method::kOther)) return 0;
  // The absolute form that proxies are given is accepted from everybody (RFC 9112 section 3.2.2).
  constexpr std::string_view kScheme = "http://";
  if (!equals(target.substr(0, kScheme.size()), kScheme)) return 400;
  const size_t authority_end = target.find_first_of("/?", kScheme.size());
  const std::string_view authority = target.substr(kScheme.size(), authority_end - kScheme.size());
  if (authority.empty() || !is_host(authority)) return 400;
  if (authority_end == std::string_view::npos || target[authority_end] == '?') {
    target_begin_ = 0;
  } else {
    target_begin_ = static_cast<uint16_t>(target_begin_ + authority_end);
    target_bytes_ = static_cast<uint16_t>(target.size() - authority_end);
  }
  return 0;
}

uint16_t RequestReader::read_field(std::string_view line) {
  const std::string_view name = line.substr(0, token_bytes(line));
  if (name.empty() || name.size() == line.size() || line[name.size()] != ':') return 400;
  std::string_view value = line.substr(name.size() + 1);
  if (!is_field_value(value)) return 400;
  value = trim(value);
  switch (name.size()) {
    case 4:
      if (!equals(name, "host")) return 0;
      if (host_ || !is_host(value)) return 400;
      host_ = true;
      return 0;
    case 10:
      return equals(name, "connection") ? read_connection(value) : uint16_t{0};
    case 14: {
      if (!equals(name, "content-length")) return 0;
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), content_length_);
      if (length_ || error != std::errc{} || end != value.data() + value.size()) return 400;
      length_ = true;
      return 0;
    }
    case 17:
      coded_ = coded_ || equals(name, "transfer-encoding");
      return 0;
    default:
      return 0;
  }
}

uint16_t RequestReader::read_connection(std::string_view value) {
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    const std::string_view option = trim(value.substr(0, comma));
    close_ = close_ || equals(option, "close");
    keep_alive_ = keep_alive_ || equals(option, "keep-alive");
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return 0;
}

// What no single line can tell.
uint16_t RequestReader::judge_head() const {
  if (!host_ && !http_1_0_) return 400;
  if (!coded_) return 0;
  // HTTP/1.0 knows no transfer codings, and a length beside one is an attack or a fault (RFC 9112
  // section 6.1). A body in chunks is what this server does not read.
  return length_ || http_1_0_ ? 400 : 501;
}

}  // namespace millrace::http
