// SPDX-License-Identifier: BSD-3-Clause
// HTTP/1.1 requests, strictly: where a request's head ends, and what it asks for. In: bytes that
// anybody may have sent, from the beginning of a request on, in pieces of any size. Out: "more is
// needed", a request, or the status that refuses it. Nothing is copied or allocated.
//
// What lets two readers of the same bytes disagree is refused rather than guessed at (RFC 9112
// section 11.2): a bare CR or LF, folded lines, space before a colon, a length that is no plain
// number or comes twice, a length together with a transfer coding, no host or two.
//
// Must hold: however the bytes are cut into pieces, the verdict is the same, and it falls with the
// first byte that decides it.
//
// RFC 9112 sections 2.2 (lines), 3 (request line), 5 (fields), 6 (body), 9.3 (persistence).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::http {

inline constexpr size_t kRequestLineBytesMax = 8192;  // longer: 414 (RFC 9112 section 3 asks 8000)
inline constexpr size_t kHeadBytesMax = 16384;        // request line and fields; longer: 431

enum class Method : uint8_t { kGet, kHead, kOther };

struct Request {
  Method method = Method::kOther;
  bool http_1_0 = false;        // such a client has to be told that the connection is kept
  bool keep_alive = true;       // the client wants to say more on this connection
  uint64_t content_length = 0;  // bytes of body that follow the head
  std::string_view target;      // path and query, as sent; "/" for the root
};

// Reads one head. A fresh object for each request.
class RequestReader {
 public:
  enum class Outcome : uint8_t { kMore, kRequest, kRefused };

  // `bytes`: everything since the end of the request before. After kMore, call again with the same
  // bytes and some further ones behind them; they may have moved in memory. Lines that were read
  // are not looked at again.
  Outcome read(std::string_view bytes);

  // After kRefused: 400, 414, 431, 501 or 505.
  [[nodiscard]] uint16_t status() const { return status_; }
  // After kRequest: how far the head goes, the empty line included.
  [[nodiscard]] size_t head_bytes() const { return line_begin_; }
  // After kRequest. `bytes` as given to the last read(); the target refers to them.
  [[nodiscard]] Request request(std::string_view bytes) const;

 private:
  Outcome refuse(uint16_t status);
  // All of these return the status that refuses the line, or 0.
  uint16_t judge_beginning(std::string_view line, bool whole) const;
  uint16_t read_request_line(std::string_view line);
  uint16_t read_target(std::string_view target);
  uint16_t read_field(std::string_view line);
  uint16_t read_connection(std::string_view value);
  [[nodiscard]] uint16_t judge_head() const;

  uint64_t content_length_ = 0;
  uint16_t line_begin_ = 0;    // of the line that is being read
  uint16_t target_begin_ = 0;  // 0: there is none in the bytes, it is the root
  uint16_t target_bytes_ = 0;
  uint16_t status_ = 0;
  Method method_ = Method::kOther;
  uint8_t empty_lines_ = 0;  // in front of the request line
  bool in_fields_ = false;   // the request line is behind us
  bool http_1_0_ = false;
  bool host_ = false;
  bool length_ = false;
  bool coded_ = false;  // Transfer-Encoding
  bool close_ = false;
  bool keep_alive_ = false;
};
static_assert(kHeadBytesMax <= UINT16_MAX);

}  // namespace millrace::http
