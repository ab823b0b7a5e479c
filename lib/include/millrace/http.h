// SPDX-License-Identifier: BSD-3-Clause
// HTTP/1.1 requests, strictly: where a request's header ends, and what it asks for. In: bytes that
// anybody may have sent, from the beginning of a request on. Out: "more is needed", a request, or
// the status that refuses it. Nothing is copied or allocated; a request refers to the bytes.
//
// What lets two readers of the same bytes disagree is refused rather than guessed at (RFC 9112
// section 11.2): a bare CR or LF, folded lines, space before a colon, a length that is no plain
// number or comes twice, a length together with a transfer coding.
//
// RFC 9112 sections 2.2 (lines), 3 (request line), 5 (fields), 6 (body), 9.3 (persistence).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::http {

inline constexpr size_t kHeadBytesMax = 8192;    // request line and fields; beyond it 431
inline constexpr size_t kTargetBytesMax = 4096;  // beyond it 414

enum class Method : uint8_t { kGet, kHead, kOther };

struct Request {
  Method method = Method::kOther;
  bool keep_alive = true;       // the client wants to say more on this connection
  uint64_t content_length = 0;  // bytes of body that follow the head
  std::string_view target;      // path and query, as sent; "/" for the root
};

struct ParsedRequest {
  enum class Outcome : uint8_t { kMore, kRequest, kRefused };

  Outcome outcome = Outcome::kMore;
  uint16_t status = 0;    // when refused: 400, 414, 431, 501, 505
  size_t head_bytes = 0;  // when a request: how far its header goes, the empty line included
  Request request;
};

// `seen` bytes at the front were in an earlier call that wanted more: they are not searched for the
// header's end again.
ParsedRequest parse_request(std::string_view bytes, size_t seen = 0);

}  // namespace millrace::http
