// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "millrace/http.h"

namespace millrace::http {
namespace {

using Outcome = ParsedRequest::Outcome;

constexpr std::string_view kEndOfHead = "\r\n\r\n";
constexpr size_t kMethodBytesMax = 32;

ParsedRequest refused(uint16_t status) { return {.outcome = Outcome::kRefused, .status = status}; }

// tchar of RFC 9110 section 5.6.2.
constexpr auto kTokenChars = [] {
  std::array<bool, 256> allowed{};
  for (int c = '0'; c <= '9'; ++c) allowed[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) allowed[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) allowed[static_cast<size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) allowed[static_cast<size_t>(c)] = true;
  return allowed;
}();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return kTokenChars[static_cast<uint8_t>(c)]; });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// `name` is in lower case.
bool equals(std::string_view text, std::string_view name) {
  return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                    [](char a, char b) { return lower(a) == b; });
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Control characters have no place in a field's value; TAB does, and bytes above ASCII.
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

// Before the header is complete, only what can never become right is refused: a beginning that is
// no method, so that a client of another protocol hears of it at once.
ParsedRequest judge_beginning(std::string_view bytes) {
  const size_t line_end = bytes.find('\r');
  const std::string_view line = bytes.substr(0, line_end);
  const std::string_view method = line.substr(0, line.find(' '));
  const bool method_known = method.size() != line.size();
  if (!method.empty() && (!is_token(method) || method.size() > kMethodBytesMax)) {
    return refused(400);
  }
  if (method.empty() && !line.empty()) return refused(400);
  if (bytes.find('\n') < line_end) return refused(400);
  if (line_end == std::string_view::npos && method_known &&
      line.size() > kTargetBytesMax + kMethodBytesMax) {
    return refused(414);
  }
  if (bytes.size() > kHeadBytesMax) return refused(431);
  return {};
}

struct Fields {
  bool host = false;
  bool close = false;
  bool keep_alive = false;
  bool coded = false;  // Transfer-Encoding
  std::optional<uint64_t> length;
};

// Returns the status that refuses the field, or 0.
uint16_t read_field(std::string_view line, Fields& fields) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return 400;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) return 400;
  switch (name.size()) {
    case 4:
      if (!equals(name, "host")) return 0;
      if (fields.host) return 400;
      fields.host = true;
      return 0;
    case 10: {
      if (!equals(name, "connection")) return 0;
      for (std::string_view rest = value; !rest.empty();) {
        const size_t comma = rest.find(',');
        const std::string_view option = trim(rest.substr(0, comma));
        fields.close = fields.close || equals(option, "close");
        fields.keep_alive = fields.keep_alive || equals(option, "keep-alive");
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      }
      return 0;
    }
    case 14: {
      if (!equals(name, "content-length")) return 0;
      uint64_t length = 0;
      const auto [end, error] = std::from_chars(value.begin(), value.end(), length);
      if (fields.length || value.empty() || error != std::errc{} || end != value.end()) return 400;
      fields.length = length;
      return 0;
    }
    case 17:
      fields.coded = fields.coded || equals(name, "transfer-encoding");
      return 0;
    default:
      return 0;
  }
}

// "GET /path HTTP/1.1". Returns the status that refuses the line, or 0.
uint16_t read_request_line(std::string_view line, Request& request, bool& old_version) {
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second == first) return 400;
  const std::string_view method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);

  if (!is_token(method) || method.size() > kMethodBytesMax) return 400;
  const bool target_plain =
      !target.empty() && std::all_of(target.begin(), target.end(), [](char c) {
        return static_cast<uint8_t>(c) > 0x20 && static_cast<uint8_t>(c) < 0x7f;
      });
  if (!target_plain) return 400;
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.' ||
      version[5] < '0' || version[5] > '9' || version[7] < '0' || version[7] > '9') {
    return 400;
  }
  if (version[5] != '1') return 505;
  old_version = version[7] == '0';
  if (target.size() > kTargetBytesMax) return 414;

  // The absolute form that proxies are given (RFC 9112 section 3.2.2) is accepted from everybody.
  constexpr std::string_view kScheme = "http://";
  if (target.size() > kScheme.size() && equals(target.substr(0, kScheme.size()), kScheme)) {
    const size_t slash = target.find('/', kScheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  } else if (target[0] != '/' && target != "*") {
    return 400;
  }
  request.method = method == "GET"    ? Method::kGet
                   : method == "HEAD" ? Method::kHead
                                      : Method::kOther;
  request.target = target;
  return 0;
}

ParsedRequest parse_head(std::string_view head) {
  ParsedRequest out;
  bool old_version = false;
  Fields fields;
  // Every line ends with CR LF; the last one is empty.
  for (bool first = true; !head.empty(); first = false) {
    const size_t end = head.find_first_of("\r\n");
    if (end == std::string_view::npos || head.substr(end, 2) != "\r\n") return refused(400);
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.empty()) break;
    const uint16_t status =
        first ? read_request_line(line, out.request, old_version) : read_field(line, fields);
    if (status != 0) return refused(status);
  }
  if (fields.coded) return refused(fields.length ? 400 : 501);
  if (!fields.host && !old_version) return refused(400);
  out.outcome = Outcome::kRequest;
  out.request.keep_alive = old_version ? fields.keep_alive && !fields.close : !fields.close;
  out.request.content_length = fields.length.value_or(0);
  return out;
}

}  // namespace

ParsedRequest parse_request(std::string_view bytes, size_t seen) {
  // An empty line in front of a request is skipped (RFC 9112 section 2.2).
  size_t skipped = 0;
  while (bytes.substr(skipped).starts_with("\r\n") && skipped < 4) skipped += 2;
  const std::string_view rest = bytes.substr(skipped);
  const size_t from = seen > skipped + 3 ? seen - skipped - 3 : 0;
  const size_t end = rest.find(kEndOfHead, from);
  if (end == std::string_view::npos) return judge_beginning(rest);
  const size_t head_bytes = end + kEndOfHead.size();
  if (head_bytes > kHeadBytesMax) {
    const ParsedRequest early = judge_beginning(rest.substr(0, head_bytes));
    return early.outcome == Outcome::kRefused ? early : refused(431);
  }
  ParsedRequest out = parse_head(rest.substr(0, head_bytes));
  out.head_bytes = skipped + head_bytes;
  return out;
}

}  // namespace millrace::http
